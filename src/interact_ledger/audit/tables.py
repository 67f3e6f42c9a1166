"""Comparing a table with what must be in it, in both directions, in one pass over both.

A table is read in the order in which the audit comes upon what must be in it: by stream, then by the place within.
So each row is held against the next expected one, as two sorted lists are merged, and memory stays flat.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from interact_ledger.audit.amounts import millionths
from interact_ledger.audit.findings import Finding
from interact_ledger.clock import iso

__all__ = ["ANSWERED", "ROWS", "Place", "Read", "Rows", "Walk", "amount"]

Read: TypeAlias = Callable[[str, Sequence[object]], Iterator[Sequence[Any]]]
"""Runs a reading statement and yields its rows as they come; texts are ordered by their bytes.

All statements of one audit see one moment of the database.
"""

Place: TypeAlias = tuple[Any, ...]
"""Where a row belongs: its stream, then its order within the stream."""

_Convert: TypeAlias = Callable[[Any], Any]


class Rows(NamedTuple):
    """How a table's rows are read: those columns first that say the place, then those that are compared."""

    sql: str
    place: tuple[type, ...]
    values: Mapping[str, _Convert]
    """By name: how what is kept becomes what can be compared."""


# Databases that know decimals and times give them as such; SQLite gives the texts that it keeps.


def _as_it_is(value: Any) -> Any:
    return value


def _snapshot(state: Any) -> tuple[str, int, int]:
    snapshot = json.loads(state)
    account = snapshot["account"]
    return snapshot["chain"], millionths(account["balance"]), millionths(account["held"])


def amount(value: Any) -> int:
    """Return an amount in millionths, whichever way the database keeps it."""
    return millionths(f"{value:f}" if isinstance(value, Decimal) else value)


def _time(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


_AMOUNTS_SAID = frozenset({"available", "balance", "held", "threshold", "total"})


def _said(data: str) -> dict[str, Any]:
    said = json.loads(data)
    return {name: millionths(value) if name in _AMOUNTS_SAID else value for name, value in said.items()}


_TEXT, _AMOUNT, _TIME, _JSON = _as_it_is, amount, _time, json.loads

ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "operations": Rows(
            "SELECT stream_id, version, operation_id FROM operations ORDER BY 1, 2, 3", (str, int, str), {}
        ),
        "operation_steps": Rows(
            "SELECT stream_id, version, subject_id FROM operation_steps ORDER BY 1, 2, 3", (str, int, str), {}
        ),
        "gateway_references": Rows(
            "SELECT stream_id, gateway, reference, operation_id FROM gateway_references ORDER BY 1, 2, 3",
            (str, str, str),
            {"operation_id": _TEXT},
        ),
        "gateway_customers": Rows(
            "SELECT stream_id, gateway, customer_id FROM gateway_customers ORDER BY 1, 2, 3", (str, str, str), {}
        ),
        "disputes": Rows(
            "SELECT account_id, version, dispute_id, transaction_id FROM disputes ORDER BY 1, 2, 3",
            (str, int, str),
            {"transaction_id": _TEXT},
        ),
        "at_gateways": Rows(
            "SELECT account_id, version, gateway, kind, operation_id, reference, recorded_at FROM at_gateways"
            " ORDER BY 1, 2",
            (str, int),
            {"gateway": _TEXT, "kind": _TEXT, "operation_id": _TEXT, "reference": _TEXT, "recorded_at": _TIME},
        ),
        "agenda": Rows(
            "SELECT stream_id, kind, subject, due_at FROM agenda ORDER BY 1, 2, 3", (str, str, str), {"due_at": _TIME}
        ),
        "accounts": Rows(
            "SELECT account_id, owner, currency, country, standing, opened_at FROM accounts ORDER BY 1",
            (str,),
            {"owner": _TEXT, "currency": _TEXT, "country": _TEXT, "standing": _TEXT, "opened_at": _TIME},
        ),
        "checkouts": Rows(
            "SELECT account_id, quote_id, quoted_at, expires_at, currency, recharge, credit, taxes, total, method,"
            " gateway FROM checkouts ORDER BY 1, 2",
            (str, str),
            {
                "quoted_at": _TIME,
                "expires_at": _TIME,
                "currency": _TEXT,
                "recharge": _AMOUNT,
                "credit": _AMOUNT,
                "taxes": _JSON,
                "total": _AMOUNT,
                "method": _TEXT,
                "gateway": _TEXT,
            },
        ),
        "receipts": Rows(
            "SELECT account_id, version, transaction_id, captured_at, recorded_at, currency, credit, taxes, total,"
            " balance, brand, last_four, funding, gateway, reference FROM receipts ORDER BY 1, 2, 3",
            (str, int, str),
            {
                "captured_at": _TIME,
                "recorded_at": _TIME,
                "currency": _TEXT,
                "credit": _AMOUNT,
                "taxes": _JSON,
                "total": _AMOUNT,
                "balance": _AMOUNT,
                "brand": _TEXT,
                "last_four": _TEXT,
                "funding": _TEXT,
                "gateway": _TEXT,
                "reference": _TEXT,
            },
        ),
        "invoices": Rows(
            "SELECT 'seller_' || seller_id, number, transaction_id, reference, issued_at, seller_name, seller_address,"
            " seller_tax_number FROM invoices ORDER BY 1, 2, 3",
            (str, int, str),
            {
                "reference": _TEXT,
                "issued_at": _TIME,
                "seller_name": _TEXT,
                "seller_address": _TEXT,
                "seller_tax_number": _TEXT,
            },
        ),
        "credit_notes": Rows(
            "SELECT 'credit_notes_' || seller_id, number, document_id, cancels, issued_at, account_id, version,"
            " transaction_id, charge_reference, invoice_number, refund_id, refund_reference, currency, credit, taxes,"
            " total, seller_name, seller_address, seller_tax_number FROM credit_notes ORDER BY 1, 2, 3",
            (str, int, str),
            {
                "cancels": _TEXT,
                "issued_at": _TIME,
                "account_id": _TEXT,
                "version": _TEXT,
                "transaction_id": _TEXT,
                "charge_reference": _TEXT,
                "invoice_number": _TEXT,
                "refund_id": _TEXT,
                "refund_reference": _TEXT,
                "currency": _TEXT,
                "credit": _AMOUNT,
                "taxes": _JSON,
                "total": _AMOUNT,
                "seller_name": _TEXT,
                "seller_address": _TEXT,
                "seller_tax_number": _TEXT,
            },
        ),
        "credit_notes_due": Rows(
            "SELECT account_id, version, refund_id, recorded_at FROM credit_notes_due ORDER BY 1, 2",
            (str, int),
            {"refund_id": _TEXT, "recorded_at": _TIME},
        ),
        "statement_lines": Rows(
            "SELECT account_id, version, recorded_at, kind, operation_id, currency, amount, total, held, granted,"
            " pending FROM statement_lines ORDER BY 1, 2, 3",
            (str, int),
            {
                "recorded_at": _TIME,
                "kind": _TEXT,
                "operation_id": _TEXT,
                "currency": _TEXT,
                "amount": _AMOUNT,
                "total": _AMOUNT,
                "held": _AMOUNT,
                "granted": _AMOUNT,
                "pending": _AMOUNT,
            },
        ),
        "notifications": Rows(
            "SELECT account_id, version, kind, recorded_at, data FROM notifications ORDER BY 1, 2, 3",
            (str, int, str),
            {"recorded_at": _TIME, "data": _said},
        ),
        "snapshots": Rows(
            "SELECT originator_id, originator_version, state FROM stored_snapshots ORDER BY 1, 2",
            (str, int),
            {"state": _snapshot},
        ),
    }
)
"""By table; `snapshots` are the ledger's short cuts to accounts' states, which need not be there."""

