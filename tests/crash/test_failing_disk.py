"""Every call to the system about the ledger's files fails once, or for long, or is the last of its process.

Whatever a command said, the file is whole, what was acknowledged is in it, and the same request is done once.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from crash_places import Place
from crash_scenes import opened, recovered, state_of
from disk_scenes import DISK_SCENES, OPENINGS
from failing_disk import FailingDisk, Told
from killing import spread
from test_killed_commands import assert_nothing_is_left_open, assert_repeats

OURS = {"Busy", "StorageUnavailable"}
EVERY_FAULT = 1_500
"""More than any command can meet."""


@pytest.mark.parametrize("scene", DISK_SCENES.values(), ids=DISK_SCENES)
@pytest.mark.programme(row=4, what="faults at system calls about the file", ci=20, release=EVERY_FAULT, each=50)
def test_a_fault_at_a_system_call_tears_nothing_and_the_same_request_is_done_once(scene, part, tried, on_failing_disk):
    disk: FailingDisk = on_failing_disk(scene)
    met = 0
    for number in spread(len(disk.faults), part):
        fault = disk.faults[number]
        with disk.after(fault) as (place, told):
            assert_whole(place)
            assert told.killed == (fault.how == "killed at" and told.happened)
            assert_said_what_happened(told)
            with opened(place, scene.after) as kit:
                if not told.killed and scene not in OPENINGS:
                    assert state_of(kit) == scene.end
                kit.clock.advance(scene.over)
                assert recovered(kit) in disk.possible
                assert_nothing_is_left_open(kit, scene)
                assert_repeats(kit, scene)
            met += told.happened
    tried(met)


def assert_whole(place: Place) -> None:
    with closing(sqlite3.connect(place.url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def assert_said_what_happened(told: Told) -> None:
    """The error is one of ours; and once the disk works, the ledger that raised it goes on."""
    if not told.killed:
        assert told.first["error"] is None or told.first["error"] in OURS, told.first
        assert told.second["error"] is None, told.second
