"""The topics that the audit knows, and what each names: written down here again, by hand.

A test compares this table with the events themselves, so that a new event cannot be forgotten here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["PAID_BACK", "RETURNED", "TOPICS", "Topic"]


@dataclass(frozen=True, slots=True)
class Topic:
    """What the audit knows of one kind of event."""

    subjects: tuple[str, ...] = ()
    """The fields under which it is found again: its own operation first."""
    starts: bool = False
    """Whether it is the first event of its own operation."""
    command: bool = False
    """Whether it is asked for; the others are facts, which a closed account takes too."""
    debits: bool = False
    """Whether a suspended account must not have it."""
    versions: tuple[int, ...] = (1,)


_OPERATION = ("operation_id",)
_FACT = Topic()
_STEP = Topic(_OPERATION)
_REFUND_STEP = Topic(("operation_id", "transaction_id"))
_COMMAND = Topic(command=True)

TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        # The account and its standing
        "account-opened": _FACT,
        "account-details-changed": _COMMAND,
        "tax-number-verified": _COMMAND,
        "tax-number-withdrawn": _COMMAND,
        "account-suspended": _COMMAND,
        "account-reinstated": _COMMAND,
        "account-closed": Topic(_OPERATION, starts=True, command=True),
        "low-balance-threshold-set": _COMMAND,
        # Checkout and top-up
        "checkout-quoted": Topic(("quote_id",), starts=True, command=True),
        "top-up-requested": Topic(("operation_id", "quote_id"), starts=True, command=True),
        "payment-attempted": Topic(_OPERATION, command=True),
        "payment-retried": _STEP,
        "payment-begun": _STEP,
        "payment-pending": _STEP,
        "payment-action-required": _STEP,
        "payment-declined": _STEP,
        "payment-not-attempted": _STEP,
        "payment-unknown": _STEP,
        "payment-cancel-requested": _STEP,
        "payment-cancelled": _STEP,
        "payment-captured": _STEP,
        "capture-mismatched": _STEP,
        # Refunds
        "refund-requested": Topic(("operation_id", "transaction_id"), starts=True, command=True),
        "refund-attempted": Topic(("operation_id", "transaction_id"), command=True),
        "refund-retried": _REFUND_STEP,
        "refund-pending": _REFUND_STEP,
        "refund-queued": _REFUND_STEP,
        "refund-unknown": _REFUND_STEP,
        "refund-failed": _REFUND_STEP,
        "refunded": _REFUND_STEP,
        "refund-mismatched": _REFUND_STEP,
        "refund-returned": _REFUND_STEP,
        # What takes a charge back without our asking
        "payment-reversed": _STEP,
        "dispute-opened": Topic(("operation_id", "transaction_id"), starts=True),
        "dispute-evidence-due": _REFUND_STEP,
        "dispute-won": _REFUND_STEP,
        "dispute-lost": _REFUND_STEP,
        "refund-made-elsewhere": Topic(("operation_id", "transaction_id"), starts=True),
        "refund-elsewhere-returned": _REFUND_STEP,
        # Cards
        "gateway-customer-linked": _FACT,
        "card-saving-requested": Topic(_OPERATION, starts=True, command=True),
        "card-saving-attempted": Topic(_OPERATION, command=True),
        "card-saving-retried": _STEP,
        "card-saving-pending": _STEP,
        "card-saving-action-required": _STEP,
        "card-saving-unknown": _STEP,
        "card-saving-cancel-requested": _STEP,
        "card-saving-failed": _STEP,
        "card-saved": Topic(("operation_id", "card_id")),
        "card-removal-requested": Topic(("operation_id", "card_id"), starts=True, command=True),
        "card-removed": Topic(("operation_id", "card_id")),
        "card-detached": Topic(("operation_id", "card_id")),
        "card-updated": Topic(("operation_id", "card_id")),
        "default-card-chosen": _COMMAND,
        # Notices
        "notice-received": Topic(("mark", "operation_id"), starts=True),
        "notice-unexplained": Topic(("mark",), starts=True),
        # Spending
        "spent": Topic(_OPERATION, starts=True, command=True, debits=True),
        "spend-reversed": Topic(("operation_id", "spend_id"), starts=True, command=True),
        # Rented numbers
        "number-rented": Topic(_OPERATION, command=True, debits=True),
        "number-rental-charged": Topic(_OPERATION, starts=True, command=True, debits=True),
        "number-rental-unpaid": _COMMAND,
        "number-released": _COMMAND,
        # Holds
        "funds-held": Topic(_OPERATION, starts=True, command=True, debits=True),
        "hold-settled": Topic(("operation_id", "hold_id"), starts=True, command=True, debits=True),
        "hold-released": Topic(("operation_id", "hold_id"), starts=True, command=True),
        "hold-expired": Topic(("hold_id",), command=True),
        # Automatic payments
        "auto-top-up-enabled": _COMMAND,
        "auto-top-up-started": Topic(("quote_id",), command=True),
        "auto-top-up-failed": _STEP,
        "auto-top-up-postponed": _FACT,
        "auto-top-up-paused": _FACT,
        "auto-top-up-resumed": _FACT,
        "auto-top-up-disabled": _COMMAND,
        "monthly-recharge-enabled": _COMMAND,
        "monthly-recharge-started": Topic(("quote_id",), command=True),
        "monthly-recharge-postponed": _STEP,
        "monthly-recharge-called-off": _STEP,
        "monthly-recharge-disabled": _FACT,
        "card-expiry-announced": _COMMAND,
        # Adjustments
        "balance-adjusted": Topic(_OPERATION, starts=True, command=True),
        # Granted credit
        "credit-granted": Topic(_OPERATION, starts=True, command=True),
        "credit-expired": Topic(("lot_id",), command=True),
        # The seller's invoice book
        "invoice-issued": Topic(("invoice_id",), starts=True),
        # The seller's book of credit notes
        "credit-note-issued": Topic(("credit_note_id",), starts=True),
        "credit-note-cancelled": Topic(("cancellation_id", "credit_note_id"), starts=True),
    }
)
"""By topic."""

PAID_BACK = frozenset({"refunded", "refund-mismatched", "refund-made-elsewhere"})
"""What a credit note is of."""

RETURNED = frozenset({"refund-returned", "refund-elsewhere-returned"})
"""What cancels a credit note."""
