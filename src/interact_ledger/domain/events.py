"""Every fact the ledger knows, and the format in which it is kept on disk for ever.

An event says what happened, in the past tense, with its results: prices, taxes and splits are decided before and
written here, so that a changed rule never rewrites history. A stored event is a `Recorded` envelope (where in which
stream, when, caused by whom) around one of the classes below. The amounts of an event are in its `currency`.

Once released, a class's TOPIC, its field names and their meaning never change. A new optional field may be added
with a default. Anything else takes a new VERSION and an entry in UPCASTS that turns the old form into the new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from interact_ledger.gateways.protocol import Advice, CardFunding, DeclineReason, Initiator, NoticeSubject
from interact_ledger.money import Amount, CurrencyCode

__all__ = ["TOPICS", "Event", "Recorded"]


# What fields may be -----------------------------------------------------------------------------------------------


class PersonalData:
    """Marks a field that may hold personal data, so that it can be encrypted and its key destroyed."""


class Secret:
    """Marks a field with which somebody could charge a card."""


PersonalText = Annotated[str, PersonalData()]
GatewayToken = Annotated[str, Secret(), Field(repr=False)]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class TaxStatus(StrEnum):
    """What the customer is to a tax rule."""

    CONSUMER = "consumer"
    BUSINESS = "business"


class TaxLine(BaseModel):
    """One tax on a top-up, rounded alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rate: Decimal
    """In per cent: 20 is a fifth."""
    amount: Amount
    reverse_charge: bool = False
    """The customer accounts for this tax; the amount is then zero."""


class SpendLine(NamedTuple):
    """One thing bought. Its price is exactly `quantity * segments * unit_price`; nothing is rounded."""

    reference: PersonalText
    """The service's own name for it, unique within its event."""
    item: str
    """What it is in the price list: message/GB, number-setup/GB/local, number-month/GB/local."""
    quantity: int
    segments: int
    unit_price: Amount

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.segments * self.unit_price


class LineReversal(NamedTuple):
    """How many of one line's quantity are given back."""

    line: int
    """The line's position in the spend, from 0."""
    quantity: int


class LotPart(NamedTuple):
    """What a lot of granted credit pays, or is reserved for."""

    lot_id: str
    amount: Amount


class LotReturn(NamedTuple):
    """What a lot of granted credit gets back, with its terms: it may have been used up meanwhile."""

    lot_id: str
    amount: Amount
    priority: int
    expires_at: UtcTime | None


# What events share ------------------------------------------------------------------------------------------------


class Event(BaseModel):
    """A fact. Subclasses with a TOPIC are what streams hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    TOPIC: ClassVar[str]
    VERSION: ClassVar[int] = 1
    UPCASTS: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    """By old version: turns that version's stored fields into the next one's."""

    OPERATIONS: ClassVar[tuple[str, ...]] = ()
    """The fields that name what this event is found by again: its own operation first, then a card, hold or quote."""
    STARTS: ClassVar[bool] = False
    """Whether it is the first event of its own operation."""

    def operations(self) -> tuple[str, ...]:
        """Return the ids of the operations under which this event is found again."""
        return tuple(getattr(self, field) for field in self.OPERATIONS)


class OperationEvent(Event):
    """A fact about one operation."""

    OPERATIONS: ClassVar[tuple[str, ...]] = ("operation_id",)

    operation_id: str


class OperationStarted(OperationEvent):
    """The first fact about an operation; the request it answers can be recognised when it is repeated."""

    STARTS = True

    idempotency_key: PersonalText
    fingerprint: str


# The account and its standing -------------------------------------------------------------------------------------


class AccountOpened(Event):
    TOPIC = "account-opened"

    owner: PersonalText
    """The service's opaque reference to the customer, who may have several accounts, one per currency."""
    currency: CurrencyCode
    country: str
    region: str | None
    tax_status: TaxStatus
    time_zone: str
    """IANA name; calendar days and months of this account are reckoned in it."""


class AccountDetailsChanged(Event):
    """All details as they are from now on; the currency never changes."""

    TOPIC = "account-details-changed"

    country: str
    region: str | None
    tax_status: TaxStatus
    time_zone: str


class TaxNumberVerified(Event):
    """The service had the number confirmed by the authority that issues it; we only checked its form."""

    TOPIC = "tax-number-verified"

    number: PersonalText
    country: str
    verified_by: PersonalText
    verified_at: UtcTime
    reference: PersonalText


