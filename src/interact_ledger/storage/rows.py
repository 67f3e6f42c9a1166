"""The rows that follow from events: the one place where an append, a rebuild and a copy ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import AccountOpened, Recorded
from interact_ledger.domain.fold import evolve
from interact_ledger.storage.index import agenda_rows, index_rows
from interact_ledger.tables import RowChange

__all__ = [
    "CREDIT_NOTES_PREFIX",
    "GATEWAY_PREFIX",
    "INVOICES_PREFIX",
    "Reader",
    "Step",
    "accounts_first",
    "is_book",
    "rows_of_event",
    "rows_of_events",
    "steps",
]

INVOICES_PREFIX = "seller_"
"""How the sellers' invoice books are named."""

CREDIT_NOTES_PREFIX = "credit_notes_"
"""How the sellers' books of credit notes are named."""

GATEWAY_PREFIX = "gateway_"
"""How the gateways' books are named, of notices that nothing explains and no account is known for."""

Reader: TypeAlias = Callable[[Recorded, Account | None, Account | None], Iterable[RowChange]]
"""A projection: the rows that follow from an event, given the account before and after it.

There is no account before its opening, and none at all in a book.
"""


class Step(NamedTuple):
    """An event, and the account before and after it."""

    recorded: Recorded
    before: Account | None
    after: Account | None


def steps(account: Account | None, events: Iterable[Recorded]) -> Iterator[Step]:
    """Fold events onto the account that they follow: None at a stream's beginning, and in one that is no account's."""
    for recorded in events:
        before = account
        if account is not None or isinstance(recorded.event, AccountOpened):
            account = evolve(account, recorded)
        yield Step(recorded, before, account)


def rows_of_event(step: Step, readers: Sequence[Reader]) -> Iterator[RowChange]:
    """Yield the rows of one event, but for its account's agenda."""
    yield from index_rows(step.recorded)
    for reader in readers:
        yield from reader(*step)


def rows_of_events(done: Sequence[Step], readers: Sequence[Reader]) -> Iterator[RowChange]:
    """Yield the rows of events that follow one another, and what all of them change in the account's agenda."""
    for step in done:
        yield from rows_of_event(step, readers)
    if done[-1].after is not None:
        yield from agenda_rows(done[0].before, done[-1].after)


def is_book(stream_id: str) -> bool:
    """Say whether a stream is a book, whose entries stand alone, and no account's."""
    return stream_id.startswith((INVOICES_PREFIX, CREDIT_NOTES_PREFIX, GATEWAY_PREFIX))


def accounts_first(stream_ids: Iterable[str]) -> list[str]:
    """Put accounts before books, whose rows may answer theirs."""
    return sorted(stream_ids, key=lambda stream_id: (is_book(stream_id), stream_id))
