"""Automatic payments: agreeing to them, and charging what has fallen due.

That a payment is due is a fact of the account, found through the agenda; who charges it may be cron, a loop, or the
spender who asked for it. Each start has an id that follows from the account, so of several processes one starts it.
What then becomes of the payment, and what that means for the agreement, is recorded where every top-up's result is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from interact_ledger.domain import auto_top_up, monthly_recharge
from interact_ledger.domain import events as e
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import Account, Card
from interact_ledger.domain.cards import usable_card
from interact_ledger.domain.fold import fold_top_up
from interact_ledger.domain.operations import Request
from interact_ledger.errors import InvalidAmount
from interact_ledger.gateways.protocol import Initiator
from interact_ledger.ids import derived_id, request_fingerprint
from interact_ledger.money import plain
from interact_ledger.processes import checkout, top_up
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Change, History

__all__ = [
    "announce_expiry",
    "charge_monthly_recharge",
    "refuse_auto_top_up",
    "refuse_monthly_recharge",
    "start_auto_top_up",
]

ANY_QUOTE = "quote_of_none"
"""What is quoted only to see whether it could be charged."""


# Agreeing ---------------------------------------------------------------------------------------------------------


def refuse_auto_top_up(context: Context, account: Account, history: History, terms: e.AutoTopUpEnabled) -> None:
    """Refuse an agreement that could never be carried out: what it charges at most must be allowed, and agreed to.

    Raises:
        CardNotFound, CardRemoved, BelowMinimum, AboveMaximum, InvalidAmount, MethodNotOffered, ConfigurationError
    """
    if terms.target is not None and terms.target <= terms.threshold:
        raise InvalidAmount("must be above the threshold", field="target")
    card = usable_card(account, terms.card_id, history(terms.card_id))
    recharge, field = _most(context, account, terms, card)
    total = _quote_to_see(context, account, terms, card, recharge, field)
    for name, most in (
        ("max_value_per_day", terms.max_value_per_day),
        ("max_value_per_month", terms.max_value_per_month),
    ):
        if most is not None and most < total:
            raise InvalidAmount(f"allows not even one charge of {_written(total, terms)}", field=name)


def refuse_monthly_recharge(
    context: Context, account: Account, history: History, terms: e.MonthlyRechargeEnabled
) -> None:
    """Refuse an agreement that could never be carried out.

    Raises:
        CardNotFound, CardRemoved, BelowMinimum, AboveMaximum, InvalidAmount, MethodNotOffered, ConfigurationError
    """
    card = usable_card(account, terms.card_id, history(terms.card_id))
    _quote_to_see(context, account, terms, card, terms.amount, "amount")


def _quote_to_see(
    context: Context, account: Account, terms: e.ConsentGiven, card: Card, recharge: Decimal, field: str
) -> Decimal:
    total = checkout.quote_for_card(context, account, ANY_QUOTE, recharge, card, field).total
    if total > terms.ceiling:
        raise InvalidAmount(f"is less than the {_written(total, terms)} that a charge may come to", field="ceiling")
    return total


def _most(context: Context, account: Account, terms: e.AutoTopUpEnabled, card: Card) -> tuple[Decimal, str]:
    """Return the most that one charge may be asked to recharge, and what says so."""
    if terms.amount is not None:
        return terms.amount, "amount"
    assert terms.target is not None, "it is an amount or a target"
    return checkout.recharge_for(context, account, terms.target, card), "target"


def _written(amount: Decimal, terms: e.ConsentGiven) -> str:
    return f"{plain(amount, terms.currency)} {terms.currency}"


# Charging ---------------------------------------------------------------------------------------------------------


def start_auto_top_up(context: Context, account_id: str, now: datetime) -> Sequence[e.Recorded]:
    """Charge the auto top-up that is due; nothing if it is not, any more, or if another process was faster.

    Args:
        context: what to work with.
        account_id: the account.
        now: what time it is for who asks, not after the ledger's own.

    Returns what was recorded when it was started, or put off.
    """
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, _: History) -> Sequence[e.Event]:
        due_at, present = auto_top_up.due_at(account), context.now()
        if due_at is None or due_at > min(now, present):
            return ()
        policy = account.auto_top_up
        assert policy is not None, "what is due was enabled"
        card = account.cards[policy.terms.card_id]
        operation_id = auto_top_up.next_operation(account)
        recharge = _wanted(context, account, policy.terms, card)
        quote = checkout.quote_for_card(context, account, _quote_id(operation_id), recharge, card)
        started = auto_top_up.start(account, quote, context.pace, present)
        request = _request(operation_id, "auto top-up", str(policy.started + 1))
        return _with_top_up(account, started, quote, request, card, Initiator.UNSCHEDULED, send_before)

    change = context.transact(account_id, decide)
    return _driven(context, account_id, change)


def charge_monthly_recharge(context: Context, account_id: str, now: datetime) -> Sequence[e.Recorded]:
    """Charge the month that is due, or attempt once more the one that surely did not reach the gateway.

    Arguments and result are those of `start_auto_top_up`.
    """
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        due_at, policy, present = monthly_recharge.due_at(account), account.monthly_recharge, context.now()
        if policy is None or due_at is None or due_at > min(now, present):
            return ()
        card = account.cards[policy.terms.card_id]
        if policy.next_due_at > min(now, present):
            return _attempt_again(account, history, str(policy.latest), card, send_before)
        due, _ = monthly_recharge.month_due(policy, account.time_zone, present)
        operation_id = monthly_recharge.operation_of(account, due.month)
        quote = checkout.quote_for_card(context, account, _quote_id(operation_id), policy.terms.amount, card)
        started = monthly_recharge.start(account, quote, context.pace, present)
        request = _request(operation_id, "monthly recharge", due.month)
        return _with_top_up(account, started, quote, request, card, Initiator.RECURRING, send_before)

    change = context.transact(account_id, decide)
    return _driven(context, account_id, change)


def announce_expiry(context: Context, account_id: str, now: datetime) -> Sequence[e.Recorded]:
    """Say that a card will have expired when it is to be charged next, if that is to be said now."""
    return context.transact(account_id, lambda account, _: monthly_recharge.announce_expiry(account, now)).recorded


def _wanted(context: Context, account: Account, terms: e.AutoTopUpEnabled, card: Card) -> Decimal:
    if terms.amount is not None:
        return terms.amount
    assert terms.target is not None, "it is an amount or a target"
    return checkout.recharge_for(context, account, auto_top_up.shortfall(account, terms.target), card)


def _quote_id(operation_id: str) -> str:
    return derived_id("quote", operation_id)


def _request(operation_id: str, policy: str, subject: str) -> Request:
    return Request(operation_id, f"{policy} {subject}", request_fingerprint(policy, subject))


def _with_top_up(
    account: Account,
    started: Sequence[e.Event],
    quote: e.CheckoutQuoted,
    request: Request,
    card: Card,
    initiator: Initiator,
    send_before: datetime,
) -> Sequence[e.Event]:
    """Return quote, start and top-up for one append, or why it was not started."""
    if not isinstance(started[0], e.AutoTopUpStarted | e.MonthlyRechargeStarted):
        return started
    requested = life.request_top_up(
        account,
        request,
        quote,
        gateway=card.gateway,
        card_id=card.card_id,
        save_card=False,
        initiator=initiator,
        send_before=send_before,
    )
    return [quote, *started, *requested]


def _attempt_again(
    account: Account, history: History, operation_id: str, card: Card, send_before: datetime
) -> Sequence[e.Event]:
    """Attempt a month once more. Its quote holds until then: nobody waits at a checkout."""
    unsent = fold_top_up(history(operation_id))
    assert unsent is not None, "what was postponed was attempted"
    return life.attempt_again(account, unsent, gateway=card.gateway, card_id=card.card_id, send_before=send_before)


def _driven(context: Context, account_id: str, change: Change) -> Sequence[e.Recorded]:
    attempted = [recorded.event for recorded in change.recorded if isinstance(recorded.event, e.PaymentAttempted)]
    for attempt in attempted:
        assert attempt.card_id is not None, "an automatic payment is charged to a saved card"
        top_up.drive(context, account_id, attempt.operation_id, change, attempt.card_id)
    return change.recorded
