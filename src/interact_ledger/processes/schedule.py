"""What falls due by the calendar: holds and credit expire, numbers are charged. Harmless when repeated or late."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from interact_ledger.clock import iso
from interact_ledger.domain import events as e
from interact_ledger.domain import holds, lots, numbers
from interact_ledger.domain.account import Account
from interact_ledger.domain.agenda import AgendaKind
from interact_ledger.domain.operations import Request
from interact_ledger.errors import Busy, Refused
from interact_ledger.ids import derived_id, request_fingerprint
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import History
from interact_ledger.storage.index import DueItem, due_items
from interact_ledger.tables import Query

__all__ = ["Done", "run_due"]

MONTHS_PER_RUN_MAX = 24
"""How many months of one number one run charges; the next run goes on. A clock that is decades ahead shows early."""

EXPIRIES = {AgendaKind.HOLD_EXPIRY: holds.expire, AgendaKind.CREDIT_EXPIRY: lots.expire}
KINDS = (*EXPIRIES, AgendaKind.NUMBER_RENT)


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that the schedule did."""

    account_id: str
    kind: str
    subject: str
    due_at: datetime
    outcome: str
    """expired, charged or unpaid; or why nothing could be done, and will be tried again."""


def run_due(
    context: Context, query: Query, on_progress: Callable[[int, int], None] = lambda _done, _of: None
) -> list[Done]:
    """Do all that is due; costs what is due, not what exists."""
    due = due_items(query, KINDS, context.now())
    done: list[Done] = []
    for count, item in enumerate(due, start=1):
        done.extend(_do(context, item))
        on_progress(count, len(due))
    return done


def _do(context: Context, item: DueItem) -> list[Done]:
    """Do one item; what goes wrong with one account is reported, and does not keep the others waiting."""
    try:
        return _expire(context, item) if item.kind in EXPIRIES else _rent(context, item)
    except (Busy, Refused) as error:
        return [_done(item, item.due_at, f"{error.code}: {error.message}")]


def _expire(context: Context, item: DueItem) -> list[Done]:
    change = context.accounts.transact(
        item.account_id, context.cause, lambda account, _: EXPIRIES[item.kind](account, item.subject, context.now())
    )
    return [_done(item, item.due_at, "expired") for _ in change.recorded]


def _rent(context: Context, item: DueItem) -> list[Done]:
    """Charge month after month until the number is paid up, or the balance does not suffice."""
    done: list[Done] = []
    due_at = item.due_at
    while due_at <= context.now() and len(done) < MONTHS_PER_RUN_MAX:
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

    return context.accounts.once(item.account_id, context.cause, request, decide).recorded


def _done(item: DueItem, due_at: datetime, outcome: str) -> Done:
    return Done(item.account_id, item.kind.value, item.subject, due_at, outcome)
