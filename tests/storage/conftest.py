"""The same tests on every database that carries the full promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from storage_helpers import ledger_on

from interact_ledger import Ledger
from interact_ledger.testing import LedgerKit, ledger_kit


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


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
