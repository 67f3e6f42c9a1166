"""What a payment gateway adapter is. To write one, read this file and nothing else of this package.

The ledger calls an adapter only between two writes of its own: the intent is durable before the call, the outcome
after it. Whatever happens to the process in between, recovery asks `find_charge` what became of the intent. Hence
the three rules on which the safety of money rests:

1. **An attempt's id is the gateway's idempotency key.** Repeating the same attempt never charges twice.
2. **`Unknown` is a result.** If any try of an attempt may have reached the gateway and its answer was lost, the
   outcome is `Unknown`, whatever later tries of the same call said. `NotAttempted` is said only when every try
   surely failed before it was sent, or was refused outright. Retries inside an SDK hide the difference: switch
   them off.
3. **Nothing is sent after `send_before`.** Check it immediately before each request that can charge.

Money results are values. Exceptions (`GatewayMisconfigured`, `GatewayUnsupported`, `GatewayInvalidRequest`,
`GatewayCustomerGone`, `ChargeNotSettled`, `NoticeRejected` of `interact_ledger.errors`) are for what is not about
money. Tokens never show in a `repr`.
All amounts are gross `moneyed.Money` in the currency's minor unit as ISO 4217 has it; an adapter owns the
exponent and step in which its gateway wants them. All times are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from moneyed import Money

__all__ = [
    "ActionRequired",
    "Advice",
    "AfterCapture",
    "Begun",
    "Cancelled",
    "Capabilities",
    "CardDetails",
    "CardFunding",
    "CardRequest",
    "CardResult",
    "CardSaved",
    "ChargeRequest",
    "ChargeResult",
    "CurrencyTerms",
    "DeclineReason",
    "Declined",
    "Dispute",
    "DisputeStatus",
    "ForgetResult",
    "Forgotten",
    "Found",
    "Gateway",
    "Indeterminate",
    "Initiator",
    "NewCard",
    "NotAttempted",
    "NotFound",
    "Notice",
    "NoticeSubject",
    "PaymentSource",
    "Pending",
    "RefundMade",
    "RefundRequest",
    "RefundResult",
    "Refunded",
    "SavedCard",
    "Succeeded",
    "Unknown",
]


class Initiator(StrEnum):
    """Who sets a charge off; card schemes want to be told each time."""

    CUSTOMER = "customer"
    UNSCHEDULED = "unscheduled"
    """The merchant, when a balance runs low (auto top-up)."""
    RECURRING = "recurring"
    """The merchant, on an agreed day (monthly recharge)."""


class DeclineReason(StrEnum):
    """Why a card was declined, in one vocabulary for all gateways."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED_CARD = "expired_card"
    INCORRECT_DETAILS = "incorrect_details"
    LOST_OR_STOLEN = "lost_or_stolen"
    FRAUD = "fraud"
    AUTHENTICATION_REQUIRED = "authentication_required"
    AUTHENTICATION_FAILED = "authentication_failed"
    METHOD_UNUSABLE = "method_unusable"
    LIMIT_EXCEEDED = "limit_exceeded"
    DO_NOT_HONOUR = "do_not_honour"
    OTHER = "other"


class Advice(StrEnum):
    """What may be tried after a decline."""

    NEVER = "never"
    """Never charge this card again."""
    NEW_METHOD = "new_method"
    """Another card, or the same one with its details put right."""
    CUSTOMER_PRESENT = "customer_present"
    """The same card, with the customer there to authenticate."""
    LATER = "later"
    """The same card, at another time."""


class CardFunding(StrEnum):
    """Where a card's money comes from."""

    CREDIT = "credit"
    DEBIT = "debit"
    PREPAID = "prepaid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDetails:
    """What may be shown and kept of a card."""

    brand: str
    """Lower case with underscores: visa, mastercard, american_express, maestro, discover, jcb, …"""
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: CardFunding = CardFunding.UNKNOWN


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card that the customer just typed into the gateway's own fields."""

    token: str = field(repr=False)
    """The gateway's one-time token or nonce. Never stored by the ledger."""


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card that the gateway keeps for us."""

    token: str = field(repr=False)
    """The gateway's reusable token."""


PaymentSource: TypeAlias = NewCard | SavedCard


# Requests ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """One attempt to charge a card, all but its token: equal on every repeat, but for `reference`."""

    attempt_id: str
    """The idempotency key at the gateway."""
    transaction_id: str
    """Our id of the top-up, the same for each of its attempts; put it into the gateway's metadata."""
    account_id: str
    """Our account; put it into the gateway's metadata."""
    customer_id: str
    """The customer at the gateway, as `link_customer` returned it."""
    amount: Money
    save_card: bool
    """Whether the customer chose to save the new card. If not, nothing chargeable may stay behind."""
    initiator: Initiator
    send_before: datetime
    """Nothing that can charge may be sent from this moment on."""
    reference: str | None = None
    """What `begin` returned for this attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRequest:
    """One attempt to save a card without charging it, all but its token."""

    attempt_id: str
    """The idempotency key at the gateway."""
    saving_id: str
    """Our id of the saving, the same for each of its attempts; put it into the gateway's metadata."""
    account_id: str
    customer_id: str
    send_before: datetime
    reference: str | None = None
    """The gateway's id of the saving, once it has said one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """One attempt to pay back all or part of a captured charge."""

    attempt_id: str
    """The idempotency key at the gateway."""
    refund_id: str
    """Our id of the refund, the same for each of its attempts; put it into the gateway's metadata."""
    transaction_id: str
    """Our id of the top-up that is paid back."""
    account_id: str
    charge_reference: str
    """The reference under which the charge succeeded."""
    amount: Money
    """What to pay back, gross."""
    send_before: datetime


