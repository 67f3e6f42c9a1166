"""The stores in which commands are killed, and the process whose children they are killed in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from crash_places import Files, PostgreSQL, Store, scratch
from crash_scenes import Scene
from killing import Killing

Killings = Callable[[Store, Scene], Killing]


@pytest.fixture(scope="session")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process whose children are killed."""
    arguments = [sys.executable, str(Path(__file__).with_name("victim.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, **pipes) as started:
        yield started
        started.stdin.close()
        assert started.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with scratch(tmp_path_factory.mktemp("killed")) as directory:
        yield directory


@pytest.fixture(scope="session")
def killings(process: subprocess.Popen[str]) -> Killings:
    """Return what is prepared for a scene, each once."""
    return cache(partial(Killing, process))


@pytest.fixture(scope="session")
def on_files(killings: Killings, files: Path) -> Callable[[Scene], Killing]:
    """Make scenes ready to be killed on SQLite files."""
    return partial(killings, Files(files))


@pytest.fixture(scope="session")
def on_postgresql(killings: Killings, files: Path, postgres_server: str) -> Iterator[Callable[[Scene], Killing]]:
    """Make scenes ready to be killed on databases of a PostgreSQL server."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        yield partial(killings, PostgreSQL(connection, postgres_server, files))