class TaxNumberWithdrawn(Event):
    TOPIC = "tax-number-withdrawn"

    reason: PersonalText


class AccountSuspended(Event):
    TOPIC = "account-suspended"

    reason: PersonalText


class AccountReinstated(Event):
    TOPIC = "account-reinstated"

    reason: PersonalText


class AccountClosed(OperationStarted):
    """The account takes no command any more; facts about its money are still recorded."""

    TOPIC = "account-closed"

    reason: PersonalText
    paid_out: Amount
    """What the service paid to the customer outside the ledger."""
    payout_reference: PersonalText | None
    written_off: Amount
    """What was left and is less than the currency's minor unit."""
    currency: CurrencyCode


class LowBalanceThresholdSet(Event):
    """From here on somebody is told when what is available falls below the threshold; nobody is if it is None."""

    TOPIC = "low-balance-threshold-set"

    threshold: Amount | None
    currency: CurrencyCode


# Checkout and top-up ----------------------------------------------------------------------------------------------


class CheckoutQuoted(Event):
    """What the customer was shown before paying; exactly this is charged, at most once, until it expires."""

    TOPIC = "checkout-quoted"
    OPERATIONS = ("quote_id",)
    STARTS = True

    quote_id: str
    recharge: Amount
    """What the customer entered."""
    credit: Amount
    """What the balance grows by: the recharge less any tax it includes."""
    taxes: tuple[TaxLine, ...]
    total: Amount
    """What the card is charged."""
    currency: CurrencyCode
    method: str | None
    """The payment method the customer named, if any."""
    gateway: str
    expires_at: UtcTime


class TopUpRequested(OperationStarted):
    TOPIC = "top-up-requested"
    OPERATIONS = ("operation_id", "quote_id")

    quote_id: str
    total: Amount
    currency: CurrencyCode
    card_id: str | None
    """The saved card that is charged; None for a card just typed in."""
    save_card: bool
    initiator: Initiator


class PaymentAttempted(OperationEvent):
    """The intent to charge, whole, durable before anything is sent."""

    TOPIC = "payment-attempted"

    attempt_id: str
    """The idempotency key at the gateway."""
    number: int
    """1 for the first attempt of the top-up; the next one opens only after a definite no."""
    gateway: str
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    card_id: str | None
    save_card: bool
    initiator: Initiator
    send_before: UtcTime
    """Nothing that can charge is sent from this moment on."""


class PaymentEvent(OperationEvent):
    """A fact about one attempt to charge."""

    attempt_id: str
    gateway: str


class PaymentRetried(PaymentEvent):
    """The same attempt is sent once more under the same key; durable before it is.

    From here on, one try that reached nobody no longer proves that nothing did.
    """

    TOPIC = "payment-retried"


class PaymentBegun(PaymentEvent):
    """The gateway made what can later be charged."""

    TOPIC = "payment-begun"

    reference: str


class PaymentPending(PaymentEvent):
    TOPIC = "payment-pending"

    reference: str


class PaymentActionRequired(PaymentEvent):
    """The customer must authenticate before `expires_at`; after that the payment is cancelled."""

    TOPIC = "payment-action-required"

    reference: str
    expires_at: UtcTime


class PaymentDeclined(PaymentEvent):
    TOPIC = "payment-declined"

    reason: DeclineReason
    advice: Advice
    raw_code: str
    reference: str | None


class PaymentNotAttempted(PaymentEvent):
    """Nothing was charged and nothing will be; repeating the request opens a new attempt."""

    TOPIC = "payment-not-attempted"

    why: str


class PaymentUnknown(PaymentEvent):
    """A try may have reached the gateway; recovery looks it up."""

    TOPIC = "payment-unknown"

    why: str


class CancelReason(StrEnum):
    """Why the gateway's object must not be paid any more."""

    CUSTOMER = "customer"
    DECLINED = "declined"
    EXPIRED = "expired"
    ABANDONED = "abandoned"
    """It was begun and never sent."""
    SUPERSEDED = "superseded"
    """An earlier attempt of the same top-up turned out to have captured."""


class PaymentCancelRequested(PaymentEvent):
    """The intent to cancel, durable before the gateway is told."""

    TOPIC = "payment-cancel-requested"

    reason: CancelReason


class PaymentCancelled(PaymentEvent):
    """The gateway's object can no longer be paid."""

    TOPIC = "payment-cancelled"

    reference: str | None


