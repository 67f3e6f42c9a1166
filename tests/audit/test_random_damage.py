"""Damage at random places is found, whatever it hits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exercised import exercise
from interact_ledger.audit import AuditReport, Folded, audit
from interact_ledger.testing import START, ledger_kit

Damage = Callable[[sqlite3.Connection], object]


class Exposed:
    """A ledger's file under the audit alone: damage is done, audited and undone."""

    def __init__(self, path: Path) -> None:
        with ledger_kit(f"sqlite:///{path}") as kit, kit.ledger._log.at_one_moment() as read:
            self._folds: dict[str, Folded] = {}
            audit(read, lambda account_id, version: self._remember(account_id, kit.ledger._folded(account_id, version)),
                  lambda _done, _of: None, START)  # fmt: skip
        self.db = sqlite3.connect(path, isolation_level=None)
        for (trigger,) in self.db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            self.db.execute(f"DROP TRIGGER {trigger}")
        self.places = self.db.execute(
            "SELECT originator_id, originator_version, length(state) FROM stored_events e WHERE originator_version <"
            " (SELECT MAX(originator_version) FROM stored_events s WHERE s.originator_id=e.originator_id)"
        ).fetchall()

    def _remember(self, account_id: str, folded: Folded) -> Folded:
        self._folds[account_id] = folded
        return folded

    def audit_after(self, damage: Damage) -> AuditReport:
        self.db.execute("BEGIN")
        try:
            damage(self.db)
            return audit(
                lambda sql, parameters: self.db.execute(sql, tuple(parameters)),
                lambda account_id, _version: self._folds[account_id],
                lambda _done, _of: None,
                START,
            )
        finally:
            self.db.rollback()


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    path = tmp_path_factory.mktemp("random") / "exposed.db"
    with ledger_kit(f"sqlite:///{path}") as kit:
        exercise(kit, spends=3)
    found = Exposed(path)
    yield found
    found.db.close()


# With those of the other files, more than a thousand ledgers are tampered with in each run.
of_the_log = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_nothing_is_found_without_damage(exposed):
    assert exposed.audit_after(lambda _db: None).findings == ()


@of_the_log
@given(data=st.data())
def test_a_changed_byte_is_found_in_every_event_but_the_last_of_its_stream(exposed, data):
    stream_id, version, length = data.draw(st.sampled_from(exposed.places))
    position = data.draw(st.integers(0, length - 1))
    flip = data.draw(st.integers(1, 255))

    def damage(db):
        (state,) = db.execute(
            "SELECT state FROM stored_events WHERE originator_id=? AND originator_version=?", (stream_id, version)
        ).fetchone()
        damaged = bytes([*state[:position], state[position] ^ flip, *state[position + 1 :]])
        db.execute(
            "UPDATE stored_events SET state=? WHERE originator_id=? AND originator_version=?",
            (damaged, stream_id, version),
        )

    report = exposed.audit_after(damage)
    assert not report.clean
    assert any((f.account_id, f.version) == (stream_id, version + 1) for f in report.findings)


@of_the_log
@given(data=st.data())
def test_two_events_that_changed_places_are_found(exposed, data):
    one = data.draw(st.sampled_from(exposed.places))[:2]
    other = data.draw(st.sampled_from([place for place in exposed.places if place[:2] != one]))[:2]

    def damage(db):
        place = "originator_id=? AND originator_version=?"
        for start, end in ((one, ("~", 1)), (other, one), (("~", 1), other)):
            db.execute(f"UPDATE stored_events SET originator_id=?, originator_version=? WHERE {place}", (*end, *start))

    assert not exposed.audit_after(damage).clean


@of_the_log
@given(data=st.data())
def test_a_missing_run_of_events_is_found(exposed, data):
    stream_id, version, _ = data.draw(st.sampled_from(exposed.places))
    behind = version + data.draw(st.integers(1, 5))

    def damage(db):
        db.execute(
            "DELETE FROM stored_events WHERE originator_id=? AND originator_version>=? AND originator_version<?",
            (stream_id, version, behind),
        )

    assert not exposed.audit_after(damage).clean
