"""What the ledger's verbs return: frozen records in `Money` and UTC, with nothing secret in their `repr`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from moneyed import Money

from interact_ledger.domain import auto_top_up
from interact_ledger.domain import events as e
from interact_ledger.domain.account import (
    Account,
    AutoTopUp,
    Card,
    CardSaving,
    CreditLot,
    MonthlyRecharge,
    Refund,
    RentedNumber,
    TopUp,
)
from interact_ledger.domain.charges import Dispute
from interact_ledger.gateways.protocol import DisputeStatus, Initiator

__all__ = [
    "AccountDetails",
    "AutoTopUpDetails",
    "AutomaticPayments",
    "CardSavingResult",
    "CreditNote",
    "DisputeDetails",
    "GrantedCredit",
    "HoldResult",
    "MonthlyRechargeDetails",
    "PurchaseResult",
    "RefundResult",
    "RentedNumberDetails",
    "ReplicaLag",
    "SavedCardDetails",
    "Tax",
    "TopUpResult",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One tax on a payment."""

    name: str
    rate: Decimal
    """In per cent."""
    amount: Money
    reverse_charge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDetails:
    """An account, without its balance."""

    account_id: str
    owner: str
    currency: str
    country: str
    region: str | None
    tax_status: str
    tax_number_verified: bool
    time_zone: str
    standing: str
    """open, suspended or closed."""
    opened_at: datetime
    version: int
    """How many events its history has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLag:
    """How far a replica is behind its primary."""

    is_standby: bool
    """False where the address leads to a primary, which is behind nothing."""
    is_receiving: bool
    """Whether the standby is connected and has heard from its primary."""
    as_of: datetime | None
    """All that was committed before this is there; by the primary's clock. None if that cannot be said."""
    by: timedelta | None
    """How long ago that is, by the standby's clock: it is behind by this or less. None if that cannot be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCardDetails:
    """A saved card, as a customer recognises it."""

    card_id: str
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpResult:
    """Where a top-up stands: the payment confirmation, once its status is "succeeded"."""

    transaction_id: str
    """The same as on the receipt."""
    status: str
    """requested, unknown, pending, action_required, not_attempted, declined, cancelled, expired, succeeded,
    mismatched (captured with another amount: an operator decides) or reversed (its settlement failed: the money never
    came)."""
    credit: Money
    """What the balance grows by."""
    taxes: tuple[Tax, ...]
    total: Money
    """What the card is charged."""
    balance: Money
    """The total balance now."""
    paid_at: datetime | None
    """The gateway's own time of the capture, UTC."""
    brand: str | None
    last_four: str | None
    saved_card: SavedCardDetails | None
    """The card, if the customer chose to save it and it is still there."""
    decline_reason: str | None
    decline_advice: str | None
    gateway: str
    gateway_reference: str | None
    """The gateway's id of the payment, once it has said one."""
    action_expires_at: datetime | None
    """Until when the customer may authenticate, if the status is "action_required"."""
    client_secret: str | None = field(repr=False)
    """For the gateway's own code in the browser. Never stored; `complete` fetches it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """Where a refund stands."""

    refund_id: str
    transaction_id: str
    """The top-up."""
    status: str
    """requested, unknown, pending, queued (its charge has to settle first; `run_due` tries it again), not_attempted,
    declined (also if it was confirmed and failed after all), succeeded or mismatched (another amount was paid back: an
    operator decides)."""
    credit: Money
    """What the balance falls by; reserved until the gateway confirms."""
    taxes: tuple[Tax, ...]
    """What is paid back of each tax."""
    total: Money
    """What the card gets back."""
    balance: Money
    """The total balance now."""
    refunded_at: datetime | None
    """The gateway's own time, UTC."""
    decline_reason: str | None
    gateway: str
    gateway_reference: str | None
    """The gateway's id of the refund, once it has said one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDetails:
    """A dispute of a payment: the cardholder's bank wants it back, in full or in part."""

    dispute_id: str
    transaction_id: str
    """The top-up."""
    status: str
    """open, won or lost."""
    reason: str
    """The gateway's own word."""
    claimed: Money
    """What is disputed, gross, as the gateway says it."""
    total: Money
    """What of it was left of the payment when the dispute was opened."""
    held: Money
    """What of the balance cannot be spent until it is decided."""
    lost: Money
    """What the balance fell by, net of tax; zero unless it is lost."""
    fee: Money | None
    """What the gateway takes for it from the seller, once it has said so; maybe in another currency."""
    opened_at: datetime
    """The gateway's own time, UTC."""
    evidence_due_by: datetime | None
    """Until when the gateway takes evidence, while it is open."""
    decided_at: datetime | None
    """The gateway's own time of the decision, if it said one."""
    gateway: str
    gateway_reference: str
    """The gateway's id of the dispute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What a refund took back of a payment, in writing; it names the receipt."""

    credit_note_id: str
    credit_note_number: str
    """Gapless per seller, in a series of its own: the seller's id, CN and a number from 1."""
    issued_at: datetime
    cancellation_number: str | None
    """The document of the same series that cancels it, if the refund came back: the receipt holds again."""
    cancelled_at: datetime | None
    seller_name: str
    seller_address: tuple[str, ...]
    seller_tax_number: str | None
    account_id: str
    version: int
    """The refund, by its position in the account's history; pass it as `after` for the credit notes that follow."""
    transaction_id: str
    """The receipt's."""
    invoice_number: str
    """The receipt's."""
    refund_id: str
    credit: Money
    """What the balance fell by."""
    taxes: tuple[Tax, ...]
    """What was given back of each tax."""
    total: Money
    """What the customer got back."""
    gateway_reference: str
    """The gateway's id of the refund."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSavingResult:
    """Where the saving of a card stands."""

    saving_id: str
    status: str
    """requested, unknown, pending, action_required, not_attempted, declined, cancelled, expired or succeeded."""
    card: SavedCardDetails | None
    """The card, once it is saved and as long as it is still there."""
    decline_reason: str | None
    decline_advice: str | None
    gateway: str
    gateway_reference: str | None
    """The gateway's id of the saving, once it has said one."""
    action_expires_at: datetime | None
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseResult:
    """What was bought or given back."""

    transaction_id: str
    amount: Money
    """Positive, for a purchase as for what is given back."""
    lines: tuple[e.SpendLine, ...]
    """Unit prices in the account's currency; empty for what is given back."""
    balance: Money
    """The available balance now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedCredit:
    """A lot of credit that nobody paid for."""

    lot_id: str
    remaining: Money
    held: Money
    """What holds reserve of it; that part does not expire before they end."""
    priority: int
    """0 to 100, the lower is used first; purchased credit has 50."""
    expires_at: datetime | None
    balance: Money
    """The available balance now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldResult:
    """What a hold reserves."""

    hold_id: str
    remaining: Money
    """Zero once it has ended."""
    expires_at: datetime
    balance: Money
    """The available balance now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RentedNumberDetails:
    """A rented phone number."""

    number: str
    item: str
    monthly_price: Money
    next_due_at: datetime
    unpaid: bool
    """Its rent fell due and could not be charged: too little balance, or a suspended account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoTopUpDetails:
    """What was agreed on auto top-up, and how it stands."""

    status: str
    """enabled, paused or disabled."""
    stopped_by: str | None
    """Why it is paused: failures, card_refused, authentication, card_removed, cancelled, above_ceiling, mismatched,
    disputed, reversed; or disabled: requested, account_closed."""
    threshold: Money
    amount: Money | None
    target: Money | None
    card_id: str
    max_per_month: int
    max_value_per_day: Money | None
    max_value_per_month: Money | None
    ceiling: Money
    charges_this_month: int
    """In the latest month in which there was one; those that were paid, or may yet be."""
    failures: int
    """Declines in a row."""
    is_due: bool
    """Whether the balance is low and the next `run_due` at or after `next_try_at` charges the card."""
    next_try_at: datetime | None
    """When it is charged, if it is due: at once, after a wait, or when a cap allows it."""
    transaction_id: str | None
    """The latest payment of the latest month in which there was one."""
    consent_text: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyRechargeDetails:
    """What was agreed on monthly recharge, and how it stands."""

    status: str
    """enabled or disabled."""
    stopped_by: str | None
    """Why it is disabled: card_refused, authentication, card_removed, above_ceiling, mismatched, disputed, reversed,
    requested, account_closed."""
    day: int
    """The day of the month, as chosen."""
    amount: Money
    card_id: str
    ceiling: Money
    next_month: str | None
    """The calendar month that is charged next, as 2026-12; None if it is disabled."""
    next_due_at: datetime | None
    retry_at: datetime | None
    """When the latest payment is attempted again, if it surely did not reach the gateway."""
    transaction_id: str | None
    """The latest payment under this agreement."""
    consent_text: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticPayments:
    """An account's automatic payments; None for one that was never agreed on."""

    account_id: str
    auto_top_up: AutoTopUpDetails | None
    monthly_recharge: MonthlyRechargeDetails | None
    under_way: str | None
    """The automatic payment that is under way; there is one at a time, and others wait for it."""


