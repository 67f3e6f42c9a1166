"""Processes work with no more rights than the guide grants them; the tables are made by their owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from storage_helpers import gbp, put_through_its_paces

from interact_ledger import Ledger
from interact_ledger.cli.app import app
from interact_ledger.errors import ConfigurationError
from interact_ledger.testing import ledger_kit
from servers.postgres import Cluster

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "use-postgresql.md"
ROLES, GRANTS = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)

Address = Callable[[str], str]


@pytest.fixture
def address(postgres_server: Cluster) -> Iterator[Address]:
    """The address of the guide's database for one of its roles."""
    for statement in filter(str.strip, ROLES.split(";")):
        postgres_server.execute(statement)
    yield lambda role: postgres_server.url("ledger", user=role)
    postgres_server.execute("DROP DATABASE ledger WITH (FORCE)")
    for role in ("ledger_owner", "ledger_worker"):
        postgres_server.execute(f"DROP ROLE {role}")


def grant(address: Address) -> None:
    with psycopg.connect(address("ledger_owner"), autocommit=True) as connection:
        connection.execute(GRANTS)


def migrate(address: Address) -> None:
    with Ledger.open(address("ledger_owner"), gateways=[]):
        pass


def test_a_worker_does_everything_with_what_the_guide_grants(address):
    migrate(address)
    grant(address)
    with ledger_kit(address("ledger_worker")) as kit:
        account_id = put_through_its_paces(kit)
        assert kit.ledger.audit().clean
        with Ledger.open(address("ledger_owner"), gateways=[]) as owner:
            owner.rebuild()
        kit.ledger.adjust(account_id, gbp("1.00"), "after a rebuild", idempotency_key="after")
        assert kit.ledger.audit().clean


def test_a_worker_who_rebuilds_is_told_to_do_it_as_the_owner(address):
    migrate(address)
    grant(address)
    with ledger_kit(address("ledger_worker")) as kit:
        account_id = put_through_its_paces(kit)
        with pytest.raises(ConfigurationError, match="as their owner"):
            kit.ledger.rebuild()
        kit.ledger.adjust(account_id, gbp("1.00"), "after it was refused", idempotency_key="after")


FORBIDDEN = (
    "UPDATE stored_events SET topic='x'",
    "DELETE FROM stored_events",
    "TRUNCATE stored_events",
    "DROP TABLE stored_events",
    "ALTER TABLE stored_events DISABLE TRIGGER ALL",
    "UPDATE ledger_schema SET version=0",
    "CREATE TABLE mine (a int)",
)


def test_a_worker_may_not_touch_the_log_or_the_tables_themselves(address):
    migrate(address)
    grant(address)
    with psycopg.connect(address("ledger_worker"), autocommit=True) as connection:
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_worker_creates_nothing_in_an_empty_database_and_says_who_should(address):
    with pytest.raises(ConfigurationError, match="interact-ledger migrate"):
        Ledger.open(address("ledger_worker"), gateways=[])
    with psycopg.connect(address("ledger_owner")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM pg_tables WHERE schemaname='public'").fetchone() == (0,)


def test_a_worker_without_grants_says_what_is_missing(address):
    migrate(address)
    with pytest.raises(ConfigurationError, match="permission denied for table ledger_schema"):
        Ledger.open(address("ledger_worker"), gateways=[])


def test_the_command_line_migrates(address, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        app(["--url", address("ledger_owner"), "migrate"])
    assert ended.value.code == 0
    assert "ready" in capsys.readouterr().out
    grant(address)
    with Ledger.open(address("ledger_worker"), gateways=[]) as ledger:
        assert ledger.accounts().accounts == ()
