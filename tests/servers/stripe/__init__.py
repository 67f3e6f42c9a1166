"""A loopback server that speaks Stripe's HTTP protocol, with state of its own and faults at the wire.

`server` is the HTTP and the world around it, `api` the endpoints with their idempotency keys, `intents`, `refunds` and
`disputes` what moves objects, `dashboard` what is done without us, `state` the objects themselves, `cards` the test
tokens.
"""

from servers.stripe.api import API_KEY, Answered, Asked
from servers.stripe.cards import TEST_TOKENS, Decline, Outcome, Script
from servers.stripe.faults import Fault
from servers.stripe.server import Exchange, StripeServer

__all__ = [
    "API_KEY",
    "TEST_TOKENS",
    "Answered",
    "Asked",
    "Decline",
    "Exchange",
    "Fault",
    "Outcome",
    "Script",
    "StripeServer",
]
