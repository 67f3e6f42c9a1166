"""The tests of the everyday path, on SQLite and on PostgreSQL alike: the same ledger under another address."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from interact_ledger import Ledger
from interact_ledger.testing import LedgerKit, ledger_kit
from servers.fixtures import VERSIONS, schema_on
from servers.postgres import Cluster

__all__ = ["everyday_schema", "kit_of_each_store", "wipe"]


@pytest.fixture(scope="session")
def everyday_schema(shared_clusters: Callable[[str], Cluster]) -> Iterator[str]:
    """A ledger on the older of the servers; each test leaves it empty for the next."""
    with schema_on(shared_clusters(VERSIONS[0])) as url:
        Ledger.open(url, gateways=[]).close()
        yield url


@pytest.fixture(params=["memory", "PostgreSQL"])
def kit_of_each_store(request: pytest.FixtureRequest) -> Iterator[LedgerKit]:
    """A ledger in memory, and one on a server."""
    if request.param == "memory":
        with ledger_kit() as opened:
            yield opened
        return
    url = request.getfixturevalue("everyday_schema")
    with ledger_kit(url) as opened:
        yield opened
    wipe(url)


def wipe(url: str) -> None:
    """Empty all tables of a ledger, as only the server's owner can: past the triggers of the log."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname=current_schema()").fetchall()
        wiping = [f"DELETE FROM {table}" for (table,) in tables if table != "ledger_schema"]
        connection.execute("; ".join(["SET session_replication_role=replica", *wiping]))
