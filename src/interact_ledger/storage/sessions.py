"""Connections to PostgreSQL, each lent to one borrower at a time, and every wait on them ending at a deadline.

The pool that comes with the driver connects in the background, and backs off for a second, then two, then four: a
server that was away for a moment would be lost to a command for much longer. Here who needs a connection makes it, and
tries until its own deadline. A connection whose session was ended while it was idle is noticed before it is lent.
"""

from __future__ import annotations

import os
import random
import selectors
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing.persistence import ConnectionPoolClosedError
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from interact_ledger.errors import ConfigurationError
from interact_ledger.storage.forks import refuse_after_fork
from interact_ledger.storage.recorder import NeverSent

__all__ = ["LedgerConnection", "Sessions"]

_SIZE_MAX = 20
_LIFETIME_SECONDS = 3600
_PAUSE_SECONDS_MAX = 0.1
_CONNECT_SECONDS_MIN = 2  # what the driver makes of less


class LedgerConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends at a deadline."""

    deadline: float | None = None
    """On the monotonic clock; None waits for ever."""
    made_at = 0.0
    was_warned = False
    """Whether the server warned of something, in whatever language, since the connection was lent."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        deadline = self.deadline
        if deadline is None:
            return super().wait(gen, interval, timeout)
        rest = max(0.0, deadline - time.monotonic())
        try:
            return super().wait(gen, interval, rest if timeout is None else min(timeout, rest))
        except psycopg.OperationalError:
            if time.monotonic() >= deadline:
                self.close()  # at once, so that nothing that unwinds waits again or cancels
            raise

    def is_silent(self) -> bool:
        """Return whether the server said nothing since the last answer; unasked it only says that it is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.pgconn.socket, selectors.EVENT_READ)
            return not selector.select(0)

    def is_worth_keeping(self) -> bool:
        """Return whether the next borrower can have it."""
        return (
            not self.closed
            and self.info.transaction_status == TransactionStatus.IDLE
            and time.monotonic() < self.made_at + _LIFETIME_SECONDS
        )


class Sessions:
    """Connections to one database; whatever the address says (TLS, options, several hosts) is passed on.

    Args:
        conninfo: the address.
        deadline_seconds: the longest that the server lets a statement run or wait.
    """

    def __init__(self, conninfo: str, *, deadline_seconds: float) -> None:
        self._conninfo = conninfo
        self._opened_by = os.getpid()
        milliseconds = max(1, round(deadline_seconds * 1000))
        limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        limited = "; ".join(f"SET {limit} = {milliseconds}" for limit in limits)
        self._setup = f"SET synchronous_commit = on; SET DateStyle = ISO; {limited}"
        self._free = threading.BoundedSemaphore(_SIZE_MAX)
        self._idle: list[LedgerConnection] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._jitter = random.Random()  # noqa: S311 - spreads retries, keeps no secret

    @contextmanager
    def lent(self, deadline: float) -> Iterator[LedgerConnection]:
        """Lend a connection on which every wait ends at the deadline.

        One on which something was left unanswered is closed, never cancelled: a cancelled COMMIT claims success.

        Raises:
            NeverSent: if none could be had by the deadline.
            ConfigurationError: if this process was forked since.
        """
        refuse_after_fork(self._opened_by)
        if not self._free.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise NeverSent("all connections stayed in use until the deadline")
        try:
            connection = self._idle_one() or self._new_one(deadline)
            connection.deadline = deadline
            connection.was_warned = False
            try:
                yield connection
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
                connection.close()
                raise
            finally:
                self._take_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close all connections; those that are lent are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _idle_one(self) -> LedgerConnection | None:
        while True:
            with self._lock:
                if self._is_closed:
                    raise ConnectionPoolClosedError
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_worth_keeping() and connection.is_silent():
                return connection
            connection.close()

    def _take_back(self, connection: LedgerConnection) -> None:
        with self._lock:
            is_kept = connection.is_worth_keeping() and not self._is_closed
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()

    def _new_one(self, deadline: float) -> LedgerConnection:
        while True:
            try:
                return self._connected(deadline)
            except psycopg.Error as error:  # it remembers the password, so nothing is raised from it
                refusal = NeverSent(str(error))
                may_pass = isinstance(error, psycopg.OperationalError)  # else the address is none
            pause = self._jitter.uniform(0, _PAUSE_SECONDS_MAX)
            if not may_pass or time.monotonic() + pause > deadline:
                raise refusal
            time.sleep(pause)

    def _connected(self, deadline: float) -> LedgerConnection:
        said = conninfo_to_dict(self._conninfo)
        hosts = str(said.get("host") or "").count(",") + 1
        rest = max(_CONNECT_SECONDS_MIN, int((deadline - time.monotonic()) / hosts))
        connection = LedgerConnection.connect(
            self._conninfo,
            autocommit=True,
            row_factory=dict_row,
            client_encoding="utf8",
            connect_timeout=_at_most(rest, said.get("connect_timeout")),
        )
        try:
            _refuse_other_texts(connection)
            connection.deadline = deadline
            connection.made_at = time.monotonic()
            connection.execute(self._setup)
            connection.add_notice_handler(_note_warnings(connection))
        except BaseException:
            connection.close()
            raise
        return connection


def _at_most(rest: int, wanted: Any) -> Any:
    """Return the shorter of what is left and what the address allows, where 0 or less is for ever."""
    try:
        seconds = int(wanted or 0)
    except ValueError:
        return wanted  # which the driver refuses
    return min(rest, seconds) if seconds > 0 else rest


def _refuse_other_texts(connection: LedgerConnection) -> None:
    """Refuse a database that cannot hold every text: what a gateway says of captured money must be storable."""
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise ConfigurationError("the database does not keep text as UTF8; make one that does", field="url")


def _note_warnings(connection: LedgerConnection) -> Any:
    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            connection.was_warned = True

    return note