def account_details(account: Account) -> AccountDetails:
    return AccountDetails(
        account_id=account.account_id,
        owner=account.owner,
        currency=account.currency,
        country=account.country,
        region=account.region,
        tax_status=account.tax_status.value,
        tax_number_verified=account.tax_number is not None,
        time_zone=account.time_zone,
        standing=account.standing.value,
        opened_at=account.opened_at,
        version=account.version,
    )


def card_details(account: Account, card: Card) -> SavedCardDetails:
    return SavedCardDetails(
        card_id=card.card_id,
        brand=card.brand,
        last_four=card.last_four,
        expiry_month=card.expiry_month,
        expiry_year=card.expiry_year,
        funding=card.funding.value,
        is_default=card.card_id == account.default_card_id,
    )


def granted_credit(account: Account, lot: CreditLot, available: Money) -> GrantedCredit:
    """Return a lot as it is now."""
    return GrantedCredit(
        lot_id=lot.lot_id,
        remaining=Money(lot.remaining, account.currency),
        held=Money(lot.held, account.currency),
        priority=lot.priority,
        expires_at=lot.expires_at,
        balance=available,
    )


def saved_cards(account: Account) -> tuple[SavedCardDetails, ...]:
    """Return the cards that can be charged, oldest first."""
    return tuple(card_details(account, card) for card in account.cards.values() if card.removal_id is None)


