"""Every call to the system about the ledger's files fails once, or for long, or is the last of its process.

Whatever a command said, the file is whole, what was acknowledged is in it, and the same request is done once.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from crash_places import Place
from crash_scenes import opened, recovered
from disk_scenes import DISK_SCENES, OPENINGS
from failing_disk import FailingDisk, Told
from killing import spread
from test_killed_commands import assert_answered, assert_nothing_is_left_open, assert_repeats

OURS = {"Busy", "StorageUnavailable"}
EVERY_FAULT = 1_500
"""More than any command can meet."""


COMMANDS = [scene for scene in DISK_SCENES.values() if scene not in OPENINGS]
every_scene = pytest.mark.parametrize("scene", DISK_SCENES.values(), ids=DISK_SCENES)


@every_scene
@pytest.mark.programme(row=4, what="faults at system calls about the file", ci=20, release=EVERY_FAULT, each=100)
def test_a_fault_at_a_system_call_tears_nothing_and_the_same_request_is_done_once(scene, part, tried, on_failing_disk):
    disk: FailingDisk = on_failing_disk(scene)
    assert len(disk.faults) < EVERY_FAULT
    met = 0
    for number in spread(len(disk.faults), part):
        fault = disk.faults[number]
        with disk.after(fault) as (place, told):
            assert told.killed == (fault.how == "killed at" and told.happened)
            if not told.killed:
                assert told.first["error"] in {None, *OURS}, (fault, told.first)
                assert told.second["error"] is None, (fault, told.second)
            assert_right_in_the_end(disk, place, told)
        met += told.happened
    tried(met)


@pytest.mark.parametrize("scene", COMMANDS, ids=[scene.name for scene in COMMANDS])
@pytest.mark.programme(row=4, what="locks of the file that cannot be given back", ci=0, release=3, each=1)
def test_where_sqlite_loses_track_of_its_locks_the_error_says_to_open_the_ledger_again(
    scene, part, tried, on_failing_disk
):
    disk: FailingDisk = on_failing_disk(scene)
    faults = disk.unreturned[part.start : part.stop]
    for fault in faults:
        with disk.after(fault) as (place, told):
            for error in (told.first, told.second):
                assert error["error"] in {None, *OURS}, error
                assert error["error"] is None or "open it again" in error["message"], error
            assert_right_in_the_end(disk, place, told)
    tried(len(faults))


def test_what_is_acknowledged_was_flushed_to_the_disk_before(on_failing_disk):
    disk: FailingDisk = on_failing_disk(DISK_SCENES["a campaign"])
    calls = [call for call, _, _ in disk.calls if call in {"pwrite64", "fdatasync"}]
    assert calls.count("pwrite64") > 1
    assert calls[-1] == "fdatasync"


def assert_right_in_the_end(disk: FailingDisk, place: Place, told: Told) -> None:
    scene = disk.scene
    assert_whole(place)
    with opened(place, scene.after) as kit:
        if not told.killed:
            assert told.third["error"] is None, told.third
            if scene not in OPENINGS:
                assert_answered(kit, scene)
        kit.clock.advance(scene.over)
        assert recovered(kit) in disk.possible
        assert_nothing_is_left_open(kit, scene)
        assert_repeats(kit, scene)


def assert_whole(place: Place) -> None:
    with closing(sqlite3.connect(place.url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
