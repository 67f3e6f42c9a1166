"""What is wrong with how events and rows are stored and read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interact_ledger.storage import accounts, index
from interact_ledger.storage.accounts import Accounts, Change
from interact_ledger.storage.log import Conflict, Link, Log, storage_errors
from simulation.bugs.planting import Patch, bug


@bug
def _no_look_after_lost_answer(patch: Patch) -> None:
    """A request is looked for once, and not again after a conflict; no unique row stops the second append."""

    def once(self: Accounts, account_id: str, cause: Any, request: Any, decide: Any) -> Change:
        account = self.load(account_id)
        if request.is_repeated(self.history(account_id, request.operation_id)):
            return Change(account, ())
        return self.transact(account_id, cause, decide)

    patch(Accounts, "once", once)
    patch(type(index.OPERATIONS), "insert", type(index.OPERATIONS).put)


@bug
def _no_unique_row(patch: Patch) -> None:
    """Nothing in the database stops a second operation under the same key."""
    patch(type(index.OPERATIONS), "insert", type(index.OPERATIONS).put)


@bug
def _conflict_is_success(patch: Patch) -> None:
    """An append that lost a race counts as done."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        try:
            return original(self, link, events, changes)
        except Conflict:
            return Link(events[-1].version, link.chain)

    patch(Log, "append", append)


@bug
def _lost_answer_is_success(patch: Patch) -> None:
    """An append whose answer was lost counts as done."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        try:
            return original(self, link, events, changes)
        except Conflict as conflict:
            if conflict.storage_error is None:
                raise
            return Link(events[-1].version, link.chain)

    patch(Log, "append", append)


@bug
def _last_writer_wins(patch: Patch) -> None:
    """Events are appended behind whatever is there, not behind what was decided on."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        if link.version:
            link = self.last(events[0].stream_id)[1]
            events = [replace(recorded, version=link.version + n) for n, recorded in enumerate(events, start=1)]
        return original(self, link, events, changes)

    patch(Log, "append", append)


@bug
def _rows_behind_the_append(patch: Patch) -> None:
    """Tables are written in a transaction of their own behind the events."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        unique = [change for change in changes if change.table is index.OPERATIONS]
        end = original(self, link, events, unique)
        with storage_errors(), self.recorder.transaction(write=True) as cursor:
            self.recorder.write_changes(cursor, [change for change in changes if change.table is not index.OPERATIONS])
        return end

    patch(Log, "append", append)


@bug
def _stale_snapshot(patch: Patch) -> None:
    """An account that has a snapshot is what the snapshot says."""
    original = Accounts._fresh

    def fresh(self: Accounts, account_id: str) -> Any:
        if self._cached(account_id) is None and (known := accounts.from_snapshot(self._log, account_id)):
            return self._remember(known)
        return original(self, account_id)

    patch(Accounts, "_fresh", fresh)


@bug
def _stale_cache(patch: Patch) -> None:
    """What this process has in memory counts as the newest."""
    original = Accounts._fresh
    patch(Accounts, "_fresh", lambda self, account_id: self._cached(account_id) or original(self, account_id))


@bug
def _snapshot_without_open_top_ups(patch: Patch) -> None:
    """A snapshot leaves out the top-ups that are under way."""
    original = accounts.snapshot_of

    def snapshot(loaded: Any) -> Any:
        return original(loaded._replace(account=replace(loaded.account, top_ups={})))

    patch(accounts, "snapshot_of", snapshot)
