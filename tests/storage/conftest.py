"""The same tests on every database that carries the full promise, and over another event store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from storage_helpers import ledger_on

from interact_ledger import Ledger
from interact_ledger.testing import LedgerKit, ledger_kit


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL schema of the test's own."""
    import psycopg

    schema = f"test_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{postgres_server}&options={quote(f'-c search_path={schema}')}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(params=["sqlite", "postgres", "sqlite beside umadb", "postgres beside umadb"])
def where(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where a ledger is: what to open it with."""
    database, _, other = request.param.partition(" beside ")
    events = {"events": request.getfixturevalue(other).events} if other else {}
    return {"url": request.getfixturevalue(f"{database}_url"), **events}


@pytest.fixture
def kit(where: dict[str, Any]) -> Iterator[LedgerKit]:
    with ledger_kit(**where) as kit:
        yield kit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    """A ledger in a file at whose inside the test looks."""
    with ledger_on(file) as opened:
        yield opened
