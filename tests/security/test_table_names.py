"""Names in SQL come from declarations only, and a declaration with a name that needs quoting is refused."""

from __future__ import annotations

import pytest

from interact_ledger.errors import ConfigurationError
from interact_ledger.ledger import TABLES
from interact_ledger.storage.index import INDEX_TABLES
from interact_ledger.tables import ColumnType, Table

BAD_NAMES = [
    "accounts; DROP TABLE stored_events; --",
    'accounts"',
    "accounts'",
    "accounts)",
    "accounts x",
    "accounts\0",
    "accounts\n",
    "Accounts",
    "1accounts",
    "pg_catalog.pg_class",
    "sqlite-master",
    "konten_ü",
    "a" * 41,
    "",
    None,
    7,
]

GOOD = {"name": "accounts", "columns": {"account_id": ColumnType.TEXT}, "key": ("account_id",)}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_cannot_stand_in_a_statement_is_refused(name):
    for change in ({"name": name}, {"columns": {"account_id": ColumnType.TEXT, name: ColumnType.TEXT}}):
        with pytest.raises(ConfigurationError) as refused:
            Table(**GOOD | change)
        assert refused.value.field == "name"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": ("account_id; --",)}, "key"),
        ({"key": "account_id"}, "key"),
        ({"key": ()}, "key"),
        ({"nullable": frozenset({"x OR 1=1"})}, "nullable"),
        ({"indexes": (("account_id",), ("1) --",))}, "indexes"),
    ],
)
def test_key_nullable_and_indexes_name_columns_only(change, field):
    with pytest.raises(ConfigurationError) as refused:
        Table(**GOOD | change)
    assert refused.value.field == field


def test_names_of_indexes_fit_into_postgresql_without_being_cut():
    for table in (*TABLES, *INDEX_TABLES):
        for index in table.indexes:
            assert len(f"{table.name}_by_{'_'.join(index)}") <= 63