class PaymentCaptured(PaymentEvent):
    """Money came in; `credit` is on the balance from this event on."""

    TOPIC = "payment-captured"

    reference: str
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    captured_at: UtcTime
    """The gateway's own time; the receipt shows it."""
    brand: str
    last_four: str
    funding: CardFunding
    late: bool
    """It came after the attempt was thought to be over."""


class CaptureMismatched(PaymentEvent):
    """The gateway captured another amount or currency than was asked for. Nothing is credited; a person decides."""

    TOPIC = "capture-mismatched"

    reference: str
    expected_amount: Amount
    expected_currency: CurrencyCode
    captured_amount: Amount
    captured_currency: CurrencyCode
    captured_at: UtcTime


# Refunds ----------------------------------------------------------------------------------------------------------


class RefundRequested(OperationStarted):
    """Part or all of one charge is to be paid back to the card that paid it."""

    TOPIC = "refund-requested"
    OPERATIONS = ("operation_id", "transaction_id")

    transaction_id: str
    """The top-up."""
    charge_reference: str
    """The gateway's id of the charge."""
    total: Amount
    """Gross."""
    currency: CurrencyCode
    reason: PersonalText


class RefundEvent(OperationEvent):
    """A fact about one attempt to pay back."""

    OPERATIONS = ("operation_id", "transaction_id")

    transaction_id: str
    attempt_id: str
    gateway: str


class RefundAttempted(RefundEvent):
    """The intent to pay back, whole, durable before anything is sent; `credit` is reserved from here on."""

    TOPIC = "refund-attempted"

    number: int
    """1 for the first attempt of the refund; the next one opens only after a definite no."""
    charge_reference: str
    credit: Amount
    """What the balance falls by."""
    taxes: tuple[TaxLine, ...]
    """What is paid back of each tax."""
    total: Amount
    currency: CurrencyCode
    send_before: UtcTime
    """Nothing is sent from this moment on."""


class RefundRetried(RefundEvent):
    """The same attempt is sent once more under the same key; durable before it is."""

    TOPIC = "refund-retried"


class RefundPending(RefundEvent):
    TOPIC = "refund-pending"

    reference: str


class RefundUnknown(RefundEvent):
    """A try may have reached the gateway; recovery looks it up."""

    TOPIC = "refund-unknown"

    why: str


class RefundFailed(RefundEvent):
    """Nothing is paid back, for sure; what was reserved is available again."""

    TOPIC = "refund-failed"

    outcome: Literal["declined", "not_attempted"]
    reason: DeclineReason | None
    detail: str
    """The gateway's own code, or why nothing was attempted."""
    reference: str | None = None
    """The gateway's id of what it declined, if it has one: an older answer, that this was paid, is then stale."""


class Refunded(RefundEvent):
    """The money is on its way back; the balance is lower by `credit` from this event on."""

    TOPIC = "refunded"

    reference: str
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    refunded_at: UtcTime
    """The gateway's own time."""
    late: bool
    """It came after the attempt was thought to be over."""


class RefundMismatched(RefundEvent):
    """The gateway paid back another amount than asked for. Only what was asked for is debited; a person decides."""

    TOPIC = "refund-mismatched"

    reference: str
    credit: Amount
    """What was asked for, net; the balance is lower by it."""
    expected_amount: Amount
    expected_currency: CurrencyCode
    refunded_amount: Amount
    refunded_currency: CurrencyCode
    refunded_at: UtcTime
    late: bool


class RefundReturned(RefundEvent):
    """The gateway confirmed a refund, and it failed after all; the balance is higher by `credit` again."""

    TOPIC = "refund-returned"

    reference: str
    credit: Amount
    total: Amount
    currency: CurrencyCode
    reason: DeclineReason
    detail: str
    """The gateway's own code."""


# What takes a captured charge back without our asking -----------------------------------------------------------------


class PaymentReversed(PaymentEvent):
    """The settlement of a captured charge failed: the money never came. What was left of it leaves the balance.

    It comes again with the rest if more becomes left, by a refund that returns or a dispute that is won after all.
    """

    TOPIC = "payment-reversed"

    reference: str
    """The charge."""
    code: str
    """The gateway's own code."""
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    reversed_at: UtcTime
    """The gateway's own time."""


