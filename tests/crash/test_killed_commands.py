"""A command is killed at any of its lines; recovery and the repeat bring money and cards to where they belong.

What is killed is a process, by `kill -9`, on real files and databases; what comes after starts from them alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from crash_commands import account_id, recover
from crash_scenes import SCENES, TOP_UP, Scene, opened, recovered, state_of
from killing import Killing

from interact_ledger.testing import LedgerKit

EVERY_LINE = 3_000
"""More turns than any command has lines, so that each line has its turn."""
SOON = timedelta(seconds=1)

every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
Ready = Callable[[Scene], Killing]


@pytest.mark.programme(row=3, what="kills of a top-up, SQLite", ci=1_400, release=0, each=100)
def test_a_top_up_killed_at_any_of_its_lines_is_charged_and_credited_once(part, tried, on_files):
    tried(kill_and_recover(on_files(TOP_UP), part))


@every_scene
@pytest.mark.programme(row=3, what="kills of every command, SQLite", ci=6, release=EVERY_LINE, each=250)
def test_a_killed_command_is_recovered_from_its_files_and_then_done_once(scene, part, tried, on_files):
    tried(kill_and_recover(on_files(scene), part))


@every_scene
@pytest.mark.programme(row=3, what="kills of every command, PostgreSQL", ci=2, release=150, each=50)
def test_a_killed_command_is_recovered_from_its_database_and_then_done_once(scene, part, tried, on_postgresql):
    tried(kill_and_recover(on_postgresql(scene), part))


@every_scene
@pytest.mark.programme(row=3, what="kills and a repeat at once, SQLite", ci=2, release=60, each=60)
def test_a_killed_command_that_is_repeated_at_once_is_done_once(scene, part, tried, on_files):
    tried(kill_and_repeat(on_files(scene), part))


@every_scene
@pytest.mark.programme(row=3, what="kills and a repeat at once, PostgreSQL", ci=1, release=20, each=20)
def test_a_repeat_may_meet_the_server_still_at_work_for_the_killed_command(scene, part, tried, on_postgresql):
    tried(kill_and_repeat(on_postgresql(scene), part))


@every_scene
@pytest.mark.parametrize("on", ["on_files", "on_postgresql"])
def test_every_line_of_every_command_has_its_turn_in_a_release(scene, on, request):
    killing: Killing = request.getfixturevalue(on)(scene)
    assert killing.lines < EVERY_LINE
    assert sorted(killing.turns(range(EVERY_LINE))) == [*range(killing.lines + 1)]


def kill_and_recover(killing: Killing, part: range) -> int:
    """Kill, recover when the time for that has come, and only then repeat."""
    turns = killing.turns(part)
    for lines in turns:
        with killing.killed_after(lines) as place, opened(place, killing.scene.after) as kit:
            if lines == killing.lines:
                assert_answered(kit, killing.scene)
            kit.clock.advance(killing.scene.over)
            assert recovered(kit) in killing.possible
            assert_nothing_is_left_open(kit, killing.scene)
            assert_repeats(kit, killing.scene)
    return len(turns)


def kill_and_repeat(killing: Killing, part: range) -> int:
    """Kill, and repeat without waiting for anything."""
    turns = killing.turns(part)
    for lines in turns:
        with (
            killing.killed_after(lines, alone=False) as place,
            opened(place, killing.scene.after + SOON) as kit,
        ):
            assert_repeats(kit, killing.scene)
            kit.clock.advance(killing.scene.over)
            assert recovered(kit) == killing.scene.end
            assert_is_done(kit, killing.scene)
    return len(turns)


def assert_answered(kit: LedgerKit, scene: Scene) -> None:
    """What was acknowledged is stored, before anybody recovers or repeats anything."""
    if scene.killed is not None:
        assert kit.ledger.recover() == []
    if scene.killed is not recover and not scene.finish:
        assert state_of(kit) == scene.end


def assert_nothing_is_left_open(kit: LedgerKit, scene: Scene) -> None:
    if not scene.finish:
        assert kit.ledger.recover() == []
        assert [thing.kind for thing in kit.gateway.chargeable() if thing.kind != "card"] == []
    assert_the_log_knows_all(kit)


def assert_repeats(kit: LedgerKit, scene: Scene) -> None:
    request = scene.request(kit)
    assert request() == request()
    for step in scene.finish:
        step(kit)
    assert_is_done(kit, scene)


def assert_is_done(kit: LedgerKit, scene: Scene) -> None:
    assert state_of(kit) == scene.end
    assert kit.ledger.recover() == []
    assert [thing.kind for thing in kit.gateway.chargeable() if thing.kind != "card"] == []
    assert_the_log_knows_all(kit)


def assert_the_log_knows_all(kit: LedgerKit) -> None:
    known = kit.ledger._account(account_id(kit)).cards.values()
    assert {card.card_token for card in kit.gateway.saved_cards()} == {card.token for card in known}
    report = kit.ledger.audit()
    assert report.clean, report.findings
    assert report.findings == ()
