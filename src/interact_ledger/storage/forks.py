"""A child process that was forked while a database was open inherits connections that are not its own.

SQLite's locks stay with the process that took them, and in the child SQLite believes to hold them, for connections
that the child makes itself too. The parent, closing its own, then takes itself for the last one and deletes the
write-ahead log that the child goes on writing to: what was acknowledged is lost. A session of PostgreSQL would be
spoken to by two.
"""

from __future__ import annotations

import os
from weakref import WeakSet

from interact_ledger.errors import ConfigurationError

__all__ = ["OPEN_FILES", "refuse_after_fork", "refuse_files_after_fork"]

OPEN_FILES: WeakSet[object] = WeakSet()
"""The pools of connections to SQLite files that this process has not closed."""

_inherited: list[object] = []  # kept, so that nothing of them is closed here

if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(after_in_child=lambda: _inherited.extend(OPEN_FILES))


def refuse_files_after_fork() -> None:
    """Refuse every file to a process that was forked while one was open.

    Raises:
        ConfigurationError: if it was.
    """
    if _inherited:
        raise _forked()


def refuse_after_fork(opened_by: int) -> None:
    """Refuse connections to a process that did not open them, but was forked from the one that did.

    Raises:
        ConfigurationError: if that is so.
    """
    if opened_by != os.getpid():
        raise _forked()


def _forked() -> ConfigurationError:
    return ConfigurationError(
        "was open when this process was forked; close the ledger before a fork, and open it in each process after it",
        field="url",
    )
