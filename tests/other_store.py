"""A real UmaDB server of a test's own: another event store, to be killed, paused and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from interact_ledger import EventsElsewhere

__all__ = ["UmaServer", "uma_server"]

_SERVE = "from umadb.umadb_server_cli import main; main()"


class UmaServer:
    """A server process on a loopback port that stays the same."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "uma.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def events(self) -> EventsElsewhere:
        """Where a ledger keeps its events in this server."""
        return self.events_at(self.port)

    @staticmethod
    def events_at(port: int) -> EventsElsewhere:
        return EventsElsewhere("eventsourcing_umadb", {"UMADB_URI": f"http://127.0.0.1:{port}"})

    def start(self) -> None:
        arguments = [sys.executable, "-c", _SERVE, "--listen", f"127.0.0.1:{self.port}", "--db-path", str(self._file)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert self._process.poll() is None, "the server did not start"
                assert time.monotonic() < give_up_at, "the server does not answer"
                time.sleep(0.01)
            else:
                return

    def pause(self) -> None:
        """Keep connections open and answer nothing."""
        stopping = self._signal(signal.SIGSTOP)
        os.waitpid(stopping.pid, os.WUNTRACED)  # until then its threads may go on answering

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._signal(signal.SIGKILL).wait(timeout=30)

    def _signal(self, number: signal.Signals) -> subprocess.Popen[bytes]:
        assert self._process is not None
        os.kill(self._process.pid, number)
        return self._process


@contextmanager
def uma_server() -> Iterator[UmaServer]:
    """Start a server on an empty file, and end it. The file is 256 MB from its beginning, so it does not stay."""
    with TemporaryDirectory() as directory:
        server = UmaServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()
