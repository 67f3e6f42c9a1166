"""Whose accounts there are: the table behind lists of accounts."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import Recorded
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["ACCOUNTS", "rows"]

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
