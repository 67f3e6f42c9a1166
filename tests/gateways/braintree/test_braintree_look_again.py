"""What is done in Braintree's Control Panel sends no webhook: the ledger learns of it by looking again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from moneyed import Money

from braintree_bench import BraintreeBench, opened_bench
from interact_ledger import Ledger, LookedAgain
from interact_ledger.testing import SequentialIds
from servers.braintree import Plan, WireFault

CREDIT, GROSS = Money("50.00", "GBP"), Money("60.00", "GBP")
DAY = timedelta(days=1)


@pytest.fixture
def bench() -> Iterator[BraintreeBench]:
    with opened_bench() as opened:
        yield opened


@pytest.fixture
def ledger(bench: BraintreeBench) -> Iterator[Ledger]:
    with Ledger.open("sqlite://", gateways=[bench.gateway], clock=bench.clock, ids=SequentialIds()) as opened:
        yield opened


@pytest.fixture
def account_id(ledger: Ledger) -> str:
    return ledger.open_account("customer-1", "GBP", "GB").account_id


def pay(bench: BraintreeBench, ledger: Ledger, account_id: str, key: str = "pay", *, save_card: bool = False) -> str:
    quote, nonce = ledger.checkout(account_id, CREDIT), bench.books.nonce(Plan())
    paid = ledger.top_up(account_id, quote.quote_id, card_token=nonce, idempotency_key=key, save_card=save_card)
    assert paid.gateway_reference is not None
    return paid.gateway_reference


def look(bench: BraintreeBench, ledger: Ledger, back: timedelta = 2 * DAY) -> LookedAgain:
    return ledger.look_again(bench.clock.now() - back)


def topics(looked: LookedAgain) -> list[str]:
    assert looked.is_complete
    return [news.topic for news in looked.news]


def test_a_refund_in_the_control_panel_is_taken_back_once_it_is_looked_at(bench, ledger, account_id):
    reference = pay(bench, ledger, account_id)
    bench.settle(reference)
    told = len(bench.notices_due())
    bench.others.refund_in_dashboard(reference, GROSS / 2)
    assert len(bench.notices_due()) == told
    assert topics(look(bench, ledger)) == ["refund-made-elsewhere"]
    assert ledger.balance(account_id).total == CREDIT / 2
    assert topics(look(bench, ledger)) == []
    assert ledger.balance(account_id).total == CREDIT / 2
    assert ledger.audit().findings == ()


def test_a_void_in_the_control_panel_takes_all_of_it_back(bench, ledger, account_id):
    bench.books.void(pay(bench, ledger, account_id))
    assert topics(look(bench, ledger)) == ["refund-made-elsewhere"]
    assert ledger.balance(account_id).total == CREDIT * 0
    assert ledger.audit().findings == ()


@pytest.mark.parametrize("alone", [False, True], ids=["saved with a payment", "saved alone"])
def test_a_card_deleted_in_the_control_panel_is_gone_here_too(bench, ledger, account_id, alone):
    if alone:
        ledger.save_card(account_id, bench.books.nonce(Plan()), idempotency_key="save")
    else:
        pay(bench, ledger, account_id, save_card=True)
    (token,) = bench.books.vault
    bench.others.detach_card(token)
    assert topics(look(bench, ledger)) == ["card-detached"]
    assert list(ledger.cards(account_id)) == []
    assert ledger.audit().findings == ()


def test_a_card_that_its_network_renewed_is_shown_as_it_is_now(bench, ledger, account_id):
    pay(bench, ledger, account_id, save_card=True)
    bench.others.update_card(*bench.books.vault)
    assert topics(look(bench, ledger)) == ["card-updated"]
    (card,) = ledger.cards(account_id)
    assert (card.last_four, card.expiry_month, card.expiry_year) == ("0077", 7, 2044)


def test_only_what_was_recorded_since_then_is_looked_at(bench, ledger, account_id):
    old = pay(bench, ledger, account_id)
    bench.clock.advance(3 * DAY)
    new = pay(bench, ledger, account_id, "new")
    bench.books.void(old)
    bench.books.void(new)
    looked = look(bench, ledger)
    assert (looked.charges, topics(looked)) == (1, ["refund-made-elsewhere"])
    assert topics(look(bench, ledger, 4 * DAY)) == ["refund-made-elsewhere"]
    assert ledger.balance(account_id).total == CREDIT * 0


def test_what_cannot_be_asked_is_told_and_looked_at_by_the_next_run(bench, ledger, account_id):
    voided = pay(bench, ledger, account_id)
    bench.books.void(voided)
    bench.server.fail_next("find_after_capture", WireFault.AFTER)
    looked = look(bench, ledger)
    assert (looked.charges, looked.news, looked.is_complete) == (0, (), False)
    assert [unanswered.account_id for unanswered in looked.unanswered] == [account_id]
    assert topics(look(bench, ledger)) == ["refund-made-elsewhere"]


def test_each_account_s_cards_are_looked_at_once(bench, ledger, account_id):
    for key in ("one", "two", "three"):
        pay(bench, ledger, account_id, key, save_card=key == "one")
    looked = look(bench, ledger)
    assert (looked.charges, looked.accounts) == (3, 1)
