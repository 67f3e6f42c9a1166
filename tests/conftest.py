"""A ledger with a sandbox gateway and a clock to move, for all tests that go through the ledger's verbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from everyday import everyday_schema, kit_of_each_store  # noqa: F401 - pytest finds its hooks and fixtures by name
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
from servers.fixtures import (  # noqa: F401 - the same
    new_cluster,
    postgres_server,
    postgres_url,
    postgres_version,
    shared_clusters,
    store_url,
    store_url_in_turn,
)


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


@pytest.fixture
def umadb() -> Iterator[UmaServer]:
    """A server of another event store, with nothing in it."""
    with uma_server() as server:
        yield server


@pytest.fixture(scope="session")
def real_messages() -> Path:
    """A file of real messages, which is not part of the project: where it is not beside it, it cannot be read."""
    file = Path(__file__).parents[2] / "shared" / "data" / "sms_messages.tsv"
    if not file.exists():
        pytest.skip(f"the collection of real messages is not at {file}")
    return file
