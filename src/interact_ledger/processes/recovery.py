"""Bringing every open attempt, of whatever kind, to its true end, from the log and the gateways alone.

Safe to run at any moment, by several processes at once, and at start-up: it never charges, saves or pays back. An
attempt that may still be under way (before its `send_before` and the gateway's safe delay) is looked up and, if
nothing is found, left alone; its sender cannot send any more once that time is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from interact_ledger.clock import END
from interact_ledger.domain.agenda import AgendaKind
from interact_ledger.errors import StorageUnavailable
from interact_ledger.processes import cards, refunds, top_up
from interact_ledger.processes.context import Context
from interact_ledger.processes.failures import what_went_wrong
from interact_ledger.storage.index import DueItem, due_items
from interact_ledger.tables import Query

__all__ = ["Recovered", "recover"]

NOT_DUE = "not due yet"
"""The outcome of what may still be under way, or waits for its customer."""

KINDS = (AgendaKind.PAYMENT, AgendaKind.CARD_SAVING, AgendaKind.CARD_REMOVAL, AgendaKind.REFUND)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one thing that was open."""

    account_id: str
    kind: str
    """payment, card_saving, card_removal or refund."""
    subject: str
    """The transaction, saving, card or refund."""
    outcome: str
    """Its state now, or why it could not be learned, or "not due yet"."""
    is_over: bool
    """Whether nothing is left to ask or tell the gateway."""
    due_at: datetime
    """Since when it could have been decided; one long past that is not over deserves a person's attention."""


def recover(
    context: Context, query: Query, on_progress: Callable[[int, int], None] = lambda _done, _of: None
) -> list[Recovered]:
    """Settle everything open at any gateway whose time has come, and say what is open and not due yet.

    Args:
        context: what to work with.
        query: reads the agenda.
        on_progress: called with how many are done, of how many.
    """
    now = context.now()
    open_items = due_items(query, KINDS, END)
    due = [item for item in open_items if item.due_at <= now]
    recovered = []
    for done, item in enumerate(due, start=1):
        recovered.append(_recover(context, item))
        on_progress(done, len(due))
    waiting = (item for item in open_items if item.due_at > now)
    return recovered + [
        Recovered(item.account_id, item.kind.value, item.subject, NOT_DUE, is_over=False, due_at=item.due_at)
        for item in waiting
    ]


def _recover(context: Context, item: DueItem) -> Recovered:
    try:
        outcome, is_over = _settle(context, item)
    except StorageUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - an adapter's mistake about one payment must not hold up the others
        outcome, is_over = what_went_wrong(error), False
    return Recovered(item.account_id, item.kind.value, item.subject, outcome, is_over, item.due_at)


def _settle(context: Context, item: DueItem) -> tuple[str, bool]:
    if item.kind is AgendaKind.PAYMENT:
        attempt = top_up.settle(context, item.account_id, item.subject).top_up
        return attempt.outcome.value, attempt.is_over
    if item.kind is AgendaKind.CARD_SAVING:
        saving = cards.settle_saving(context, item.account_id, item.subject).saving
        return saving.status.value, saving.is_over
    if item.kind is AgendaKind.REFUND:
        refund = refunds.settle_refund(context, item.account_id, item.subject)
        return refund.outcome.value, refund.is_over
    forgotten = cards.forget(context, item.account_id, item.subject)
    return ("removed" if forgotten else "not yet confirmed"), forgotten
