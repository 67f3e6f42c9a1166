"""Prepaid balances: an event-sourced ledger with pluggable payment gateways.

`Ledger` opens one and has its verbs. Errors are in `interact_ledger.errors`, the gateway protocol in
`interact_ledger.gateways.protocol`, and what tests of services need in `interact_ledger.testing`.
"""

from importlib.metadata import version

from interact_ledger.audit import AuditReport, Finding
from interact_ledger.clock import Clock, MovableClock, SystemClock
from interact_ledger.domain.card_testing import CardAttempt
from interact_ledger.errors import LedgerError
from interact_ledger.ledger import Ledger
from interact_ledger.pricing.availability import PaymentMethod
from interact_ledger.pricing.campaign_file import read_campaign
from interact_ledger.pricing.catalogue import Item, Message, Number
from interact_ledger.pricing.estimator import Estimate, ItemEstimate
from interact_ledger.processes.look_again import LookedAgain, News, Unanswered
from interact_ledger.processes.notices import NoticeOutcome, ReceivedNotice
from interact_ledger.processes.recovery import Recovered
from interact_ledger.processes.schedule import Done
from interact_ledger.projections.checkouts import CheckoutSummary
from interact_ledger.projections.receipts import Receipt
from interact_ledger.projections.statement import Balance, Statement, StatementLine
from interact_ledger.replica import LedgerReplica
from interact_ledger.settings import Seller, Settings
from interact_ledger.storage.elsewhere import EventsElsewhere
from interact_ledger.storage.guarantees import Guarantees
from interact_ledger.verbs.reading import AccountPage
from interact_ledger.views import (
    AccountDetails,
    AutomaticPayments,
    AutoTopUpDetails,
    CardSavingResult,
    CreditNote,
    DisputeDetails,
    GrantedCredit,
    HoldResult,
    MonthlyRechargeDetails,
    PurchaseResult,
    RefundResult,
    RentedNumberDetails,
    ReplicaLag,
    SavedCardDetails,
    Tax,
    TopUpResult,
)

__all__ = [
    "AccountDetails",
    "AccountPage",
    "AuditReport",
    "AutoTopUpDetails",
    "AutomaticPayments",
    "Balance",
    "CardAttempt",
    "CardSavingResult",
    "CheckoutSummary",
    "Clock",
    "CreditNote",
    "DisputeDetails",
    "Done",
    "Estimate",
    "EventsElsewhere",
    "Finding",
    "GrantedCredit",
    "Guarantees",
    "HoldResult",
    "Item",
    "ItemEstimate",
    "Ledger",
    "LedgerError",
    "LedgerReplica",
    "LookedAgain",
    "Message",
    "MonthlyRechargeDetails",
    "MovableClock",
    "News",
    "NoticeOutcome",
    "Number",
    "PaymentMethod",
    "PurchaseResult",
    "Receipt",
    "ReceivedNotice",
    "Recovered",
    "RefundResult",
    "RentedNumberDetails",
    "ReplicaLag",
    "SavedCardDetails",
    "Seller",
    "Settings",
    "Statement",
    "StatementLine",
    "SystemClock",
    "Tax",
    "TopUpResult",
    "Unanswered",
    "__version__",
    "read_campaign",
]

__version__ = version("interact_ledger")
