"""Eight real processes that begin their work at the same moment, on the same files."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import pytest
from work import PROCESSES, Files, get_ready

Together = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def processes() -> Iterator[Pool]:
    """Processes with memory of their own, none of them made by copying this one."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, get_ready, [context.Barrier(PROCESSES)]) as pool:
        yield pool
        pool.close()
        pool.join()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A ledger's and a sandbox's file, not made yet."""
    return Files(f"sqlite:///{tmp_path / 'ledger.db'}", str(tmp_path / "sandbox.db"))


@pytest.fixture(params=["alone", "beside umadb"])
def any_files(request: pytest.FixtureRequest, files: Files) -> Files:
    """The same, and once more where another event store keeps the events."""
    return files if request.param == "alone" else files._replace(events=request.getfixturevalue("umadb").events)


@pytest.fixture
def files_of_store(store_url_in_turn: str, tmp_path: Path) -> Files:
    """The same, with the ledger in a database of every kind."""
    return Files(store_url_in_turn, str(tmp_path / "sandbox.db"))


@pytest.fixture
def together(processes: Pool) -> Together:
    """Run a function in all the processes, which begin together; each is told its number."""

    def run(function: Callable[..., Any], *arguments: Any) -> list[Any]:
        # A process waits for all others before it begins, so that none is given two numbers.
        return processes.starmap(function, [(*arguments, number) for number in range(PROCESSES)], chunksize=1)

    return run
