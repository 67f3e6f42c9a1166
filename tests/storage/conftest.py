"""The same tests on every database that carries the full promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    address = request.getfixturevalue("postgres_url")
    assert isinstance(address, str)
    return address


@pytest.fixture
def kit(url: str) -> Iterator[LedgerKit]:
    with ledger_kit(url) as kit:
        yield kit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    """A ledger in a file at whose inside the test looks."""
    with ledger_on(file) as opened:
        yield opened