class ChargeEvent(OperationEvent):
    """A fact about something at the gateway that takes a captured charge back: a dispute, or a refund made there."""

    OPERATIONS = ("operation_id", "transaction_id")

    operation_id: str
    """Derived from the gateway and its reference, so that each is recorded once."""
    transaction_id: str
    """The top-up."""
    gateway: str
    reference: str
    """The gateway's id of the dispute or refund."""
    charge_reference: str
    currency: CurrencyCode


class ChargeShare(ChargeEvent):
    """A fact that takes part of a charge, or gives it back, split as its payment was."""

    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount


class DisputeOpened(ChargeShare):
    """The cardholder's bank wants (part of) a charge back; until that is decided, `held` cannot be spent."""

    TOPIC = "dispute-opened"
    STARTS = True

    claimed: Amount
    """What is disputed, gross, as the gateway says it; `total` is what of it was left of the charge."""
    held: Amount
    """`credit`, or nothing where disputed funds are not held."""
    reason: str
    """The gateway's own word."""
    evidence_due_by: UtcTime | None
    opened_at: UtcTime
    """The gateway's own time."""


class DisputeEvidenceDue(ChargeEvent):
    """The gateway takes evidence until another moment than it said before."""

    TOPIC = "dispute-evidence-due"

    evidence_due_by: UtcTime


class DisputeWon(ChargeShare):
    """The money stays. What was held is free, and what was lost before comes back: that is `credit`, mostly nothing."""

    TOPIC = "dispute-won"

    decided_at: UtcTime | None


class DisputeLost(ChargeShare):
    """The money is gone: what was held is free, and the balance is lower by `credit`.

    It takes what is left of the charge, at most what was claimed. It comes again with the rest if more becomes left.
    """

    TOPIC = "dispute-lost"

    fee_amount: Amount | None
    """What the gateway takes for the dispute, from the seller and not from this balance."""
    fee_currency: CurrencyCode | None
    decided_at: UtcTime | None


class RefundMadeElsewhere(ChargeShare):
    """Somebody paid a charge back at the gateway, without the ledger; the balance is lower by `credit`."""

    TOPIC = "refund-made-elsewhere"
    STARTS = True

    claimed: Amount
    """What was paid back, gross, as the gateway says it; `total` is what of it was left of the charge."""
    refunded_at: UtcTime
    """The gateway's own time."""


class RefundElsewhereReturned(ChargeShare):
    """The customer's bank sent back what was paid back elsewhere; the balance is higher by `credit` again."""

    TOPIC = "refund-elsewhere-returned"


# Cards ------------------------------------------------------------------------------------------------------------


class GatewayCustomerLinked(Event):
    TOPIC = "gateway-customer-linked"

    gateway: str
    customer_id: str
    """The gateway's id of the account's customer."""


class CardSavingRequested(OperationStarted):
    """A card is to be kept without charging it."""

    TOPIC = "card-saving-requested"


class CardSavingAttempted(OperationEvent):
    """The intent to have the gateway keep a card, durable before anything is sent."""

    TOPIC = "card-saving-attempted"

    attempt_id: str
    number: int
    gateway: str
    send_before: UtcTime


SavingOutcome = Literal["declined", "cancelled", "expired", "not_attempted"]


class CardSavingEvent(OperationEvent):
    """A fact about one attempt to save a card."""

    attempt_id: str
    gateway: str


class CardSavingRetried(CardSavingEvent):
    """The same attempt is sent once more under the same key; durable before it is."""

    TOPIC = "card-saving-retried"


class CardSavingPending(CardSavingEvent):
    TOPIC = "card-saving-pending"

    reference: str


class CardSavingActionRequired(CardSavingEvent):
    TOPIC = "card-saving-action-required"

    reference: str
    expires_at: UtcTime


class CardSavingUnknown(CardSavingEvent):
    TOPIC = "card-saving-unknown"

    why: str


class CardSavingCancelRequested(CardSavingEvent):
    """The intent to make sure that the saving cannot be completed any more."""

    TOPIC = "card-saving-cancel-requested"

    reason: CancelReason


class CardSavingFailed(CardSavingEvent):
    """No card was saved, for sure."""

    TOPIC = "card-saving-failed"

    outcome: SavingOutcome
    reason: DeclineReason | None
    advice: Advice | None
    detail: str
    """The gateway's own code, or why nothing was attempted."""


