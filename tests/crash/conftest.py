"""The stores in which commands are killed, and the process whose children they are killed in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import pytest
from crash_places import Files, PostgreSQL, Store
from crash_scenes import Scene
from failing_disk import FailingDisk
from killing import Killing

from scratch import scratch
from servers.fixtures import VERSIONS
from servers.postgres import Cluster

Killings = Callable[[Store, Scene], Killing]


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script of this folder that answers line by line."""
    arguments = [sys.executable, str(Path(__file__).with_name(script))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, **pipes) as started:
        yield started
        started.stdin.close()
        assert started.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process whose children are killed."""
    with running("victim.py") as process:
        yield process


@pytest.fixture(scope="session")
def on_failing_disk(files: Path) -> Iterator[Callable[[Scene], FailingDisk]]:
    """Make scenes ready to meet a failing disk."""
    if shutil.which("strace") is None:
        pytest.skip("strace, which makes the disk fail, is not installed")
    with running("disk_victim.py") as process:
        yield cache(partial(FailingDisk, process, Files(files / "failing")))


@pytest.fixture(scope="session")
def files() -> Iterator[Path]:
    """Where the files of prepared and of killed commands are: what is killed is a process, never the machine."""
    with scratch(megabytes=64) as directory:
        yield directory


@pytest.fixture(scope="session")
def killings(process: subprocess.Popen[str]) -> Killings:
    """Return what is prepared for a scene, each once."""
    return cache(partial(Killing, process))


@pytest.fixture(scope="session")
def on_files(killings: Killings, files: Path) -> Callable[[Scene], Killing]:
    """Make scenes ready to be killed on SQLite files."""
    return partial(killings, Files(files / "sqlite"))


@pytest.fixture(scope="session")
def on_postgresql(
    killings: Killings, files: Path, shared_clusters: Callable[[str], Cluster]
) -> Iterator[Callable[[Scene], Killing]]:
    """Make scenes ready to be killed on databases of a PostgreSQL server."""
    cluster = shared_clusters(VERSIONS[0])
    with cluster.connect() as connection:
        yield partial(killings, PostgreSQL(connection, cluster.url(application_name="killed"), files / "postgresql"))
