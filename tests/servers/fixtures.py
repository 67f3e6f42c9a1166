"""PostgreSQL for any test: one server per version that lasts as long as the tests, and servers of a test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from servers.postgres import Cluster, installed

__all__ = [
    "new_cluster",
    "postgres_server",
    "postgres_url",
    "postgres_version",
    "shared_clusters",
    "store_url",
    "store_url_in_turn",
]

PROGRAMS = installed()
NEWEST = 18
LACKING = "no PostgreSQL server: install Debian's postgresql, and the package's extra dev"
SQLITE = "SQLite"
VERSIONS = [f"PostgreSQL {major}" for major in sorted(PROGRAMS)] or ["PostgreSQL"]

_schemas = count(1)


@pytest.fixture(scope="session")
def shared_clusters() -> Iterator[Callable[[str], Cluster]]:
    """Give the server of a version that all tests of this process share, started when it is first asked for."""
    started: dict[str, Cluster] = {}

    def shared(version: str) -> Cluster:
        if version not in started:
            started[version] = Cluster.started(programs_of(version), fsync="off", full_page_writes="off")
        return started[version]

    yield shared
    for cluster in started.values():
        cluster.close()


@pytest.fixture(params=VERSIONS)
def postgres_version(request: pytest.FixtureRequest) -> str:
    """Each version there is: the system's, and the newest."""
    return str(request.param)


@pytest.fixture
def postgres_server(postgres_version: str, shared_clusters: Callable[[str], Cluster]) -> Cluster:
    """The shared server of each version. A test that kills it takes `new_cluster` instead."""
    return shared_clusters(postgres_version)


@pytest.fixture
def postgres_url(postgres_server: Cluster) -> Iterator[str]:
    """A PostgreSQL schema of the test's own, on each version."""
    with schema_on(postgres_server) as url:
        yield url


@pytest.fixture(params=[SQLITE, *VERSIONS])
def store_url(
    request: pytest.FixtureRequest, tmp_path: Path, shared_clusters: Callable[[str], Cluster]
) -> Iterator[str]:
    """A database of the test's own, of every kind that carries the full promise."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with schema_on(shared_clusters(request.param)) as url:
        yield url


@pytest.fixture(params=[SQLITE, "PostgreSQL"])
def store_url_in_turn(
    request: pytest.FixtureRequest, part: range, tmp_path: Path, shared_clusters: Callable[[str], Cluster]
) -> Iterator[str]:
    """The same for a part of a test of the programme: each part has the next version of PostgreSQL."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    version = VERSIONS[part.start // len(part) % len(VERSIONS)]
    with schema_on(shared_clusters(version)) as url:
        yield url


@pytest.fixture
def new_cluster(postgres_version: str) -> Iterator[Callable[..., Cluster]]:
    """Start servers of the test's own, each with the settings given; all end with the test."""
    started: list[Cluster] = []

    def start(**settings: object) -> Cluster:
        started.append(Cluster.started(programs_of(postgres_version), **settings))
        return started[-1]

    yield start
    for cluster in started:
        cluster.close()


def programs_of(version: str) -> Path:
    """Return where a version's programs are. Without any the test is skipped, but where everything is promised."""
    if os.environ.get("CI") and (len(PROGRAMS) < 2 or NEWEST not in PROGRAMS):
        pytest.fail(f"found only the versions {sorted(PROGRAMS)}; {LACKING}")
    if not PROGRAMS:
        pytest.skip(LACKING)
    return PROGRAMS[int(version.split()[1])]


@contextmanager
def schema_on(cluster: Cluster) -> Iterator[str]:
    """Give the address of a new, empty schema on a server."""
    schema = f"test_{next(_schemas)}"
    cluster.execute(f"CREATE SCHEMA {schema}")
    yield cluster.url(options=f"-c search_path={schema}")
    cluster.execute(f"DROP SCHEMA {schema} CASCADE")
