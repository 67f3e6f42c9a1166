"""The ledger as services open it: wiring, and nothing else. Its verbs are in `verbs/`."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.domain.card_testing import AttemptPolicy
from interact_ledger.errors import ConfigurationError
from interact_ledger.free_text import free_text
from interact_ledger.gateways.discovery import gateway_from_env
from interact_ledger.gateways.protocol import Gateway
from interact_ledger.ids import IdSource, RandomIds
from interact_ledger.processes.context import Context
from interact_ledger.projections import (
    accounts,
    at_gateways,
    checkouts,
    credit_notes,
    disputes,
    notifications,
    receipts,
    statement,
)
from interact_ledger.settings import Settings
from interact_ledger.storage.accounts import Accounts, Cause
from interact_ledger.storage.books import Books
from interact_ledger.storage.elsewhere import EventsElsewhere
from interact_ledger.storage.following import FollowingLog
from interact_ledger.storage.guarantees import Guarantees
from interact_ledger.storage.log import Log
from interact_ledger.verbs.accounts import AccountVerbs
from interact_ledger.verbs.automatic import AutomaticVerbs
from interact_ledger.verbs.operating import OperatingVerbs
from interact_ledger.verbs.payments import PaymentVerbs
from interact_ledger.verbs.reading import ReadingVerbs
from interact_ledger.verbs.spending import SpendingVerbs

__all__ = ["Ledger"]

_GATEWAY_ID = re.compile("[A-Za-z0-9_]{1,64}")

TABLES = (
    accounts.ACCOUNTS,
    checkouts.CHECKOUTS,
    receipts.RECEIPTS,
    receipts.INVOICES,
    receipts.INVOICES_DUE,
    credit_notes.CREDIT_NOTES,
    credit_notes.CREDIT_NOTES_DUE,
    statement.STATEMENT_LINES,
    notifications.NOTIFICATIONS,
    disputes.DISPUTES,
    at_gateways.AT_GATEWAYS,
)
READERS = (
    accounts.rows,
    checkouts.rows,
    receipts.rows,
    credit_notes.rows,
    statement.rows,
    notifications.rows,
    disputes.rows,
    at_gateways.rows,
)


class Ledger(AccountVerbs, PaymentVerbs, AutomaticVerbs, SpendingVerbs, ReadingVerbs, OperatingVerbs):
    """Prepaid balances in one database. Safe to share between threads; open one per process.

    Make one with `Ledger.open` or `Ledger.from_env`, and close it, or use it as a context manager.
    """

    def __init__(
        self,
        log: Log,
        context: Context,
        books: Books,
        ids: IdSource,
        *,
        owned_gateways: Sequence[Gateway] = (),
    ) -> None:
        self._log = log
        self._context = context
        self._books = books
        self._ids = ids
        self._readers = READERS
        self._owned_gateways = owned_gateways

    @classmethod
    def open(
        cls,
        url: str,
        *,
        gateways: Sequence[Gateway],
        settings: Settings | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        events: EventsElsewhere | None = None,
        attempt_policy: AttemptPolicy | None = None,
    ) -> Self:
        """Open a ledger, making its tables if they are not there.

        Args:
            url: `sqlite:///relative.db`, `sqlite:////absolute.db`, or `sqlite://` for memory; or `postgresql://…` with
                the extra `postgres`. A role that may not make tables finds them made by `interact-ledger migrate`.
            gateways: the payment gateways, which stay the caller's to close.
            settings: prices, limits, taxes, methods, seller; the example settings if None.
            clock: what time it is; the system's if None.
            ids: where random ids come from; the system's if None.
            events: another event store that keeps the events; then the database at `url` holds a copy of them with
                the tables, and fewer things are promised: `guarantees` says which, and so does a warning in the log.

            attempt_policy: the service's own rule about customers' attempts with cards, beside the settings' limits;
                it returns why one is refused, or None, and must be quick and change nothing.

        Raises:
            ConfigurationError: if the url, the gateways or the other event store cannot be used.
            SchemaTooNew: if a newer release wrote the database.
            StorageUnavailable: if the database cannot be opened.
        """
        if not isinstance(gateways, Sequence):
            raise ConfigurationError("pass a list, such as [gateway]", field="gateways")
        if settings is not None and not isinstance(settings, Settings):
            raise ConfigurationError("pass Settings, such as Settings.load(path)", field="settings")
        settings, clock, ids = settings or Settings.default(), clock or SystemClock(), ids or RandomIds()
        if attempt_policy is not None and not callable(attempt_policy):
            raise ConfigurationError("pass a function that takes a CardAttempt", field="attempt_policy")
        return cls._wired(url, events, gateways, settings, clock, ids, attempt_policy)

    @classmethod
    def _wired(
        cls,
        url: str,
        events: EventsElsewhere | None,
        gateways: Sequence[Gateway],
        settings: Settings,
        clock: Clock,
        ids: IdSource,
        attempt_policy: AttemptPolicy | None = None,
        owned_gateways: Sequence[Gateway] = (),
    ) -> Self:
        by_id = {_id_of(gateway): gateway for gateway in gateways}
        if len(by_id) < len(gateways):
            raise ConfigurationError("two gateways have the same gateway_id", field="gateways")
        log = _log(url, events, settings.command_deadline.total_seconds())
        context = Context(
            accounts=Accounts(log, clock, READERS, settings.command_deadline),
            gateways=by_id,
            settings=settings,
            clock=clock,
            cause=Cause("service"),
            attempt_policy=attempt_policy,
        )
        books = Books(log, clock, READERS, settings.command_deadline)
        return cls(log, context, books, ids, owned_gateways=owned_gateways)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Open a ledger as the environment says.

        INTERACT_LEDGER_URL is the database (`sqlite:///interact_ledger.db` if unset), INTERACT_LEDGER_SETTINGS the
        path of a settings file (the example settings if unset), INTERACT_LEDGER_GATEWAYS the names of gateways,
        separated by commas (`sandbox` if unset, none if empty); each gateway has variables of its own.
        INTERACT_LEDGER_EVENTS names the persistence module of another event store that keeps the events, if one does;
        it too has variables of its own.

        Raises: as `open`.
        """
        environ = os.environ if environ is None else environ
        path = environ.get("INTERACT_LEDGER_SETTINGS")
        settings = Settings.load(path) if path else Settings.default()
        names = environ.get("INTERACT_LEDGER_GATEWAYS", "sandbox").split(",")
        url = environ.get("INTERACT_LEDGER_URL", "sqlite:///interact_ledger.db")
        module = environ.get("INTERACT_LEDGER_EVENTS")
        events = EventsElsewhere(module, environ) if module else None
        gateways: list[Gateway] = []
        try:
            for name in filter(str.strip, names):
                gateways.append(gateway_from_env(name.strip(), environ))  # noqa: PERF401 - those before must be closed
            return cls._wired(url, events, gateways, settings, SystemClock(), RandomIds(), owned_gateways=gateways)
        except BaseException:
            _close(gateways)
            raise

    @property
    def guarantees(self) -> Guarantees:
        """What is promised and what is not, as the storage of the events allows."""
        return self._log.guarantees

    def on_behalf_of(self, actor: str, *, correlation_id: str | None = None) -> Self:
        """Return this ledger, recording every event with another actor and correlation.

        Args:
            actor: who or what acts, as the service names it: "customer", "support:7", "cron".
            correlation_id: the request or job, as the service names it.

        Raises:
            InvalidText, CardNumberRefused, CredentialRefused
        """
        free_text(actor, "actor")
        if correlation_id is not None:
            free_text(correlation_id, "correlation_id")
        context = replace(self._context, cause=Cause(actor, correlation_id))
        return type(self)(self._log, context, self._books, self._ids)

    def close(self) -> None:
        """Close the database's connections, and the gateways that `from_env` opened.

        A ledger made by `on_behalf_of` shares them with the one it was made from: close that one only.
        """
        self._log.close()
        _close(self._owned_gateways)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _log(url: str, events: EventsElsewhere | None, deadline_seconds: float) -> Log:
    if events is None:
        return Log(url, TABLES, deadline_seconds=deadline_seconds)
    log = FollowingLog(url, TABLES, READERS, events, deadline_seconds=deadline_seconds)
    logging.getLogger("interact_ledger").warning(
        "events are kept by %s, so that these guarantees are off: %s", events.module, ", ".join(log.guarantees.off)
    )
    return log


def _id_of(gateway: Gateway) -> str:
    gateway_id = getattr(gateway, "gateway_id", None)
    if not isinstance(gateway_id, str) or not _GATEWAY_ID.fullmatch(gateway_id):
        raise ConfigurationError(
            "are not all gateways: an id of 1 to 64 letters, digits, underscores", field="gateways"
        )
    return gateway_id


def _close(gateways: Sequence[Gateway]) -> None:
    for gateway in gateways:
        close = getattr(gateway, "close", None)
        if close is not None:
            close()