class CardSaved(OperationEvent):
    """The gateway keeps the card; the operation is the saving, or the top-up that the card was saved with."""

    TOPIC = "card-saved"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str
    gateway: str
    reference: str
    token: GatewayToken
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: CardFunding


class CardRemovalRequested(OperationStarted):
    """From here on the card is not charged any more; the gateway is told next."""

    TOPIC = "card-removal-requested"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str
    requested_at: UtcTime


class CardRemoved(OperationEvent):
    """The gateway no longer keeps the card."""

    TOPIC = "card-removed"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str


class CardDetached(OperationEvent):
    """The gateway keeps the card no more, and we did not ask for that; the operation is the one that saved it."""

    TOPIC = "card-detached"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str


class CardUpdated(OperationEvent):
    """The card's network renewed it: what may be shown of it from now on."""

    TOPIC = "card-updated"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: CardFunding


class DefaultCardChosen(Event):
    TOPIC = "default-card-chosen"

    card_id: str


# Notices ----------------------------------------------------------------------------------------------------------


class NoticeReceived(OperationEvent):
    """A gateway's notice (webhook) was acted on: what it told of was looked up, and stands right before this event.

    The first event of an operation of its own, so that the same notice is never acted on twice.
    """

    TOPIC = "notice-received"
    OPERATIONS = ("mark", "operation_id")
    STARTS = True

    mark: str
    """Derived from the gateway and the notice's id."""
    gateway: str
    notice_id: str
    subject: NoticeSubject
    about: str
    """The gateway's id of what it is about."""
    occurred_at: UtcTime
    """The gateway's own time."""


class NoticeUnexplained(Event):
    """A gateway's notice about something of ours could not be explained: a person must look at the gateway.

    It stands in the account's stream, or in the gateway's own book if no account is known. Recorded once.
    """

    TOPIC = "notice-unexplained"
    OPERATIONS = ("mark",)
    STARTS = True

    mark: str
    """Derived from the gateway and the notice's id."""
    gateway: str
    notice_id: str
    subject: NoticeSubject
    about: str
    """The gateway's id of what it is about."""
    occurred_at: UtcTime
    """The gateway's own time."""


# Spending ---------------------------------------------------------------------------------------------------------


class Purchase(OperationStarted):
    """Something bought from the balance; a line is addressed by the operation and the line's position."""

    amount: Amount
    """The sum of the lines."""
    currency: CurrencyCode
    price_list: str
    """The version of the price list that it was priced from."""
    lines: tuple[SpendLine, ...]
    lots: tuple[LotPart, ...] = ()
    """What granted credit pays of the amount; purchased credit pays the rest."""


class Spent(Purchase):
    TOPIC = "spent"


class SpendReversed(OperationStarted):
    """Lines of an earlier purchase given back to the balance."""

    TOPIC = "spend-reversed"
    OPERATIONS = ("operation_id", "spend_id")

    spend_id: str
    amount: Amount
    currency: CurrencyCode
    lines: tuple[LineReversal, ...]
    reason: PersonalText
    lots: tuple[LotReturn, ...] = ()
    """What granted credit gets back of the amount; purchased credit gets the rest."""


# Rented numbers ---------------------------------------------------------------------------------------------------


class NumberRented(OperationEvent):
    """A number bought in the same append; its monthly price stays as agreed until it is released."""

    TOPIC = "number-rented"

    number: PersonalText
    item: str
    """Its monthly item in the price list."""
    monthly_price: Amount
    currency: CurrencyCode
    anchor_day: int
    """The day of the month on which it falls due, 1 to 31; in shorter months the last."""
    next_due_at: UtcTime


class NumberRentalCharged(Purchase):
    TOPIC = "number-rental-charged"

    number: PersonalText
    due_at: UtcTime
    next_due_at: UtcTime


class NumberRentalUnpaid(Event):
    """The balance did not suffice on the due day, or the account was suspended; recorded once per month."""

    TOPIC = "number-rental-unpaid"

    number: PersonalText
    due_at: UtcTime
    amount: Amount
    currency: CurrencyCode
    available: Amount


class NumberReleased(Event):
    TOPIC = "number-released"

    number: PersonalText


# Holds ------------------------------------------------------------------------------------------------------------


class FundsHeld(OperationStarted):
    """Part of the balance is reserved; the hold is named by this operation's id."""

    TOPIC = "funds-held"

    amount: Amount
    currency: CurrencyCode
    reference: PersonalText
    expires_at: UtcTime
    lots: tuple[LotPart, ...] = ()
    """What is reserved of granted credit; such a lot does not expire before the hold ends."""


