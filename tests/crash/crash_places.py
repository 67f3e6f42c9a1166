"""Where a command works: an SQLite file or a PostgreSQL database, beside the sandbox's file; and cheap copies."""

from __future__ import annotations

import os
import shutil
import time
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

__all__ = ["Files", "Place", "PostgreSQL", "Store"]

_SESSION_ENDS_WITHIN_SECONDS = 30


class Place(NamedTuple):
    """A ledger's address and the sandbox's file."""

    url: str
    sandbox: str


class Store(Protocol):
    """Makes places, and copies of them."""

    def new(self) -> Place:
        """Return a place where nothing is yet."""

    def copy(self, place: Place) -> Place:
        """Copy a place as it is, all connections to it being closed or dead."""

    def remove(self, place: Place) -> None:
        """Remove a place."""

    def wait_until_alone(self, place: Place) -> None:
        """Wait until nothing of a killed process is left at work there."""


class Files:
    """Ledgers in SQLite files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count()

    def new(self) -> Place:
        directory = self._directory / str(next(self._numbers))
        (directory / "ledger").mkdir(parents=True)
        return Place(f"sqlite:///{directory / 'ledger' / 'ledger.db'}", str(directory / "sandbox.db"))

    def copy(self, place: Place) -> Place:
        copy = self.new()
        shutil.copytree(_directory(place), _directory(copy), dirs_exist_ok=True)
        return copy

    def remove(self, place: Place) -> None:
        shutil.rmtree(_directory(place))

    def wait_until_alone(self, place: Place) -> None:
        """Nothing: the system took a killed process's locks with it."""


class PostgreSQL:
    """Ledgers in databases of a PostgreSQL server, and the sandbox's files."""

    def __init__(self, connection: Any, address: str, directory: Path) -> None:
        self._connection = connection
        self._address = address
        self._files = Files(directory)
        self._numbers = count()

    def new(self) -> Place:
        return self._created("")

    def copy(self, place: Place) -> Place:
        # All of a database's files at once are quicker copied than told to the server's own log page by page.
        copy = self._created(f"TEMPLATE {self._name(place)} STRATEGY file_copy")
        shutil.copytree(_directory(place), _directory(copy), dirs_exist_ok=True)
        return copy

    def remove(self, place: Place) -> None:
        self._connection.execute(f"DROP DATABASE {self._name(place)} WITH (FORCE)")
        self._files.remove(place)

    def wait_until_alone(self, place: Place) -> None:
        give_up_at = time.monotonic() + _SESSION_ENDS_WITHIN_SECONDS
        sessions = "SELECT 1 FROM pg_stat_activity WHERE datname=%s"
        while self._connection.execute(sessions, [self._name(place)]).fetchone() is not None:
            assert time.monotonic() < give_up_at, "the session of a killed process ends"
            time.sleep(0.001)

    def _created(self, how: str) -> Place:
        name = f"killed_{os.getpid()}_{next(self._numbers)}"
        self._connection.execute(f"CREATE DATABASE {name} {how}")
        return Place(self._address.replace("/postgres?", f"/{name}?"), self._files.new().sandbox)

    @staticmethod
    def _name(place: Place) -> str:
        return place.url.partition("?")[0].rpartition("/")[2]


def _directory(place: Place) -> Path:
    return Path(place.sandbox).parent
