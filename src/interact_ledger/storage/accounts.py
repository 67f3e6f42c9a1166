"""Accounts as decisions see them: loaded quickly, changed by retrying the pure decision, never a call to a gateway."""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import localcontext
from typing import NamedTuple, TypeAlias

from interact_ledger.clock import Clock
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.fold import evolve
from interact_ledger.domain.operations import Request
from interact_ledger.errors import AccountNotFound, Busy, LedgerError, StorageUnavailable
from interact_ledger.money import EXACT
from interact_ledger.storage.deadline import over_by
from interact_ledger.storage.log import START, Conflict, Log
from interact_ledger.storage.rows import Reader, Step, is_book, rows_of_events, steps
from interact_ledger.storage.snapshots import Loaded, from_snapshot, snapshot_of

__all__ = ["Accounts", "Cause", "Change", "Decide", "History"]

CACHED_ACCOUNTS_MAX = 10_000
SNAPSHOT_EVERY = 200
_BACKOFF_SECONDS_MAX = 0.05


@dataclass(frozen=True, slots=True)
class Cause:
    """Who or what makes the ledger write, recorded with every event."""

    actor: str
    correlation_id: str | None = None


class Change(NamedTuple):
    """The account after a command, and what the command recorded (nothing, if it was a repeat)."""

    account: Account
    recorded: Sequence[e.Recorded]


History: TypeAlias = Callable[[str], Sequence[e.Recorded]]
"""Given an operation, card, hold or quote: the account's events about it, oldest first."""

Decide: TypeAlias = Callable[[Account, History], Sequence[e.Event]]
"""A pure decision. It may be asked again on a newer account, so it must have no effect of its own."""


