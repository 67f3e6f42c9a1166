"""The ledger as services open it: wiring, and nothing else. Its verbs are in `verbs/`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import ConfigurationError
from interact_ledger.free_text import free_text
from interact_ledger.gateways.discovery import gateway_from_env
from interact_ledger.gateways.protocol import Gateway
from interact_ledger.ids import IdSource, RandomIds
from interact_ledger.processes.context import Context
from interact_ledger.projections import accounts, checkouts, receipts, statement
from interact_ledger.settings import Settings
from interact_ledger.storage.accounts import Accounts, Cause
from interact_ledger.storage.invoice_book import InvoiceBook
from interact_ledger.storage.log import Log
from interact_ledger.verbs.accounts import AccountVerbs
from interact_ledger.verbs.operations import OperationVerbs
from interact_ledger.verbs.payments import PaymentVerbs
from interact_ledger.verbs.reading import ReadingVerbs
from interact_ledger.verbs.spending import SpendingVerbs

__all__ = ["Ledger"]

TABLES = (
    accounts.ACCOUNTS,
    checkouts.CHECKOUTS,
    receipts.RECEIPTS,
    receipts.INVOICES,
    receipts.INVOICES_DUE,
    statement.STATEMENT_LINES,
)
READERS = (accounts.rows, checkouts.rows, receipts.rows, statement.rows)


class Ledger(AccountVerbs, PaymentVerbs, SpendingVerbs, ReadingVerbs, OperationVerbs):
    """Prepaid balances in one database. Safe to share between threads; open one per process.

    Make one with `Ledger.open` or `Ledger.from_env`, and close it, or use it as a context manager.
    """

    def __init__(
        self,
        log: Log,
        context: Context,
        invoices: InvoiceBook,
        ids: IdSource,
        *,
        owned_gateways: Sequence[Gateway] = (),
    ) -> None:
        self._log = log
        self._context = context
        self._invoices = invoices
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
    ) -> Self:
        """Open a ledger, making its tables if they are not there.

        Args:
            url: `sqlite:///relative.db`, `sqlite:////absolute.db`, or `sqlite://` for memory; or `postgresql://…` with
                the extra `postgres`. A role that may not make tables finds them made by `interact-ledger migrate`.
            gateways: the payment gateways, which stay the caller's to close.
            settings: prices, limits, taxes, methods, seller; the example settings if None.
            clock: what time it is; the system's if None.
            ids: where random ids come from; the system's if None.

        Raises:
            ConfigurationError: if the url or the gateways cannot be used.
            SchemaTooNew: if a newer release wrote the database.
            StorageUnavailable: if the database cannot be opened.
        """
        if not isinstance(gateways, Sequence):
            raise ConfigurationError("pass a list, such as [gateway]", field="gateways")
        return cls._wired(url, gateways, settings or Settings.default(), clock or SystemClock(), ids or RandomIds())

    @classmethod
    def _wired(
        cls,
        url: str,
        gateways: Sequence[Gateway],
        settings: Settings,
        clock: Clock,
        ids: IdSource,
        owned_gateways: Sequence[Gateway] = (),
    ) -> Self:
        by_id = {gateway.gateway_id: gateway for gateway in gateways}
        if len(by_id) < len(gateways):
            raise ConfigurationError("two gateways have the same gateway_id", field="gateways")
        log = Log(url, TABLES, deadline_seconds=settings.command_deadline.total_seconds())
        context = Context(
            accounts=Accounts(log, clock, READERS, settings.command_deadline),
            gateways=by_id,
            settings=settings,
            clock=clock,
            cause=Cause("service"),
        )
        invoices = InvoiceBook(log, clock, READERS, settings.command_deadline)
        return cls(log, context, invoices, ids, owned_gateways=owned_gateways)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Open a ledger as the environment says.

        INTERACT_LEDGER_URL is the database (`sqlite:///interact_ledger.db` if unset), INTERACT_LEDGER_SETTINGS the
        path of a settings file (the example settings if unset), INTERACT_LEDGER_GATEWAYS the names of gateways,
        separated by commas (`sandbox` if unset, none if empty); each gateway has variables of its own.

        Raises: as `open`.
        """
        environ = os.environ if environ is None else environ
        path = environ.get("INTERACT_LEDGER_SETTINGS")
        settings = Settings.load(path) if path else Settings.default()
        names = environ.get("INTERACT_LEDGER_GATEWAYS", "sandbox").split(",")
        url = environ.get("INTERACT_LEDGER_URL", "sqlite:///interact_ledger.db")
        gateways: list[Gateway] = []
        try:
            for name in filter(str.strip, names):
                gateways.append(gateway_from_env(name.strip(), environ))  # noqa: PERF401 - those before must be closed
            return cls._wired(url, gateways, settings, SystemClock(), RandomIds(), owned_gateways=gateways)
        except BaseException:
            _close(gateways)
            raise

    def on_behalf_of(self, actor: str, *, correlation_id: str | None = None) -> Self:
        """Return this ledger, recording every event with another actor and correlation.

        Args:
            actor: who or what acts, as the service names it: "customer", "support:7", "cron".
            correlation_id: the request or job, as the service names it.
        """
        free_text(actor, "actor")
        if correlation_id is not None:
            free_text(correlation_id, "correlation_id")
        context = replace(self._context, cause=Cause(actor, correlation_id))
        return type(self)(self._log, context, self._invoices, self._ids)

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


def _close(gateways: Sequence[Gateway]) -> None:
    for gateway in gateways:
        close = getattr(gateway, "close", None)
        if close is not None:
            close()
