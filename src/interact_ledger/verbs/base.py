"""What all verbs share: the context, and how a request is named so that it can be recognised again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from moneyed import Money

from interact_ledger.domain import lots
from interact_ledger.domain.account import Account
from interact_ledger.domain.answers import REFERENCE_LENGTH_MAX
from interact_ledger.domain.events import Event
from interact_ledger.domain.operations import Request
from interact_ledger.errors import InvalidRequest, InvalidText, TransactionNotFound
from interact_ledger.free_text import free_text, storable
from interact_ledger.ids import IdSource, operation_id, request_fingerprint
from interact_ledger.money import EXACT, amount_in
from interact_ledger.pricing.catalogue import ITEMS_MAX
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Change, Decide
from interact_ledger.storage.books import Books
from interact_ledger.storage.log import Log
from interact_ledger.storage.rows import Reader

__all__ = [
    "Verbs",
    "aware",
    "aware_or_none",
    "exact",
    "flag",
    "listed",
    "named",
    "page_limit",
    "position",
    "progress",
    "reference_or_none",
    "silently",
]

PAGE_MAX = 1000
T = TypeVar("T")

KEY_LENGTH_MAX = 255
POSITION_MAX = 2**53
"""More events than any history has, and fewer than a database's integers can count."""


class Verbs:
    """A ledger opened for somebody.

    Attributes are wiring, set by `Ledger`; services use the verbs.
    """

    _context: Context
    _log: Log
    _books: Books
    _ids: IdSource
    _readers: Sequence[Reader]

    def _account(self, account_id: str) -> Account:
        named(account_id=account_id)
        return self._context.accounts.load(account_id)

    def _request(self, account_id: str, idempotency_key: object, verb: str, *arguments: object) -> Request:
        named(account_id=account_id)
        key = free_text(idempotency_key, "idempotency_key", length_max=KEY_LENGTH_MAX)
        return Request(operation_id(account_id, key), key, request_fingerprint(verb, *arguments))

    def _once(self, account_id: str, request: Request, decide: Decide) -> Change:
        """Decide and append, or change nothing if the request was answered before."""
        return self._context.once(account_id, request, decide)

    def _answer(self, change: Change, request: Request) -> Event:
        """Return the first event of a request's operation: what was just recorded, or was when it was first made."""
        if change.recorded:
            return change.recorded[0].event
        return self._context.accounts.start_of(change.account.account_id, request.operation_id).event

    def _decide(self, account_id: str, decide: Decide) -> Account:
        named(account_id=account_id)
        return self._context.transact(account_id, decide).account

    def _available(self, account: Account) -> Money:
        return Money(lots.available(account, self._context.now()), account.currency)

    def _total(self, account: Account) -> Money:
        return Money(lots.total(account, self._context.now()), account.currency)

    def _account_of(self, transaction_id: str) -> str:
        named(transaction_id=transaction_id)
        account_id = self._context.accounts.account_of(transaction_id)
        if account_id is None:
            raise TransactionNotFound("there is no such transaction", field="transaction_id")
        return account_id

    def _query(self, sql: str, parameters: Sequence[object]) -> Sequence[Mapping[str, Any]]:
        return self._log.query(sql, parameters)


def named(**names: object) -> None:
    """Refuse what can be the name of nothing: every id that a verb takes is text that may be stored.

    Args:
        names: what the caller passed, by argument.

    Raises:
        InvalidText, CardNumberRefused, CredentialRefused: as for any text.
    """
    for field, value in names.items():
        free_text(value, field)


def reference_or_none(value: object, field: str) -> None:
    """Refuse what cannot be a gateway's reference, which may look like anything else.

    Raises:
        InvalidText: if it is not text, or longer than those that are kept.
    """
    if value is not None and not isinstance(value, str):
        raise InvalidText(f"is a {type(value).__name__}; pass text", field=field)
    if value is not None and value != storable(value, REFERENCE_LENGTH_MAX):
        raise InvalidText(f"is longer than {REFERENCE_LENGTH_MAX} characters, or cannot be stored", field=field)


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
    """Return a moment in UTC if it carries a time zone.

    Raises:
        InvalidRequest: if it does not, or is before the first or after the last moment that UTC has.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidRequest("must be a datetime with a time zone, such as datetime.now(UTC)", field=field)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest("is outside the years 1 to 9999 of UTC", field=field) from None


def aware_or_none(moment: object, field: str) -> datetime | None:
    """Return None, or a moment in UTC if it carries a time zone.

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


def listed(values: Sequence[T], field: str) -> tuple[T, ...]:
    """Return a list as it is now, if it is one and no longer than one purchase may be.

    Raises:
        InvalidRequest: if it is not.
    """
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise InvalidRequest(f"is a {type(values).__name__}; pass a list", field=field)
    if len(values) > ITEMS_MAX:
        raise InvalidRequest(f"has more than {ITEMS_MAX:,} entries; do it in parts", field=field)
    return tuple(values)


def position(version: int, field: str) -> int:
    """Return a place in a history: a version, or 0 for what is before the first.

    Raises:
        InvalidRequest: if it is none.
    """
    if type(version) is not int or not 0 <= version <= POSITION_MAX:
        raise InvalidRequest(f"must be a whole number from 0 to {POSITION_MAX}", field=field)
    return version


def flag(value: bool, field: str) -> bool:  # noqa: FBT001 - it is what is checked
    """Return True or False.

    Raises:
        InvalidRequest: for what merely counts as one of them.
    """
    if not isinstance(value, bool):
        raise InvalidRequest(f"is a {type(value).__name__}; pass True or False", field=field)
    return value


def progress(on_progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Return what is called as something long goes on.

    Raises:
        InvalidRequest: if it cannot be called.
    """
    if not callable(on_progress):
        raise InvalidRequest(f"is a {type(on_progress).__name__}, which cannot be called", field="on_progress")
    return on_progress
