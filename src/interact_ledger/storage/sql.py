"""The SQL that both databases understand, but for a column's type and a parameter's mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from interact_ledger.tables import ColumnType, RowChangeKind, Table

__all__ = ["change_sql", "create_index_sql", "create_table_sql"]


def create_table_sql(table: Table, types: Mapping[ColumnType, str], options: str = "") -> str:
    """Return the statement that creates a table if it is not there."""
    columns = ", ".join(
        f"{column} {types[kind]}{'' if column in table.nullable else ' NOT NULL'}"
        for column, kind in table.columns.items()
    )
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)})){options}"


def create_index_sql(table: Table) -> Iterator[str]:
    """Yield the statements that create a table's indexes if they are not there."""
    for index in table.indexes:
        yield f"CREATE INDEX IF NOT EXISTS {table.name}_by_{'_'.join(index)} ON {table.name} ({', '.join(index)})"


@lru_cache(maxsize=512)
def change_sql(kind: RowChangeKind, table: Table, mark: str) -> tuple[str, tuple[str, ...]]:
    """Return the statement that changes one row, and the columns whose values are its parameters, in order."""
    columns, key = tuple(table.columns), tuple(table.key)
    if kind is RowChangeKind.DELETE:
        return f"DELETE FROM {table.name} WHERE {' AND '.join(f'{column}={mark}' for column in key)}", key
    marks = ", ".join(mark for _ in columns)
    insert = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"
    if kind is RowChangeKind.INSERT:
        return insert, columns
    updates = ", ".join(f"{column}=excluded.{column}" for column in columns if column not in key)
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}", columns
