"""The sandbox: a payment gateway for development, tests and simulation, with no network and no money.

`adapter` follows the protocol; `server` is the gateway's side of it, with browser and dashboard; `tokens` scripts
every outcome; `amounts` are what it takes; `network` fails on request; `memory` keeps it all in a file of its own.
"""

from interact_ledger.gateways.sandbox.adapter import SandboxGateway
from interact_ledger.gateways.sandbox.memory import KeptCard
from interact_ledger.gateways.sandbox.notices import Delivery
from interact_ledger.gateways.sandbox.results import Captured, Chargeable
from interact_ledger.gateways.sandbox.tokens import SANDBOX_TOKENS, Fault, Script

__all__ = [
    "SANDBOX_TOKENS",
    "Captured",
    "Chargeable",
    "Delivery",
    "Fault",
    "KeptCard",
    "SandboxGateway",
    "Script",
]
