"""Opening: whoever comes first makes the tables, and a database of a newer release is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from storage_helpers import account_with, behind_its_back, ledger_on, spend

from interact_ledger.errors import SchemaTooNew
from interact_ledger.storage.schema import SCHEMA_VERSION


def test_opening_again_keeps_everything(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        spend(ledger, account_id, "key")
    before = behind_its_back(file, "SELECT * FROM stored_events")
    with ledger_on(file) as ledger:
        assert ledger.account(account_id).version == 3
    assert behind_its_back(file, "SELECT * FROM stored_events") == before


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(file: Path) -> None:
    with ledger_on(file):
        pass
    behind_its_back(file, "UPDATE ledger_schema SET version=?", SCHEMA_VERSION + 1)
    behind_its_back(file, "DROP TABLE receipts")

    with pytest.raises(SchemaTooNew, match=str(SCHEMA_VERSION + 1)), ledger_on(file):
        pass

    assert behind_its_back(file, "SELECT name FROM sqlite_master WHERE name='receipts'") == []


def test_a_missing_table_is_made_when_opening(file: Path) -> None:
    with ledger_on(file):
        pass
    behind_its_back(file, "DROP TABLE receipts")
    with ledger_on(file) as ledger:
        assert ledger._query("SELECT COUNT(*) AS n FROM receipts", ()) == [{"n": 0}]
