"""A command is killed at any of its lines; recovery and the repeat bring money and cards to where they belong.

What is killed is a process, by `kill -9`, on real files; what comes after starts from the files alone.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from crash_scenes import BEFORE, CREDIT, PROVEN, SEND, Scene, account_id, opened

from interact_ledger.testing import LedgerKit


def credited(kit: LedgerKit) -> Decimal:
    """Return how many times the credit is on the account, beside what was there before."""
    return (kit.ledger.balance(account_id(kit)).available - BEFORE).amount / CREDIT.amount


def assert_nothing_is_unknown_to_the_log(kit: LedgerKit) -> None:
    known = kit.ledger._account(account_id(kit)).cards.values()
    assert [thing.kind for thing in kit.gateway.chargeable() if thing.kind != "card"] == []
    assert {card.card_token for card in kit.gateway.saved_cards()} == {card.token for card in known}
    report = kit.ledger.audit()
    assert report.clean, report.findings
    assert report.findings == ()


def assert_recovers(kit: LedgerKit, scene: Scene) -> None:
    assert [one for one in kit.ledger.recover() if not one.is_over] == []
    assert kit.ledger.recover() == []
    captured = kit.gateway.captured()
    assert len(captured) <= scene.captures
    assert credited(kit) == len(captured)
    assert kit.ledger.balance(account_id(kit)).pending.amount == 0
    assert_nothing_is_unknown_to_the_log(kit)


def assert_repeats(kit: LedgerKit, scene: Scene) -> None:
    request = scene.request(kit)
    assert request() == request()
    assert_is_done(kit, scene)


def assert_is_done(kit: LedgerKit, scene: Scene) -> None:
    assert len(kit.gateway.captured()) == scene.captures
    assert credited(kit) == scene.captures
    assert len(kit.ledger.cards(account_id(kit))) == scene.cards
    assert_nothing_is_unknown_to_the_log(kit)


def test_a_killed_command_is_recovered_from_its_files_and_then_done_once(killing):
    for lines in killing.points():
        directory = killing.killed_after(lines)
        with opened(directory, killing.scene.after + PROVEN) as kit:
            assert_recovers(kit, killing.scene)
            assert_repeats(kit, killing.scene)


def test_a_killed_command_that_is_repeated_at_once_is_done_once(killing):
    for lines in killing.points(share=4):
        directory = killing.killed_after(lines)
        with opened(directory, killing.scene.after + timedelta(seconds=1)) as kit:
            assert_repeats(kit, killing.scene)
            kit.clock.advance(PROVEN)
            assert kit.ledger.recover() == []
            assert_is_done(kit, killing.scene)


def test_a_command_that_answered_before_the_kill_is_done_without_a_repeat(killing):
    directory: Path = killing.killed_after(killing.points(share=20)[-1])
    with opened(directory, killing.scene.after + SEND) as kit:
        assert_is_done(kit, killing.scene)
