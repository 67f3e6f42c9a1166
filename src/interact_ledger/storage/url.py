"""Which database an address names, and how the event-sourcing library is told."""

from __future__ import annotations

from importlib.util import find_spec
from uuid import uuid4

from interact_ledger.errors import ConfigurationError

__all__ = ["environment"]


def environment(url: str, deadline_seconds: float) -> dict[str, str]:
    """Return the event-sourcing application's environment for a storage address.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` for memory, or `postgresql://…` with all
            that libpq understands behind it.
        deadline_seconds: how long to wait for another writer's lock, or for an answer.

    Raises:
        ConfigurationError: if it is none of these, or the driver is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        return {
            "PERSISTENCE_MODULE": "interact_ledger.storage.sqlite:LedgerSQLiteFactory",
            "SQLITE_DBNAME": _sqlite_name(rest),
            "SQLITE_LOCK_TIMEOUT": str(max(1, round(deadline_seconds))),
            **_ALWAYS,
        }
    if scheme in {"postgresql", "postgres"} and separator:
        if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
            raise ConfigurationError('PostgreSQL needs pip install "interact_ledger[postgres]"', field="url")
        return {
            "PERSISTENCE_MODULE": "interact_ledger.storage.postgres:LedgerPostgresFactory",
            "POSTGRES_CONNINFO": url,
            "POSTGRES_DEADLINE_SECONDS": str(deadline_seconds),
            **_ALWAYS,
        }
    raise _unusable(scheme)


_ALWAYS = {"IS_SNAPSHOTTING_ENABLED": "y", "CREATE_TABLE": "n"}


def _sqlite_name(rest: str) -> str:
    if not rest:
        return f"file:interact-ledger-{uuid4().hex}?mode=memory&cache=shared"
    if rest.startswith("/") and len(rest) > 1 and "?" not in rest:
        return rest[1:]
    raise _unusable("sqlite")


def _unusable(scheme: str) -> ConfigurationError:
    return ConfigurationError(
        f"{scheme}://… is no storage address; use sqlite:///file.db, sqlite:////absolute/file.db, sqlite:// or postgresql://user@host/database",
        field="url",
    )
