"""What somebody does who can write to the ledger's file, and the audit of what is left."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from interact_ledger import Ledger
from interact_ledger.audit import AuditReport
from interact_ledger.testing import ledger_kit

__all__ = ["Tampered", "chain_value"]

Result = TypeVar("Result")
Edit = Callable[[dict[str, Any]], None]


def chain_value(stream_id: str, version: int, topic: str, state: bytes) -> str:
    """Compute an event's chain value, as an attacker who has read the documentation does."""
    digest = hashlib.sha256()
    for part in (stream_id.encode(), str(version).encode(), topic.encode(), state):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


class Tampered:
    """A ledger's file without its triggers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None)
        self.unlock()

    def unlock(self) -> None:
        """Drop the triggers, which every opening of the ledger makes anew."""
        for (trigger,) in self.sql("SELECT name FROM sqlite_master WHERE type='trigger'"):
            self.db.execute(f"DROP TRIGGER {trigger}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.db.close()

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run any statement."""
        return self.db.execute(statement, parameters).fetchall()

    def changed(self, statement: str, *parameters: object) -> None:
        """Run a statement that must change exactly one row, so that no test passes for having done nothing."""
        assert self.db.execute(statement, parameters).rowcount == 1

    def event(self, topic: str, nth: int = 0) -> tuple[str, int]:
        """Return stream and version of the nth event with a topic."""
        found = self.sql(
            "SELECT originator_id, originator_version FROM stored_events WHERE topic=? ORDER BY 1, 2", topic
        )
        return found[nth]

    def state(self, stream_id: str, version: int) -> dict[str, Any]:
        (state,) = self.sql(
            "SELECT state FROM stored_events WHERE originator_id=? AND originator_version=?", stream_id, version
        )[0]
        return json.loads(state)

    def edit(self, place: tuple[str, int], edit: Edit) -> tuple[str, int]:
        """Change one event's envelope, and nothing else."""
        envelope = self.state(*place)
        before = json.dumps(envelope)
        edit(envelope)
        assert json.dumps(envelope) != before
        self.changed(
            "UPDATE stored_events SET state=? WHERE originator_id=? AND originator_version=?",
            json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode(),
            *place,
        )
        return place

    def forge(self, topic: str, nth: int = 0, **fields: Any) -> tuple[str, int]:
        """Change an event's fields and chain all that follows anew: only its meaning gives it away."""
        place = self.edit(self.event(topic, nth), lambda envelope: envelope["event"].update(fields))
        self.rechain(place[0])
        return place

    def insert(self, stream_id: str, version: int, topic: str, event: dict[str, Any]) -> None:
        """Put an event into a stream, moving those behind it, and chain it all anew."""
        self.move(stream_id, version, +1)
        envelope = self.state(stream_id, version - 1) | {"event": event}
        self.changed(
            "INSERT INTO stored_events VALUES (?, ?, ?, ?)", stream_id, version, topic, json.dumps(envelope).encode()
        )
        self.rechain(stream_id)

    def append(self, stream_id: str, topic: str, event: dict[str, Any]) -> tuple[str, int]:
        """Put an event at the end of a stream, well chained."""
        ((last,),) = self.sql("SELECT MAX(originator_version) FROM stored_events WHERE originator_id=?", stream_id)
        self.insert(stream_id, last + 1, topic, event)
        return stream_id, last + 1

    def delete(self, stream_id: str, version: int) -> None:
        self.changed("DELETE FROM stored_events WHERE originator_id=? AND originator_version=?", stream_id, version)

    def move(self, stream_id: str, start: int, by: int) -> None:
        """Renumber a stream's events from a version on."""
        where = "WHERE originator_id=? AND originator_version"
        self.sql(f"UPDATE stored_events SET originator_version=-originator_version {where}>=?", stream_id, start)
        self.sql(f"UPDATE stored_events SET originator_version=?-originator_version {where}<0", by, stream_id)

    def rechain(self, stream_id: str) -> None:
        """Write a stream's chain anew, as an attacker does who knows how it is made."""
        chain = "0" * 64
        rows = self.sql(
            "SELECT originator_version, topic, state FROM stored_events WHERE originator_id=? ORDER BY 1", stream_id
        )
        for version, topic, state in rows:
            envelope = json.loads(state)
            envelope["previous"] = chain
            chained = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()
            self.sql(
                "UPDATE stored_events SET state=? WHERE originator_id=? AND originator_version=?",
                chained,
                stream_id,
                version,
            )
            chain = chain_value(stream_id, version, topic, chained)

    def audit(self) -> AuditReport:
        """Open the ledger as a new process does, and audit it."""
        return self.use(lambda ledger: ledger.audit())

    def rebuild(self) -> None:
        """Have the ledger fill its tables from the log that is left."""
        self.use(lambda ledger: ledger.rebuild())

    def use(self, act: Callable[[Ledger], Result]) -> Result:
        """Do something with the ledger in its proper way."""
        with ledger_kit(f"sqlite:///{self.path}") as kit:
            result = act(kit.ledger)
        self.unlock()
        return result

    def codes(self) -> set[str]:
        return set(self.audit().counts)