def top_up_result(account: Account, top_up: TopUp, client_secret: str | None) -> TopUpResult:
    intent, captured, declined = top_up.intent, top_up.captured, top_up.declined
    kept = next((c for c in account.cards.values() if c.saved_by == top_up.operation_id and not c.removal_id), None)
    return TopUpResult(
        transaction_id=top_up.operation_id,
        status=top_up.outcome.value,
        credit=Money(intent.credit, intent.currency),
        taxes=tuple(_tax(tax, intent.currency) for tax in intent.taxes),
        total=Money(intent.total, intent.currency),
        balance=Money(account.balance, account.currency),
        paid_at=captured.captured_at if captured else None,
        brand=captured.brand if captured else None,
        last_four=captured.last_four if captured else None,
        saved_card=card_details(account, kept) if kept else None,
        decline_reason=declined.reason.value if declined else None,
        decline_advice=declined.advice.value if declined else None,
        gateway=intent.gateway,
        gateway_reference=top_up.reference,
        action_expires_at=top_up.action_expires_at,
        client_secret=client_secret,
    )


def card_saving_result(account: Account, saving: CardSaving, client_secret: str | None) -> CardSavingResult:
    kept = next((c for c in account.cards.values() if c.saved_by == saving.operation_id and not c.removal_id), None)
    reason, advice = (saving.failure.reason, saving.failure.advice) if saving.failure else (None, None)
    return CardSavingResult(
        saving_id=saving.operation_id,
        status=saving.status.value,
        card=card_details(account, kept) if kept else None,
        decline_reason=reason.value if reason else None,
        decline_advice=advice.value if advice else None,
        gateway=saving.intent.gateway,
        gateway_reference=saving.saved.reference if saving.saved else saving.reference,
        action_expires_at=saving.action_expires_at,
        client_secret=client_secret,
    )


def refund_result(account: Account, refund: Refund) -> RefundResult:
    intent, failure = refund.intent, refund.failure
    return RefundResult(
        refund_id=refund.operation_id,
        transaction_id=intent.transaction_id,
        status=refund.outcome.value,
        credit=Money(intent.credit, intent.currency),
        taxes=tuple(_tax(tax, intent.currency) for tax in intent.taxes),
        total=Money(intent.total, intent.currency),
        balance=Money(account.balance, account.currency),
        refunded_at=refund.paid[0].refunded_at if refund.paid else None,
        decline_reason=failure.reason.value if failure and failure.reason else None,
        gateway=intent.gateway,
        gateway_reference=refund.paid[0].reference if refund.paid else refund.reference,
    )