class HoldSettled(Purchase):
    """Something bought out of a hold."""

    TOPIC = "hold-settled"
    OPERATIONS = ("operation_id", "hold_id")

    hold_id: str


class HoldReleased(OperationStarted):
    """What was left of a hold is available again."""

    TOPIC = "hold-released"
    OPERATIONS = ("operation_id", "hold_id")

    hold_id: str
    amount: Amount
    currency: CurrencyCode


class HoldExpired(Event):
    TOPIC = "hold-expired"
    OPERATIONS = ("hold_id",)

    hold_id: str
    amount: Amount
    currency: CurrencyCode


# Automatic payments -----------------------------------------------------------------------------------------------


class ConsentGiven(Event):
    """What a customer agreed to have charged automatically: who agreed, when, to which text and which amounts."""

    card_id: str
    """The only card that is charged."""
    ceiling: Amount
    """The most that one charge may come to, taxes included."""
    currency: CurrencyCode
    consent_text: PersonalText
    given_by: PersonalText
    given_at: UtcTime


class AutoTopUpEnabled(ConsentGiven):
    """From here on the card is charged when the balance runs low. It replaces whatever was agreed before."""

    TOPIC = "auto-top-up-enabled"

    threshold: Amount
    """It is charged when what is available and under way is less."""
    amount: Amount | None
    """The recharge amount; or"""
    target: Amount | None
    """what the balance is brought up to."""
    max_per_month: int
    """How many charges there may be in one calendar month."""
    max_value_per_day: Amount | None
    """What all charges of one calendar day may come to, taxes included."""
    max_value_per_month: Amount | None


class AutoTopUpStarted(Event):
    """Why the top-up that follows in the same append was charged."""

    TOPIC = "auto-top-up-started"
    OPERATIONS = ("quote_id",)

    operation_id: str
    """The top-up."""
    quote_id: str
    available: Amount
    """What was available and under way."""
    threshold: Amount
    total: Amount
    currency: CurrencyCode
    month: str
    """The calendar month that it counts in, where the account is: 2026-11."""
    day: str
    """2026-11-23."""
    next_try_at: UtcTime
    """Before this moment no other one starts."""


class AutoTopUpFailed(OperationEvent):
    """The card was declined."""

    TOPIC = "auto-top-up-failed"

    failures: int
    """How many in a row, this one included."""
    next_try_at: UtcTime


class PostponeReason(StrEnum):
    """Why an automatic top-up that is due has to wait."""

    NOT_ATTEMPTED = "not_attempted"
    """The gateway was surely not reached. It is no failure of the card."""
    MAX_PER_MONTH = "max_per_month"
    MAX_VALUE_PER_DAY = "max_value_per_day"
    MAX_VALUE_PER_MONTH = "max_value_per_month"


class AutoTopUpPostponed(Event):
    TOPIC = "auto-top-up-postponed"

    reason: PostponeReason
    next_try_at: UtcTime


class StopReason(StrEnum):
    """Why nothing is charged automatically until somebody acts."""

    FAILURES = "failures"
    """Too many declines in a row, each of which said to try later."""
    CARD_REFUSED = "card_refused"
    """A decline that said never to try this card again, or not as it is."""
    AUTHENTICATION = "authentication"
    """The customer has to be there."""
    CARD_REMOVED = "card_removed"
    CANCELLED = "cancelled"
    """An automatic payment was called off before it was paid."""
    ABOVE_CEILING = "above_ceiling"
    """With today's taxes it would come to more than was agreed to."""
    MISMATCHED = "mismatched"
    """The gateway captured another amount than was asked for."""
    REQUESTED = "requested"
    """Somebody asked for it; never the reason of a pause."""
    ACCOUNT_CLOSED = "account_closed"
    """Never the reason of a pause."""


class AutoTopUpPaused(Event):
    TOPIC = "auto-top-up-paused"

    reason: StopReason
    operation_id: str | None
    """The top-up that showed it."""


class AutoTopUpResumed(Event):
    TOPIC = "auto-top-up-resumed"

    operation_id: str | None
    """The payment that showed that the card works again; None if somebody asked for it."""


class AutoTopUpDisabled(Event):
    TOPIC = "auto-top-up-disabled"

    reason: StopReason


