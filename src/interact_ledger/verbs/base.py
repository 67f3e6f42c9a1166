"""What all verbs share: the context, and how a request is named so that it can be recognised again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moneyed import Money

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import Event
from interact_ledger.domain.operations import Request
from interact_ledger.errors import InvalidRequest, TransactionNotFound
from interact_ledger.free_text import free_text
from interact_ledger.ids import IdSource, operation_id, request_fingerprint
from interact_ledger.money import EXACT, amount_in
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Change, Decide, Reader
from interact_ledger.storage.invoice_book import InvoiceBook
from interact_ledger.storage.log import Log

__all__ = ["Verbs", "aware", "aware_or_none", "exact", "page_limit", "silently"]

PAGE_MAX = 1000
KEY_LENGTH_MAX = 255


class Verbs:
    """A ledger opened for somebody.

    Attributes are wiring, set by `Ledger`; services use the verbs.
    """

    _context: Context
    _log: Log
    _invoices: InvoiceBook
    _ids: IdSource
    _readers: Sequence[Reader]

    def _account(self, account_id: str) -> Account:
        return self._context.accounts.load(account_id)

    def _request(self, account_id: str, idempotency_key: object, verb: str, *arguments: object) -> Request:
        key = free_text(idempotency_key, "idempotency_key", length_max=KEY_LENGTH_MAX)
        return Request(operation_id(account_id, key), key, request_fingerprint(verb, *arguments))

    def _once(self, account_id: str, request: Request, decide: Decide) -> Change:
        """Decide and append, or change nothing if the request was answered before."""
        return self._context.accounts.once(account_id, self._context.cause, request, decide)

    def _answer(self, change: Change, request: Request) -> Event:
        """Return the first event of a request's operation: what was just recorded, or was when it was first made."""
        if change.recorded:
            return change.recorded[0].event
        return self._context.accounts.start_of(change.account.account_id, request.operation_id).event

    def _decide(self, account_id: str, decide: Decide) -> Account:
        return self._context.accounts.transact(account_id, self._context.cause, decide).account

    def _account_of(self, transaction_id: str) -> str:
        account_id = self._context.accounts.account_of(transaction_id)
        if account_id is None:
            raise TransactionNotFound("there is no such transaction", field="transaction_id")
        return account_id

    def _query(self, sql: str, parameters: Sequence[object]) -> Sequence[Mapping[str, Any]]:
        return self._log.query(sql, parameters)


def silently(_done: int, _of: int) -> None:
    """Tell nobody of progress."""


def exact(money: object, field: str) -> str:
    """Write a Money so that equal amounts are written alike, for recognising a repeated request.

    Raises:
        InvalidAmount: if it is no exact and bounded Money.
    """
    currency = money.currency.code if isinstance(money, Money) else "GBP"
    return f"{amount_in(currency, money, field).normalize(EXACT):f} {currency}"


def aware(moment: object, field: str) -> datetime:
    """Return a moment if it carries a time zone.

    Raises:
        InvalidRequest: if it does not.
    """
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidRequest("must be a datetime with a time zone, such as datetime.now(UTC)", field=field)
    return moment


def aware_or_none(moment: object, field: str) -> datetime | None:
    """Return None, or a moment if it carries a time zone.

    Raises:
        InvalidRequest: if it does not.
    """
    return None if moment is None else aware(moment, field)


def page_limit(limit: int) -> int:
    """Return how many rows a page may have.

    Raises:
        InvalidRequest: if it is not 1 to 1000.
    """
    if type(limit) is not int or not 1 <= limit <= PAGE_MAX:
        raise InvalidRequest(f"must be a whole number from 1 to {PAGE_MAX}", field="limit")
    return limit