ANSWERED = Rows(
    "SELECT account_id, version FROM credit_notes UNION ALL SELECT account_id, version FROM credit_notes_due"
    " ORDER BY 1, 2",
    (str, int),
    {},
)
"""Each refund, and each return of one, has a credit note's document or is due one; and none has two."""


class Walk:
    """Goes through a table's rows while the audit goes through the log."""

    def __init__(self, table: str, rows: Rows, read: Read, found: Callable[[Finding], None]) -> None:
        self._table = table
        self._rows = rows
        self._read = read(self._rows.sql, ())
        self._found = found
        self._width = len(self._rows.place)
        self._row: Sequence[Any] = ()
        self.place: Place | None = None
        """Where the next row belongs, None behind the last."""
        self._advance()

    def expect(self, place: Place, *values: Any) -> None:
        """Hold the table against a row that must be in it; places come in ascending order."""
        while self.place is not None and self.place < place:
            self._surplus()
        if self.place != place:
            self._report("missing", place, "has no row")
            return
        self._compare(place, values)
        self._advance()

    def allow(self, place: Place, *values: Any) -> None:
        """Hold the table against a row that may be in it."""
        while self.place is not None and self.place < place:
            self._surplus()
        if self.place == place:
            self.expect(place, *values)

    def finish(self) -> None:
        """Report what is left behind the last expected row."""
        while self.place is not None:
            self._surplus()

    def _compare(self, place: Place, values: Sequence[Any]) -> None:
        stored = self._row[self._width :]
        for (column, convert), kept, expected in zip(self._rows.values.items(), stored, values, strict=True):
            try:
                is_equal = (None if kept is None else convert(kept)) == expected
            except (ValueError, TypeError, KeyError):
                is_equal = False
            if not is_equal:
                self._report("differs", place, f"{column} is not what follows from the log")

    def _surplus(self) -> None:
        assert self.place is not None, "there is a row to report"
        self._report("surplus", self.place, "follows from nothing in the log")
        self._advance()

    def _advance(self) -> None:
        for row in self._read:
            place = tuple(row[: self._width])
            if all(isinstance(part, kind) for part, kind in zip(place, self._rows.place, strict=True)):
                self._row, self.place = row, place
                return
            self._report("surplus", place, "has something in its key that the ledger never writes")
        self.place = None

    def _report(self, what: str, place: Place, message: str) -> None:
        stream_id, *within = place
        version = within[0] if within and isinstance(within[0], int) else None
        self._found(Finding(f"{self._table}_{what}", str(stream_id), version, f"{self._table} {within}: {message}"))