class MonthlyRechargeEnabled(ConsentGiven):
    """From here on the card is charged once a month. It replaces whatever was agreed before."""

    TOPIC = "monthly-recharge-enabled"

    day: int
    """The day of the month, 1 to 31; in shorter months the last."""
    amount: Amount
    """The recharge amount."""
    next_month: str
    """The first calendar month that is charged: 2026-12."""
    next_due_at: UtcTime
    card_checked_at: UtcTime
    """When the customer is told if the card will have expired by then."""


class MonthlyRechargeStarted(Event):
    """Why the top-up that follows in the same append was charged."""

    TOPIC = "monthly-recharge-started"
    OPERATIONS = ("quote_id",)

    operation_id: str
    """The top-up."""
    quote_id: str
    total: Amount
    currency: CurrencyCode
    month: str
    """The calendar month that it is for. No other one is charged for it."""
    due_at: UtcTime
    passed_over: tuple[str, ...]
    """Earlier months that fell due while nothing could be charged; they are charged no more."""
    next_month: str
    next_due_at: UtcTime
    card_checked_at: UtcTime


class MonthlyRechargePostponed(OperationEvent):
    """The gateway was surely not reached; the same top-up is attempted again."""

    TOPIC = "monthly-recharge-postponed"

    next_try_at: UtcTime


class MonthlyRechargeDisabled(Event):
    TOPIC = "monthly-recharge-disabled"

    reason: StopReason
    operation_id: str | None
    """The top-up that showed it."""


class CardExpiryAnnounced(Event):
    """The card will have expired when it is to be charged next; said once."""

    TOPIC = "card-expiry-announced"

    card_id: str
    expiry_month: int
    expiry_year: int
    due_at: UtcTime


# Adjustments ------------------------------------------------------------------------------------------------------


class BalanceAdjusted(OperationStarted):
    """An operator changed the balance by hand; the envelope says who."""

    TOPIC = "balance-adjusted"

    amount: Amount
    """What the balance changed by, negative if it fell."""
    currency: CurrencyCode
    reason: PersonalText
    lots: tuple[LotPart, ...] = ()
    """What is taken of granted credit; purchased credit bears the rest."""


# Granted credit ---------------------------------------------------------------------------------------------------


class CreditGranted(OperationStarted):
    """The service gave credit that nobody paid for; the lot is named by this operation's id."""

    TOPIC = "credit-granted"

    amount: Amount
    currency: CurrencyCode
    reason: PersonalText
    priority: int
    """0 to 100, the lower is used first; purchased credit has 50."""
    expires_at: UtcTime | None


class CreditExpired(Event):
    """What was left of a lot, and not held, is gone: its time was over, or the account was closed."""

    TOPIC = "credit-expired"
    OPERATIONS = ("lot_id",)

    lot_id: str
    amount: Amount
    currency: CurrencyCode
    at_closing: bool
    """Whether the account is closed by the events that follow, rather than the lot's time over."""


# The seller's invoice book ----------------------------------------------------------------------------------------


class InvoiceIssued(Event):
    """A captured payment got the next number of its seller: this event's own version in the seller's stream."""

    TOPIC = "invoice-issued"
    OPERATIONS = ("invoice_id",)
    STARTS = True

    invoice_id: str
    """Derived from the transaction and its charge, so that one charge gets one number."""
    transaction_id: str
    gateway_reference: str
    """The charge: one transaction has one, or a number for each."""
    account_id: str
    seller_id: str
    seller_name: str
    seller_address: str
    seller_tax_number: str | None


# The envelope -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place in the log."""

    stream_id: str
    """The account, or a book: a seller's of invoices, or a gateway's of notices that nothing explains."""
    version: int
    """Its position in the stream: 1, 2, 3, … without gaps."""
    recorded_at: datetime
    """UTC; never before its predecessor's."""
    actor: str
    """Who caused it."""
    correlation_id: str | None
    """The request or job that caused it, as the service names it."""
    event: Event


def _concrete(cls: type[Event]) -> list[type[Event]]:
    own = [cls] if "TOPIC" in cls.__dict__ else []
    return own + [event for subclass in cls.__subclasses__() for event in _concrete(subclass)]


TOPICS: Mapping[str, type[Event]] = {cls.TOPIC: cls for cls in _concrete(Event)}
"""Every topic a stored event may have; nothing else is ever imported for one."""

assert len(TOPICS) == len(_concrete(Event)), "a topic names one class"
