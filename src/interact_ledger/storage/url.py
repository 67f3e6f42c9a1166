"""Which database an address names, and how the event-sourcing library is told."""

from __future__ import annotations

import re
from importlib.util import find_spec
from uuid import uuid4

from interact_ledger.errors import ConfigurationError

__all__ = ["environment"]

LENGTH_MAX = 2000
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::[0-9]*)?")


def environment(url: str, deadline_seconds: float) -> dict[str, str]:
    """Return the event-sourcing application's environment for a storage address.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` for memory, or `postgresql://…` with all
            that libpq understands behind it.
        deadline_seconds: how long to wait for another writer's lock, or for an answer.

    Raises:
        ConfigurationError: if it is none of these, or the driver is not installed. The message repeats nothing of the
            address, in which a password may be.
    """
    if not isinstance(url, str) or len(url) > LENGTH_MAX or not url.isprintable():
        raise _unusable()
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
        _check_postgres_address(rest)
        return {
            "PERSISTENCE_MODULE": "interact_ledger.storage.postgres:LedgerPostgresFactory",
            "POSTGRES_CONNINFO": url,
            "POSTGRES_DEADLINE_SECONDS": str(deadline_seconds),
            **_ALWAYS,
        }
    raise _unusable()


_ALWAYS = {"IS_SNAPSHOTTING_ENABLED": "y", "CREATE_TABLE": "n"}


def _sqlite_name(rest: str) -> str:
    if not rest:
        return f"file:interact-ledger-{uuid4().hex}?mode=memory&cache=shared"
    if rest.startswith("/") and len(rest) > 1 and "?" not in rest:
        return rest[1:]
    raise _unusable()


def _check_postgres_address(rest: str) -> None:
    """Refuse what libpq would read in another way than was meant: it repeats in its messages what it cannot use.

    A password with an "@" or a "/" in it that is not percent-encoded is taken for a host or a port.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    address = rest.partition("?")[0]
    authority, _, database = address.partition("/")
    user, _, hosts = authority.rpartition("@")
    try:
        conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError:
        understood = False
    else:
        understood = "@" not in user + database and all(map(_HOST.fullmatch, hosts.split(",")))
    if not understood:
        raise ConfigurationError(
            "is no address that PostgreSQL understands; percent-encode what is special in user, password and database",
            field="url",
        )


def _unusable() -> ConfigurationError:
    return ConfigurationError(
        "is no storage address; use sqlite:///file.db, sqlite:////absolute/file.db, sqlite:// or"
        " postgresql://user@host/database",
        field="url",
    )