def dispute_details(dispute: Dispute) -> DisputeDetails:
    opened, currency = dispute.opened, dispute.opened.currency
    is_open, is_lost = dispute.status is DisputeStatus.OPEN, dispute.status is DisputeStatus.LOST
    return DisputeDetails(
        dispute_id=opened.operation_id,
        transaction_id=opened.transaction_id,
        status=dispute.status.value,
        reason=opened.reason,
        claimed=Money(opened.claimed, currency),
        total=Money(opened.total, currency),
        held=Money(opened.held if is_open else Decimal(0), currency),
        lost=Money(dispute.takes.credit if is_lost else Decimal(0), currency),
        fee=Money(*dispute.fee) if dispute.fee else None,
        opened_at=opened.opened_at,
        evidence_due_by=dispute.evidence_due_by,
        decided_at=dispute.decided_at,
        gateway=opened.gateway,
        gateway_reference=opened.reference,
    )


def rented_number(account: Account, rented: RentedNumber) -> RentedNumberDetails:
    return RentedNumberDetails(
        number=rented.number,
        item=rented.item,
        monthly_price=Money(rented.monthly_price, account.currency),
        next_due_at=rented.next_due_at,
        unpaid=rented.unpaid,
    )


def automatic_payments(account: Account) -> AutomaticPayments:
    low, monthly = account.auto_top_up, account.monthly_recharge
    open_ones = (t for t in account.top_ups.values() if t.intent.initiator is not Initiator.CUSTOMER)
    under_way = next(open_ones, None)
    return AutomaticPayments(
        account_id=account.account_id,
        auto_top_up=_auto_top_up(account, low) if low else None,
        monthly_recharge=_monthly_recharge(monthly) if monthly else None,
        under_way=under_way.operation_id if under_way else None,
    )


def _auto_top_up(account: Account, policy: AutoTopUp) -> AutoTopUpDetails:
    terms, due_at = policy.terms, auto_top_up.due_at(account)
    return AutoTopUpDetails(
        status="disabled" if not policy.enabled else "paused" if policy.paused else "enabled",
        stopped_by=_reason(policy.paused or policy.disabled),
        threshold=Money(terms.threshold, terms.currency),
        amount=_money_or_none(terms.amount, terms.currency),
        target=_money_or_none(terms.target, terms.currency),
        card_id=terms.card_id,
        max_per_month=terms.max_per_month,
        max_value_per_day=_money_or_none(terms.max_value_per_day, terms.currency),
        max_value_per_month=_money_or_none(terms.max_value_per_month, terms.currency),
        ceiling=Money(terms.ceiling, terms.currency),
        charges_this_month=sum(charge.counts for charge in policy.charges),
        failures=policy.failures,
        is_due=due_at is not None,
        next_try_at=due_at,
        transaction_id=policy.latest,
        consent_text=terms.consent_text,
        given_by=terms.given_by,
        given_at=terms.given_at,
    )


def _monthly_recharge(policy: MonthlyRecharge) -> MonthlyRechargeDetails:
    terms = policy.terms
    return MonthlyRechargeDetails(
        status="enabled" if policy.enabled else "disabled",
        stopped_by=_reason(policy.disabled),
        day=terms.day,
        amount=Money(terms.amount, terms.currency),
        card_id=terms.card_id,
        ceiling=Money(terms.ceiling, terms.currency),
        next_month=policy.next_month if policy.enabled else None,
        next_due_at=policy.next_due_at if policy.enabled else None,
        retry_at=policy.retry_at,
        transaction_id=policy.latest,
        consent_text=terms.consent_text,
        given_by=terms.given_by,
        given_at=terms.given_at,
    )


def _reason(reason: e.StopReason | None) -> str | None:
    return reason.value if reason else None


def _money_or_none(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)


def taxes_from_json(text: str, currency: str) -> tuple[Tax, ...]:
    """Read taxes as projections keep them."""
    return tuple(_tax(e.TaxLine.model_validate(tax), currency) for tax in json.loads(text))


def _tax(tax: e.TaxLine, currency: str) -> Tax:
    return Tax(name=tax.name, rate=tax.rate, amount=Money(tax.amount, currency), reverse_charge=tax.reverse_charge)
