"""The same tests on every database that carries the full promise, and over another event store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from storage_helpers import ledger_on

from interact_ledger import Ledger
from interact_ledger.testing import LedgerKit, ledger_kit


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


@pytest.fixture(params=["alone", "beside umadb"])
def where(request: pytest.FixtureRequest, url: str) -> dict[str, Any]:
    """Where a ledger is: what to open it with."""
    return {"url": url} | ({"events": request.getfixturevalue("umadb").events} if request.param != "alone" else {})


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