class Accounts:
    """The accounts in a log.

    Args:
        log: where their events are.
        clock: what time it is.
        readers: the projections that are written in the same transaction.
        deadline: how long a command may be retried while others change the account.
    """

    def __init__(self, log: Log, clock: Clock, readers: Sequence[Reader], deadline: timedelta) -> None:
        self._log = log
        self._clock = clock
        self._readers = readers
        self._deadline_seconds = deadline.total_seconds()
        self._cache: OrderedDict[str, Loaded] = OrderedDict()
        self._cache_lock = threading.Lock()
        self._jitter = random.Random()  # noqa: S311 - spreads retries, keeps no secret

    def load(self, account_id: str) -> Account:
        """Return the account as it is now.

        Raises:
            AccountNotFound: if there is none.
        """
        return self._fresh(account_id).account

    def open(self, account_id: str, cause: Cause, event: e.AccountOpened) -> Change:
        """Start the stream of a new account; repeating it returns the account that is there."""
        recorded = e.Recorded(account_id, 1, self._clock.now(), cause.actor, cause.correlation_id, event)
        account = evolve(None, recorded)
        try:
            link = self._log.append(
                START, [recorded], list(rows_of_events([Step(recorded, None, account)], self._readers))
            )
        except Conflict as conflict:
            try:
                return self._unchanged(self._fresh(account_id))
            except AccountNotFound:
                raise (conflict.storage_error or conflict) from None
        self._remember(Loaded(account, link))
        return Change(account, (recorded,))

    def transact(self, account_id: str, cause: Cause, decide: Decide) -> Change:
        """Decide on the account as it is and append what was decided; on a conflict, look and decide again.

        A decision that refuses, or finds nothing to do, is only believed on the newest state.

        Raises:
            AccountNotFound: if there is no such account.
            Busy: if others kept changing the account until the deadline.
            StorageUnavailable: if it could not be written until then.
            LedgerError: whatever the decision raised.
        """
        return self._transact(account_id, cause, decide, None)

    def once(self, account_id: str, cause: Cause, request: Request, decide: Decide) -> Change:
        """Decide and append as `transact` does, or change nothing if the request was answered before.

        The request is first taken for a new one, without looking. If it is not, the unique row of its operation
        refuses the append, and a decision that refuses for whatever reason is not believed before the look.

        Raises:
            IdempotencyConflict: if its key was used for another request.
            AccountNotFound, Busy, LedgerError: as `transact`.
        """
        return self._transact(account_id, cause, decide, request)

    def _transact(self, account_id: str, cause: Cause, decide: Decide, request: Request | None) -> Change:
        give_up_at = time.monotonic() + self._deadline_seconds
        with localcontext(EXACT), over_by(give_up_at):
            return self._transact_until(give_up_at, account_id, cause, decide, request)

    def _transact_until(
        self, give_up_at: float, account_id: str, cause: Cause, decide: Decide, request: Request | None
    ) -> Change:
        loaded, is_newest = self._cached(account_id), False
        in_doubt: StorageUnavailable | None = None  # why an append of ours may yet come
        tries = races_lost = 0
        while True:
            try:
                if loaded is None or tries:
                    tried, is_newest = loaded, True
                    loaded = self._fresh(account_id)
                    if tried is not None and tried.link != loaded.link:
                        in_doubt = None  # its version is taken: by itself, or by another's
                history = self._history_of(loaded)
                if is_newest and request is not None and request.is_repeated(history(request.operation_id)):
                    return self._unchanged(loaded)
                events = decide(loaded.account, history)
                if events:
                    return self._append(loaded, cause, events)
                if is_newest:
                    return self._unchanged(loaded)
            except Conflict as conflict:
                in_doubt = conflict.storage_error or in_doubt
                races_lost += conflict.storage_error is None
                if time.monotonic() > give_up_at:
                    raise (in_doubt or _outpaced(races_lost)) from None
                if is_newest:
                    time.sleep(self._jitter.uniform(0, _BACKOFF_SECONDS_MAX / max(1, 32 >> races_lost)))
            except (StorageUnavailable, Busy) as error:
                raise (in_doubt or error) from error.__cause__
            except LedgerError as error:
                if in_doubt is not None:
                    raise in_doubt from error
                if is_newest:
                    raise
            tries += 1

    def _unchanged(self, loaded: Loaded) -> Change:
        self._log.settle()
        return Change(loaded.account, ())

    def history(self, account_id: str, subject_id: str) -> Sequence[e.Recorded]:
        """Return the account's events about an operation, card, hold or quote, oldest first."""
        return self._history_of(self._fresh(account_id))(subject_id)

    def start_of(self, account_id: str, operation_id: str) -> e.Recorded:
        """Return the first event of an operation of the account, however many came after it."""
        rows = self._log.query(
            "SELECT version FROM operations WHERE operation_id=? AND stream_id=?", (operation_id, account_id)
        )
        assert rows, "the operation was started on this account"
        return self._log.find(account_id, [rows[0]["version"]])[0]

    def account_of(self, operation_id: str) -> str | None:
        """Return whose operation this is, None if it is no account's: an entry in a book is not."""
        rows = self._log.query("SELECT stream_id FROM operations WHERE operation_id=?", (operation_id,))
        return str(rows[0]["stream_id"]) if rows and not is_book(rows[0]["stream_id"]) else None

    def follow(self) -> None:
        """See that what asks without naming an account misses nothing that is stored by now."""
        self._log.follow()

    # Loading ------------------------------------------------------------------------------------------------------

    def _fresh(self, account_id: str) -> Loaded:
        cached = self._cached(account_id)
        if cached is None:
            account, link = from_snapshot(self._log, account_id) or (None, START)
            events = self._log.read(account_id, after=link.version)
        else:
            account, link = cached
            events = self._log.read(account_id, after=link.version - 1)
            if next(events, (None, START))[1] != link:
                self._forget(account_id)  # the database has gone back: what is remembered was lost
                return self._fresh(account_id)
        with localcontext(EXACT):
            for recorded, next_link in events:
                if account is None and not isinstance(recorded.event, e.AccountOpened):
                    break  # a book
                account, link = evolve(account, recorded), next_link
        if account is None:
            raise AccountNotFound("there is no such account", field="account_id")
        return self._remember(Loaded(account, link))

    def _cached(self, account_id: str) -> Loaded | None:
        with self._cache_lock:
            loaded = self._cache.get(account_id)
            if loaded is not None:
                self._cache.move_to_end(account_id)
            return loaded

    def _remember(self, loaded: Loaded) -> Loaded:
        account_id = loaded.account.account_id
        with self._cache_lock:
            known = self._cache.get(account_id)
            if known is None or known.link.version <= loaded.link.version:
                self._cache[account_id] = loaded
                self._cache.move_to_end(account_id)
            if len(self._cache) > CACHED_ACCOUNTS_MAX:
                self._cache.popitem(last=False)
        return loaded

    def _forget(self, account_id: str) -> None:
        with self._cache_lock:
            self._cache.pop(account_id, None)

    def _history_of(self, loaded: Loaded) -> History:
        # Only up to the loaded version: a decision sees one moment, and a newer event makes the append conflict.
        def history(subject_id: str) -> Sequence[e.Recorded]:
            rows = self._log.query(
                "SELECT version FROM operations WHERE operation_id=? AND stream_id=? AND version<=?"
                " UNION SELECT version FROM operation_steps WHERE subject_id=? AND stream_id=? AND version<=?"
                " ORDER BY version",
                (subject_id, loaded.account.account_id, loaded.link.version) * 2,
            )
            return self._log.find(loaded.account.account_id, [row["version"] for row in rows])

        return history

    # Appending ----------------------------------------------------------------------------------------------------

    def _append(self, loaded: Loaded, cause: Cause, events: Sequence[e.Event]) -> Change:
        before = loaded.account
        recorded_at = max(self._clock.now(), before.recorded_at)
        recorded = tuple(
            e.Recorded(before.account_id, version, recorded_at, cause.actor, cause.correlation_id, event)
            for version, event in enumerate(events, before.version + 1)
        )
        done = list(steps(before, recorded))
        link = self._log.append(loaded.link, recorded, list(rows_of_events(done, self._readers)))
        account = done[-1].after
        assert account is not None, "an account goes on from an account"
        after = self._remember(Loaded(account, link))
        if link.version // SNAPSHOT_EVERY > loaded.link.version // SNAPSHOT_EVERY:
            self._log.save_snapshot(snapshot_of(after))
        return Change(after.account, recorded)


def _outpaced(races: int) -> Busy:
    return Busy(f"others kept changing the account through {races} tries; try again", field="account_id")
