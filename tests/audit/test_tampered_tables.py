"""Somebody changes a table that follows from the log, or the ledger's own fold is wrong."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from tampering import Tampered
from test_forged_automatic_payments import FORGED as AUTOMATIC
from test_forged_credit_notes import FORGED as CREDIT_NOTES
from test_forged_events import FORGED
from test_tampered_logs import LOG

from interact_ledger.audit import ATTENTION, CODES, Folded, audit
from interact_ledger.errors import Busy
from interact_ledger.testing import START, ledger_kit

KEYS = {
    "operations": ("operation_id", "stream_id", "version"),
    "operation_steps": ("subject_id", "version", "stream_id"),
    "gateway_references": ("gateway", "reference", "stream_id"),
    "gateway_customers": ("gateway", "customer_id", "stream_id"),
    "agenda": ("stream_id", "kind", "subject"),
    "accounts": ("account_id",),
    "checkouts": ("quote_id", "account_id"),
    "receipts": ("transaction_id", "version", "account_id"),
    "invoices": ("transaction_id", "seller_id", "number"),
    "invoices_due": ("transaction_id", "reference"),
    "credit_notes": ("document_id", "seller_id", "number"),
    "credit_notes_due": ("account_id", "version"),
    "statement_lines": ("account_id", "version"),
    "notifications": ("account_id", "version", "kind"),
    "disputes": ("account_id", "version", "dispute_id"),
    "at_gateways": ("account_id", "version"),
}
"""By table: the columns that say which row it is; changing one makes a missing and a surplus row."""


def columns() -> list[tuple[str, str]]:
    with ledger_kit() as kit:
        return [
            (table, row["name"])
            for table in KEYS
            for row in kit.ledger._query(f"SELECT name FROM pragma_table_info('{table}')", ())
        ]


def first_row(t: Tampered, table: str) -> tuple[str, list[object]]:
    """Return a condition that names one row of a table, and its parameters."""
    keys = [name for (name,) in t.sql(f"SELECT name FROM pragma_table_info('{table}') WHERE pk>0")]
    values = t.sql(f"SELECT {', '.join(keys)} FROM {table} LIMIT 1")[0]
    return " AND ".join(f"{key}=?" for key in keys), list(values)


def test_every_table_of_the_ledger_is_compared_with_the_log():
    with ledger_kit() as kit:
        assert {table.name for table in kit.ledger._log.tables} == set(KEYS)


@pytest.mark.parametrize(("table", "column"), columns())
def test_a_changed_column_is_found(tampered, table, column):
    condition, parameters = first_row(tampered, table)
    (value,) = tampered.sql(f"SELECT {column} FROM {table} WHERE {condition}", *parameters)[0]
    changed = value + 1000 if isinstance(value, int) else f"9{value}"
    tampered.changed(f"UPDATE {table} SET {column}=? WHERE {condition}", changed, *parameters)
    expected = {f"{table}_missing", f"{table}_surplus"} if column in KEYS[table] else {f"{table}_differs"}
    assert expected <= tampered.codes()


@pytest.mark.parametrize("table", KEYS)
def test_a_deleted_row_is_found(tampered, table):
    condition, parameters = first_row(tampered, table)
    tampered.changed(f"DELETE FROM {table} WHERE {condition}", *parameters)
    assert f"{table}_missing" in tampered.codes()


@pytest.mark.parametrize("table", KEYS)
def test_an_emptied_table_is_found(tampered, table):
    tampered.sql(f"DELETE FROM {table}")
    assert f"{table}_missing" in tampered.codes()


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("first", ["", "zzzz"], ids=["before all others", "behind all others"])
def test_an_inserted_row_is_found(tampered, table, first):
    columns = tampered.sql(f"SELECT name, type, pk FROM pragma_table_info('{table}')")
    values = [9 if kind == "INTEGER" else f"{first}1" for _, kind, _ in columns]
    tampered.changed(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", *values)
    assert f"{table}_surplus" in tampered.codes()


def test_a_row_with_bytes_for_a_name_is_found(tampered):
    tampered.changed("INSERT INTO accounts VALUES (X'00', 'o', 'GBP', 'GB', 'open', '1')")
    assert "accounts_surplus" in tampered.codes()


def test_a_column_that_lost_its_value_is_found(tampered):
    tampered.sql("UPDATE invoices SET seller_tax_number=NULL")
    assert tampered.codes() == {"invoices_differs"}


def test_a_line_that_changes_nothing_is_found_if_no_payment_moved(tampered):
    stream_id, version = tampered.event("account-suspended")
    tampered.changed(
        "INSERT INTO statement_lines SELECT account_id, recorded_at, ?, 'account-suspended', NULL, currency, '0',"
        " total, held, granted, pending FROM statement_lines WHERE account_id=? AND version<?"
        " ORDER BY version DESC LIMIT 1",
        version,
        stream_id,
        version,
    )
    assert tampered.codes() == {"statement_lines_surplus"}


def test_a_payment_that_is_due_a_number_and_has_one_is_found(tampered):
    tampered.changed(
        "INSERT INTO invoices_due SELECT transaction_id, reference, account_id, recorded_at FROM receipts"
        " WHERE transaction_id IN (SELECT transaction_id FROM invoices) LIMIT 1"
    )
    assert tampered.codes() == {"invoices_due_surplus"}


# Snapshots --------------------------------------------------------------------------------------------------------


def forge_snapshot(t: Tampered, **account: object) -> None:
    (state,) = t.sql("SELECT state FROM stored_snapshots")[0]
    snapshot = json.loads(state)
    snapshot["account"] |= account
    t.changed("UPDATE stored_snapshots SET state=?", json.dumps(snapshot).encode())


def test_a_snapshot_with_another_balance_is_found_and_so_is_what_commands_would_decide_on(tampered):
    forge_snapshot(tampered, balance="1000000")
    assert tampered.codes() == {"snapshots_differs", "fold_differs"}


def test_a_snapshot_with_another_standing_is_found_by_what_commands_would_decide_on(tampered):
    forge_snapshot(tampered, suspended=True)
    assert tampered.codes() == {"fold_differs"}


def test_a_snapshot_that_cannot_be_read_is_found(tampered):
    tampered.changed("UPDATE stored_snapshots SET state=X'00'")
    assert tampered.codes() == {"snapshots_differs"}


def test_a_snapshot_of_what_is_not_in_the_log_is_found(tampered):
    tampered.changed("UPDATE stored_snapshots SET originator_version=100000")
    assert "snapshots_surplus" in tampered.codes()


def test_a_snapshot_may_be_missing(tampered):
    tampered.changed("DELETE FROM stored_snapshots")
    assert tampered.audit().findings == ()


# The ledger's own fold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        {"balance": Decimal("0.000001")},
        {"held": Decimal("0.000001")},
        {"pending": Decimal("-0.01")},
        {"version": 1},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_fold_that_is_wrong_is_found(exercised_file, lie):
    with ledger_kit(f"sqlite:///{exercised_file}") as kit, kit.ledger._log.at_one_moment() as read:

        def lying(account_id: str, version: int) -> Folded:
            folded = kit.ledger._folded(account_id, version)
            return folded._replace(**{part: getattr(folded, part) + by for part, by in lie.items()})

        report = audit(read, lying, lambda _done, _of: None, START)
    assert report.counts == {"fold_differs": report.accounts}


def test_a_fold_that_fails_is_found(exercised_file):
    def failing(account_id: str, version: int) -> Folded:
        raise AssertionError("versions are contiguous")

    with ledger_kit(f"sqlite:///{exercised_file}") as kit, kit.ledger._log.at_one_moment() as read:
        report = audit(read, failing, lambda _done, _of: None, START)
    assert report.counts == {"fold_differs": report.accounts}
    assert "versions are contiguous" in report.findings[0].message


def test_a_database_that_is_busy_is_no_finding(exercised_file):
    def busy(account_id: str, version: int) -> Folded:
        raise Busy("try again")

    with (
        ledger_kit(f"sqlite:///{exercised_file}") as kit,
        kit.ledger._log.at_one_moment() as read,
        pytest.raises(Busy),
    ):
        audit(read, busy, lambda _done, _of: None, START)


def test_every_code_is_found_by_some_test():
    by_table = {f"{table}_{what}" for table in KEYS for what in ("missing", "surplus", "differs")}
    tried = {code for _, code in (*LOG, *FORGED, *CREDIT_NOTES)} | {code for _, code, _ in AUTOMATIC}
    tried |= by_table | ATTENTION
    tried |= {"snapshots_differs", "snapshots_surplus", "fold_differs"}
    tried |= {"copy_differs"}  # by the tests of a log that is kept elsewhere
    assert tried - {"operations_differs", "operation_steps_differs", "gateway_customers_differs"} == set(CODES)
