"""Snapshots of accounts: they make a cold load short; whatever does not fit discards them."""

from __future__ import annotations

from typing import NamedTuple

from eventsourcing.persistence import StoredEvent
from pydantic import BaseModel, ConfigDict, ValidationError

from interact_ledger.domain.account import Account
from interact_ledger.domain.fold import FOLD_VERSION
from interact_ledger.storage.log import Link, Log

__all__ = ["Loaded", "from_snapshot", "snapshot_of"]

_TOPIC = "account-snapshot"


class Loaded(NamedTuple):
    """An account, and the event that it was folded up to."""

    account: Account
    link: Link


class _Snapshot(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    fold_version: int
    chain: str
    account: Account


def from_snapshot(log: Log, account_id: str) -> Loaded | None:
    """Return an account as its latest snapshot has it, None if there is none that fits the log and this release."""
    stored = log.latest_snapshot(account_id)
    if stored is None:
        return None
    try:
        snapshot = _Snapshot.model_validate_json(stored.state)
    except ValidationError:
        return None
    version = stored.originator_version
    tail = log.select(account_id, after=version - 1, upto=version)
    matches = (
        snapshot.fold_version == FOLD_VERSION
        and snapshot.account.version == version
        and snapshot.account.account_id == account_id
        and tail != []
        and tail[0][1].chain == snapshot.chain
    )
    return Loaded(snapshot.account, tail[0][1]) if matches else None


def snapshot_of(loaded: Loaded) -> StoredEvent:
    """Write an account down as a snapshot."""
    snapshot = _Snapshot(fold_version=FOLD_VERSION, chain=loaded.link.chain, account=loaded.account)
    return StoredEvent(loaded.account.account_id, loaded.link.version, _TOPIC, snapshot.model_dump_json().encode())
