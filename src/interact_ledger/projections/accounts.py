"""Whose accounts there are: the table behind lists of accounts."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import Recorded
from interact_ledger.tables import ColumnType, Query, RowChange, Table

__all__ = ["ACCOUNTS", "account_ids", "rows"]

ACCOUNTS = Table(
    name="accounts",
    columns={
        "account_id": ColumnType.TEXT,
        "owner": ColumnType.TEXT,
        "currency": ColumnType.TEXT,
        "country": ColumnType.TEXT,
        "standing": ColumnType.TEXT,
        "opened_at": ColumnType.TIME,
    },
    key=("account_id",),
    indexes=(("owner", "account_id"),),
)


def account_ids(query: Query, *, owner: str | None, after: str | None, limit: int) -> list[str]:
    """Return account ids in their own order, from just after one, of one owner or of all."""
    condition, parameters = ("owner=? AND ", [owner]) if owner is not None else ("", [])
    rows = query(
        f"SELECT account_id FROM accounts WHERE {condition}account_id>? ORDER BY account_id LIMIT ?",
        [*parameters, after or "", limit],
    )
    return [row["account_id"] for row in rows]


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the account's row when anything in it changed."""
    if after is not None and (before is None or _shown(before) != _shown(after)):
        yield ACCOUNTS.put(
            account_id=after.account_id,
            owner=after.owner,
            currency=after.currency,
            country=after.country,
            standing=after.standing.value,
            opened_at=after.opened_at,
        )


def _shown(account: Account) -> tuple[str, str]:
    return account.country, account.standing
