"""Looking again at recent charges and cards, whatever notices came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interact_ledger import Ledger
from interact_ledger.errors import InvalidRequest
from interact_ledger.gateways.protocol import AfterCapture, Capabilities, Found, Indeterminate, NotFound
from interact_ledger.processes import look_again
from interact_ledger.testing import LedgerKit
from ledger_helpers import funded, gbp, pay, saved, stored, topics

DAY = timedelta(days=1)


def since(kit: LedgerKit, back: timedelta = DAY):
    return kit.clock.now() - back


def without_every_notice(kit: LedgerKit, monkeypatch: pytest.MonkeyPatch) -> None:
    can: Capabilities = kit.gateway.capabilities
    monkeypatch.setattr(kit.gateway, "_capabilities", replace(can, sends_every_notice=False))


def charges_of(kit: LedgerKit, account_id: str) -> list[str]:
    return [receipt.gateway_reference for receipt in kit.ledger.receipts(account_id)]


def test_a_gateway_that_sends_every_notice_is_asked_only_by_name(kit):
    account_id = funded(kit)
    (reference,) = charges_of(kit, account_id)
    kit.gateway.refund_in_dashboard(reference, gbp("12.00"))
    looked = kit.ledger.look_again(since(kit))
    assert (looked.charges, looked.accounts, looked.is_complete) == (0, 0, True)
    named = kit.ledger.look_again(since(kit), gateway="sandbox")
    assert [(news.account_id, news.topic) for news in named.news] == [(account_id, "refund-made-elsewhere")]
    (event,) = [r for r in kit.ledger.history(account_id) if r.version == named.news[0].version]
    assert event.event.TOPIC == "refund-made-elsewhere"
    assert kit.ledger.balance(account_id).total == gbp("40.00")


def test_one_that_does_not_is_asked_by_itself(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    account_id = funded(kit)
    kit.gateway.open_dispute(*charges_of(kit, account_id))
    assert [news.topic for news in kit.ledger.look_again(since(kit)).news] == ["dispute-opened"]
    assert kit.ledger.balance(account_id).available == gbp("0.00")
    assert kit.ledger.audit().findings == ()


def test_the_notice_that_comes_afterwards_records_nothing_twice(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    account_id = funded(kit)
    kit.gateway.refund_in_dashboard(*charges_of(kit, account_id), gbp("12.00"))
    kit.ledger.look_again(since(kit))
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    assert topics(kit, account_id).count("refund-made-elsewhere") == 1
    assert kit.ledger.balance(account_id).total == gbp("40.00")


def test_looking_with_nothing_new_writes_nothing(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    account_id = funded(kit)
    saved(kit, account_id)
    before = stored(kit)
    looked = kit.ledger.look_again(since(kit))
    assert (looked.charges, looked.accounts, looked.news) == (1, 1, ())
    assert stored(kit) == before


def test_nothing_recent_asks_the_gateway_nothing(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    saved(kit, funded(kit))
    kit.clock.advance(2 * DAY)

    def never(*_: object) -> None:
        raise AssertionError("nothing is to be asked")

    monkeypatch.setattr(kit.gateway, "find_after_capture", never)
    monkeypatch.setattr(kit.gateway, "find_saved_card", never)
    looked = kit.ledger.look_again(since(kit))
    assert (looked.charges, looked.accounts, looked.is_complete) == (0, 0, True)


def test_all_are_looked_at_page_by_page_also_what_was_recorded_at_one_moment(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    monkeypatch.setattr(look_again, "PAGE", 2)
    accounts = [funded(kit) for _ in range(4)]
    pay(kit, accounts[0])  # the clock stands still: all five were recorded at once
    progress: list[tuple[int, int]] = []
    looked = kit.ledger.look_again(since(kit), on_progress=lambda done, of: progress.append((done, of)))
    assert looked.charges == 5
    assert progress == [(n, 5) for n in range(1, 6)]


def test_what_was_recorded_at_the_very_moment_is_looked_at(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    funded(kit)
    assert kit.ledger.look_again(kit.clock.now()).charges == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [(Indeterminate(why="down"), "what left it cannot be known yet"), (NotFound(), "the gateway knows no such charge")],
)
def test_a_charge_that_cannot_be_looked_at_is_told_and_the_others_are_looked_at(kit, monkeypatch, said, why):
    without_every_notice(kit, monkeypatch)
    first, _second = funded(kit), funded(kit)
    (silent,) = charges_of(kit, first)
    monkeypatch.setattr(kit.gateway, "find_after_capture", lambda ref: said if ref == silent else Found(AfterCapture()))
    looked = kit.ledger.look_again(since(kit))
    assert (looked.charges, looked.is_complete) == (1, False)
    assert [(one.account_id, one.why) for one in looked.unanswered] == [(first, why)]


def test_an_adapters_mistake_is_told_without_its_text(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    funded(kit)

    def wrong(_reference: str) -> None:
        raise ValueError("tok_secret")

    monkeypatch.setattr(kit.gateway, "find_after_capture", wrong)
    assert [one.why for one in kit.ledger.look_again(since(kit)).unanswered] == ["failed: ValueError"]


def test_a_gateway_that_answers_nothing_any_more_is_left_to_the_next_run(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    monkeypatch.setattr(look_again, "FAILURES_IN_A_ROW_MAX", 3)
    for _ in range(5):
        pay(kit, kit.account().account_id, save_card=True)  # two things each: a charge, and a card
    asked: list[str] = []
    monkeypatch.setattr(
        kit.gateway, "find_after_capture", lambda ref: asked.append(ref) or Indeterminate(why="not there")
    )
    monkeypatch.setattr(kit.gateway, "find_saved_card", lambda *_: Indeterminate(why="not there"))
    looked = kit.ledger.look_again(since(kit))
    assert (len(asked), len(looked.unanswered), looked.is_complete) == (2, 4, False)
    assert looked.not_reached == 7


def test_the_future_and_unknown_gateways_are_refused(kit):
    with pytest.raises(InvalidRequest, match="future"):
        kit.ledger.look_again(kit.clock.now() + DAY)
    with pytest.raises(InvalidRequest, match="opened with") as refused:
        kit.ledger.look_again(since(kit), gateway="elsewhere")
    assert refused.value.field == "gateway"


def test_what_is_looked_at_is_the_same_after_a_rebuild(kit, monkeypatch):
    without_every_notice(kit, monkeypatch)
    saved(kit, funded(kit))
    before = kit.ledger.look_again(since(kit))
    ledger: Ledger = kit.ledger
    ledger.rebuild()
    assert ledger.look_again(since(kit)) == before