# Results ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Something that can later be charged exists at the gateway; nothing can be charged yet."""

    reference: str
    client_secret: str | None = field(default=None, repr=False)
    """For the browser. Never stored by the ledger; it is fetched again when needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSaved:
    """The gateway keeps the card for us."""

    reference: str
    """The gateway's id of the saving (its setup object), or of the card where it has none."""
    token: str = field(repr=False)
    """The reusable token."""
    details: CardDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The money is captured."""

    reference: str
    amount: Money
    """What the gateway says it captured, gross."""
    captured_at: datetime
    """The gateway's own time."""
    card: CardDetails
    saved_card: CardSaved | None = None
    """The card, if the request asked to save it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The gateway will know later; a notice or `find_charge` will tell."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequired:
    """The customer must authenticate in the browser before the charge or the saving can go on."""

    reference: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A definite no."""

    reason: DeclineReason
    advice: Advice
    raw_code: str
    """The gateway's own code, for support."""
    reference: str | None = None
    still_payable: bool = False
    """Whether the gateway's object could yet be paid by someone; the ledger then cancels it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The gateway's object is cancelled and can no longer be paid."""

    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAttempted:
    """No try of this call reached the gateway, for sure. What an earlier call sent is for the ledger to remember."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A try may have reached the gateway and its answer was lost. Look it up; never send it under a new key."""

    why: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The gateway no longer keeps the card, or never did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """The money is on its way back."""

    reference: str
    amount: Money
    refunded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """The gateway knows of no such thing, and its look-ups have caught up with the attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indeterminate:
    """The look-up itself failed or may lag; ask again later."""

    why: str


ChargeResult: TypeAlias = Succeeded | Pending | ActionRequired | Declined | Cancelled | NotAttempted | Unknown
CardResult: TypeAlias = CardSaved | Pending | ActionRequired | Declined | Cancelled | NotAttempted | Unknown
ForgetResult: TypeAlias = Forgotten | NotAttempted | Unknown
RefundResult: TypeAlias = Refunded | Pending | Declined | NotAttempted | Unknown


ResultT_co = TypeVar("ResultT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Found(Generic[ResultT_co]):
    """The gateway knows it, and this is its present state."""

    result: ResultT_co


# What happens to a charge after its capture --------------------------------------------------------------------------


class DisputeStatus(StrEnum):
    """Where a dispute stands. An inquiry or an early warning that takes no money is no dispute."""

    OPEN = "open"
    """Whatever is neither won nor lost."""
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """The cardholder's bank wants (part of) a charge back; as it is now."""

    reference: str
    status: DisputeStatus
    amount: Money
    """What is disputed, gross, in the charge's currency."""
    reason: str
    """The gateway's own word for it, for a person."""
    opened_at: datetime
    evidence_due_by: datetime | None = None
    """Until when the gateway takes evidence, if it says so."""
    fee: Money | None = None
    """What the gateway takes for the dispute, if it says so; may be in another currency."""
    decided_at: datetime | None = None
    """When it was won or lost, if the gateway says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundMade:
    """One refund of the charge that went out, whoever made it."""

    reference: str
    amount: Money
    refunded_at: datetime
    operation_id: str | None
    """Our refund, from the object's metadata; None for one made in the gateway's dashboard."""
    returned: bool = False
    """Whether the customer's bank sent it back afterwards, so that the money is with us again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterCapture:
    """All that left a captured charge again, as it is now."""

    refunds: tuple[RefundMade, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    reversed_at: datetime | None = None
    """When the charge's settlement failed after the capture: the money never came."""
    reversal_code: str | None = None
    """The gateway's own code for that."""


# Notices ----------------------------------------------------------------------------------------------------------


class NoticeSubject(StrEnum):
    """What a notice is about."""

    CHARGE = "charge"
    CARD = "card"
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An authentic hint that something changed; the object's present state is looked up, never read from it."""

    notice_id: str
    """The same for each delivery of the same notice."""
    subject: NoticeSubject
    reference: str
    """The gateway's id of the charge, saving, refund or dispute."""
    operation_id: str | None
    """Our id of the top-up, saving or refund from the object's metadata, None if it bears none (a foreign object)."""
    occurred_at: datetime
    charge_reference: str | None = None
    """The captured charge that a refund, dispute or charge notice concerns, named as in `Succeeded.reference`."""
    customer_id: str | None = None
    """The gateway's customer, for notices about cards, and about charges without our metadata."""


# Capabilities -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyTerms:
    """What one currency may be charged in at this gateway; decimal amounts in the currency's major unit."""

    step: Decimal
    """Amounts must be multiples of this (ISK at some gateways: 1, though sent as hundredths)."""
    minimum: Decimal
    maximum: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a gateway can do, declared once and checked by the conformance kit.

    Charging, finding, cancelling and repeating are what a gateway is; there is no word for being without them. For
    whatever else is not declared here the adapter raises `GatewayUnsupported`, before anything is sent.
    """

    currencies: Mapping[str, CurrencyTerms]
    """By ISO 4217 code."""
    countries: frozenset[str] | None
    """ISO 3166-1 alpha-2 codes of customers served, None for all."""
    brands: frozenset[str]
    """Card brands, named as in `CardDetails.brand`."""
    saves_cards: bool
    """Whether it keeps cards at all, and forgets them: while they pay, `charge` with a `SavedCard`; `forget`; and
    `find_saved_card`."""
    saves_without_charging: bool
    """Whether it keeps a card that does not pay: `save` and what belongs to it. Never without `saves_cards`."""
    refunds: bool
    """Whether it pays back at all: `refund` and `find_refund`."""
    partial_refunds: bool
    refunds_before_settlement: bool
    """Whether what was captured and is not settled yet can be paid back, in part too if `partial_refunds`."""
    tells_after_capture: bool
    """Whether it tells of disputes, of refunds made elsewhere and of failed settlements: `find_after_capture`."""
    sends_every_notice: bool
    """Whether a notice follows whatever others do there to a charge or to a kept card. If not, the ledger's
    `look_again` asks this gateway, also where it is not named."""
    replay_window: timedelta
    """How long repeating an attempt's id is safe; zero if the gateway has no such keys. An attempt is only repeated
    where this covers `send_within`, the clocks' allowed difference and the safe delay together."""
    settles_within: timedelta
    """How long a request may still take effect after its answer timed out."""
    lookup_lag: timedelta
    """How far look-ups may lag behind what was charged."""

    @property
    def safe_delay(self) -> timedelta:
        """How long after `send_before` "not found" is proof that nothing was charged."""
        return self.settles_within + self.lookup_lag


# The protocol -----------------------------------------------------------------------------------------------------


@runtime_checkable
class Gateway(Protocol):
    """A payment gateway. Methods may be called from several threads at once."""

    @property
    def gateway_id(self) -> str:
        """A short, stable name, stored in events: letters, digits, underscores."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def link_customer(self, account_id: str) -> str:
        """Return the gateway's id for the account's customer, creating it if need be; idempotent by account.

        One that was deleted there is never returned: another is created, under an id of its own or the same one.
        Raises `GatewayError` if that cannot be done; nothing chargeable depends on it yet.
        """
        ...

    def begin(self, request: ChargeRequest) -> Begun | NotAttempted | Unknown | None:
        """Create what can later be charged, or return None where the gateway has no such step. Idempotent.

        As `charge` and `save`, raises `GatewayCustomerGone` if this call did nothing because the customer was surely
        deleted; the ledger then links another.
        """
        ...

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Charge the card. Repeating the same attempt returns its present state."""
        ...

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        """Tell the present state of an attempt, found by its reference or by our ids. Changes nothing.

        `Begun` says that it exists and was never sent for charging.
        """
        ...

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Make sure the attempt can no longer be paid. `Succeeded` if it was paid already. Idempotent."""
        ...

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Save a card without charging it. Idempotent by attempt."""
        ...

    def complete_save(self, request: CardRequest) -> CardResult:
        """Go on with a saving after the customer authenticated; returns its present state."""
        ...

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Make sure the saving can no longer be completed. `CardSaved` if it was already. Idempotent."""
        ...

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Tell the present state of a saving. Changes nothing."""
        ...

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Make the saved card unusable. Already gone is success."""
        ...

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Found[CardDetails] | NotFound | Indeterminate:
        """Tell what the gateway now knows of a saved card, which networks update. Changes nothing.

        `NotFound` says that it surely keeps the card no more for this customer: detached, or deleted.
        """
        ...

    def refund(self, request: RefundRequest) -> RefundResult:
        """Pay back. Idempotent by attempt.

        Raises `ChargeNotSettled`, before anything is sent, if this can be paid back only once the charge has settled;
        the ledger then keeps the refund queued and tries it again by another attempt.
        """
        ...

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Tell the present state of a refund. Changes nothing."""
        ...

    def find_after_capture(self, charge_reference: str) -> Found[AfterCapture] | NotFound | Indeterminate:
        """Tell all that left a captured charge again, and may yet: each refund, each dispute, a failed settlement.

        Nothing is left out: what is not in the answer did not happen by now. `NotFound` if there is no such charge.
        Changes nothing.
        """
        ...

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """Verify a webhook and say what it is about.

        Raises `NoticeRejected` for anything not authentic, too old, from the future, or unreadable.
        """
        ...
