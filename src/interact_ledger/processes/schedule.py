"""What falls due: money comes in, is charged and paid back, holds and credit expire. Harmless when repeated or late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interact_ledger.clock import iso
from interact_ledger.domain import auto_top_up, holds, lots, numbers
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.agenda import AgendaKind
from interact_ledger.domain.operations import Request
from interact_ledger.errors import StorageUnavailable
from interact_ledger.ids import derived_id, request_fingerprint
from interact_ledger.processes import automatic, refunds, top_up
from interact_ledger.processes.context import Context
from interact_ledger.processes.failures import what_went_wrong
from interact_ledger.storage.accounts import History
from interact_ledger.storage.index import DueItem, due_items
from interact_ledger.tables import Query

__all__ = ["Done", "run_due", "top_up_now"]

MONTHS_PER_RUN_MAX = 24
"""How many months of one number one run charges; the next run goes on. A clock that is decades ahead shows early."""

EXPIRIES = {AgendaKind.HOLD_EXPIRY: holds.expire, AgendaKind.CREDIT_EXPIRY: lots.expire}
AUTOMATIC = {
    AgendaKind.AUTO_TOP_UP: automatic.start_auto_top_up,
    AgendaKind.MONTHLY_RECHARGE: automatic.charge_monthly_recharge,
    AgendaKind.CARD_EXPIRY: automatic.announce_expiry,
}
RENTS = (AgendaKind.NUMBER_RENT,)
QUEUED = (AgendaKind.QUEUED_REFUND,)

_SAID = {
    e.AutoTopUpPostponed: "postponed",
    e.AutoTopUpPaused: "paused",
    e.MonthlyRechargeDisabled: "disabled",
    e.CardExpiryAnnounced: "announced",
}


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that the schedule did."""

    account_id: str
    kind: str
    subject: str
    due_at: datetime
    outcome: str
    """expired, charged, unpaid, postponed, paused, disabled or announced; for an automatic payment or a queued refund,
    its status; or why nothing could be done, and will be tried again."""


def run_due(
    context: Context,
    query: Query,
    now: datetime,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Done]:
    """Do all that is due at a moment, which is not after the clock's; costs what is due, not what exists.

    What expires goes first, as it may leave a balance low: holds before credit, which they kept from expiring. Money
    comes in before rents are charged, so that none goes unpaid for want of it, and once more after them.
    """
    done: list[Done] = []
    tried: set[DueItem] = set()
    for kinds in (*((kind,) for kind in EXPIRIES), tuple(AUTOMATIC), RENTS, tuple(AUTOMATIC), QUEUED):
        due = [item for item in due_items(query, kinds, now) if item not in tried]
        for count, item in enumerate(due, start=len(tried) + 1):
            done.extend(_do(context, item, now))
            on_progress(count, len(tried) + len(due))
        tried.update(due)
    return done


def top_up_now(context: Context, account: Account) -> list[Done]:
    """Charge the auto top-up of an account that has just been spent from, if it is due. It is no error if it fails."""
    due_at, now = auto_top_up.due_at(account), context.now()
    if due_at is None or due_at > now:
        return []
    item = DueItem(account.account_id, AgendaKind.AUTO_TOP_UP, auto_top_up.next_operation(account), due_at)
    try:
        return _do(context, item, now)
    except StorageUnavailable:
        return []


def _do(context: Context, item: DueItem, now: datetime) -> list[Done]:
    """Do one item; what goes wrong with one account is reported, and does not keep the others waiting."""
    try:
        return _DOERS[item.kind](context, item, now)
    except StorageUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - an adapter's mistake about one payment must not hold up the others
        return [_done(item, item.due_at, what_went_wrong(error))]


def _expire(context: Context, item: DueItem, _now: datetime) -> list[Done]:
    change = context.transact(
        item.account_id, lambda account, _: EXPIRIES[item.kind](account, item.subject, context.now())
    )
    return [_done(item, item.due_at, "expired") for _ in change.recorded]


def _rent(context: Context, item: DueItem, now: datetime) -> list[Done]:
    """Charge month after month until the number is paid up, or the balance does not suffice."""
    done: list[Done] = []
    due_at = item.due_at
    while due_at <= now and len(done) < MONTHS_PER_RUN_MAX:
        recorded = _charge_month(context, item, due_at)
        if not recorded:
            break
        event = recorded[0].event
        if not isinstance(event, e.NumberRentalCharged):
            done.append(_done(item, due_at, "unpaid"))
            break
        done.append(_done(item, due_at, "charged"))
        due_at = event.next_due_at
    return done


def _charge_month(context: Context, item: DueItem, due_at: datetime) -> Sequence[e.Recorded]:
    # Derived otherwise than from a key, so that no key of a service's request can come to the same.
    operation_id = derived_id("txn", item.account_id, "rent", item.subject, iso(due_at))
    key = f"rent {item.subject} {iso(due_at)}"
    request = Request(operation_id, key, request_fingerprint("rent", item.subject, iso(due_at)))

    def decide(account: Account, _: History) -> Sequence[e.Event]:
        prices = context.settings.price_list.version
        return numbers.charge_rent(account, request, item.subject, due_at, prices, context.now())

    return context.once(item.account_id, request, decide).recorded


def _queued_refund(context: Context, item: DueItem, _now: datetime) -> list[Done]:
    refund = refunds.try_queued(context, item.account_id, item.subject)
    return [_done(item, item.due_at, refund.outcome.value)]


def _automatic(context: Context, item: DueItem, now: datetime) -> list[Done]:
    """Charge or announce, and say what came of it: the status of what was started, or why nothing was."""
    recorded = AUTOMATIC[item.kind](context, item.account_id, now)
    done = [_done(item, item.due_at, _SAID[type(r.event)]) for r in recorded if type(r.event) in _SAID]
    for started in recorded:
        if isinstance(started.event, e.PaymentAttempted):
            payment = top_up.load(context, item.account_id, started.event.operation_id)
            done.append(_done(item._replace(subject=payment.operation_id), item.due_at, payment.outcome.value))
    return done


_DOERS: Mapping[AgendaKind, Callable[[Context, DueItem, datetime], list[Done]]] = {
    **dict.fromkeys(EXPIRIES, _expire),
    **dict.fromkeys(AUTOMATIC, _automatic),
    AgendaKind.NUMBER_RENT: _rent,
    AgendaKind.QUEUED_REFUND: _queued_refund,
}


def _done(item: DueItem, due_at: datetime, outcome: str) -> Done:
    return Done(item.account_id, item.kind.value, item.subject, due_at, outcome)
