"""Tables by name and changes to their rows, said without a database.

Projections and the ledger's own indexes declare their tables so and return row changes; `storage/` writes
them in the same transaction as the events that they follow from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from interact_ledger.errors import ConfigurationError

__all__ = ["ColumnType", "Query", "RowChange", "RowChangeKind", "Table"]

Query: TypeAlias = Callable[[str, Sequence[object]], Sequence[Mapping[str, Any]]]
"""Runs a reading statement with `?` for each parameter and returns rows by column name."""


_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Needs no quotes in either database, and leaves room for the names of indexes, which are made of several."""


class ColumnType(StrEnum):
    """What a column holds; each database writes it its own way."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    """Exact. SQLite has no such type and keeps it as text."""
    TIME = "time"
    """UTC with microseconds. SQLite keeps it as text that sorts as times do."""


class RowChangeKind(StrEnum):
    """How a row changes."""

    INSERT = "insert"
    """Fails if the key is there already."""
    PUT = "put"
    """Inserts, or overwrites the row with this key."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row to be written."""

    kind: RowChangeKind
    table: Table
    values: Mapping[str, Any]
    """By column; a deletion names the key only."""


@dataclass(frozen=True)
class Table:
    """A table that can be emptied and filled again from the log at any time."""

    name: str
    columns: Mapping[str, ColumnType]
    key: Sequence[str]
    nullable: frozenset[str] = frozenset()
    indexes: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        """Refuse a declaration whose names cannot stand in a statement as they are.

        Raises:
            ConfigurationError
        """
        for name in (self.name, *self.columns):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigurationError(f"{name!r:.100} is no name of a table or column", field="name")
        for field, columns in (("key", self.key), ("nullable", self.nullable), *(("indexes", i) for i in self.indexes)):
            if isinstance(columns, str) or not set(columns) <= set(self.columns):
                raise ConfigurationError(f"the table {self.name} has no such columns", field=field)
        if not self.key:
            raise ConfigurationError(f"the table {self.name} has no key", field="key")

    def insert(self, **values: Any) -> RowChange:
        return RowChange(RowChangeKind.INSERT, self, values)

    def put(self, **values: Any) -> RowChange:
        return RowChange(RowChangeKind.PUT, self, values)

    def delete(self, **key: Any) -> RowChange:
        return RowChange(RowChangeKind.DELETE, self, key)

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with decimals and times as what they are, whichever way the database keeps them."""
        return {column: _as_kept(self.columns.get(column), value) for column, value in row.items()}

    def __hash__(self) -> int:
        return hash(self.name)


def _as_kept(kind: ColumnType | None, value: Any) -> Any:
    if isinstance(value, str) and kind is ColumnType.DECIMAL:
        return Decimal(value)
    if isinstance(value, str) and kind is ColumnType.TIME:
        return datetime.fromisoformat(value)
    return value
