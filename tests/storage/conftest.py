"""The same tests on every database that carries the full promise, and over another event store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from following_helpers import Open
from storage_helpers import NOON, ledger_on

from interact_ledger import EventsElsewhere, Ledger, MovableClock
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import LedgerKit, ledger_kit
from other_store import UmaServer


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


@pytest.fixture
def open_ledger(umadb: UmaServer, tmp_path: Path) -> Iterator[Open]:
    """Opens ledgers on the same events, each with a copy of the name it is given."""
    clock = MovableClock(NOON)
    with contextlib.ExitStack() as opened:
        sandbox = opened.enter_context(SandboxGateway(tmp_path / "sandbox.db", clock=clock))

        def open_ledger(copy: str = "ledger", events: EventsElsewhere = umadb.events) -> Ledger:
            url = f"sqlite:///{tmp_path}/{copy}.db"
            return opened.enter_context(Ledger.open(url, gateways=[sandbox], clock=clock, events=events))

        yield open_ledger


@pytest.fixture
def beside(open_ledger: Open) -> Ledger:
    """A ledger whose events are in UmaDB, with its copy in a file."""
    return open_ledger()
