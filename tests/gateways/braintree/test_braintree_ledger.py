"""The real ledger over Braintree's adapter and HTTP: what a service sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from braintree_helpers import sent
from moneyed import Money

from braintree_bench import BraintreeBench, opened_bench
from interact_ledger import Ledger, NoticeOutcome, Settings
from interact_ledger.errors import NoticeRejected, NotRefundable
from interact_ledger.testing import SequentialIds
from servers.braintree import Plan, WireFault
from servers.braintree.webhooks import transaction_notice

CREDIT = Money("50.00", "GBP")


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


def pay(ledger: Ledger, account_id: str, nonce: str, key: str = "pay", **how: object):
    quote = ledger.checkout(account_id, CREDIT)
    return ledger.top_up(account_id, quote.quote_id, card_token=nonce, idempotency_key=key, **how)


def available(ledger: Ledger, account_id: str) -> Money:
    return ledger.balance(account_id).available


def test_a_top_up_saves_its_card_which_then_pays_and_is_removed(bench, ledger, account_id):
    assert pay(ledger, account_id, bench.books.nonce(), save_card=True).status == "succeeded"
    (card,) = ledger.cards(account_id)
    quote = ledger.checkout(account_id, CREDIT)
    again = ledger.top_up(account_id, quote.quote_id, card_id=card.card_id, idempotency_key="again")
    assert again.status == "succeeded"
    assert available(ledger, account_id) == 2 * CREDIT
    ledger.remove_card(account_id, card.card_id, idempotency_key="remove")
    assert bench.books.vault == {}
    assert ledger.audit().clean


def test_a_lost_answer_is_credited_once_by_recovery_and_once_by_the_repeat(bench, ledger, account_id):
    quote = ledger.checkout(account_id, CREDIT)
    how = {"card_token": bench.books.nonce(), "idempotency_key": "pay"}
    bench.server.fail_next("charge", WireFault.AFTER)
    assert ledger.top_up(account_id, quote.quote_id, **how).status == "unknown"
    assert ledger.top_up(account_id, quote.quote_id, **how).status == "succeeded"
    bench.clock.advance(timedelta(minutes=10))
    assert ledger.recover() == []
    assert available(ledger, account_id) == CREDIT
    assert len(bench.captured()) == 1


def test_a_payment_that_settles_later_is_credited_by_its_webhook_once(bench, ledger, account_id):
    pending = pay(ledger, account_id, bench.books.nonce(Plan(pends=True)))
    assert pending.status == "pending"
    assert available(ledger, account_id).amount == 0
    bench.settle(pending.gateway_reference)
    (delivery,) = bench.notices_due()
    outcomes = [ledger.receive("braintree", delivery.body, delivery.headers)[0].outcome for _ in range(3)]
    assert outcomes == [NoticeOutcome.RECORDED, NoticeOutcome.DUPLICATE, NoticeOutcome.DUPLICATE]
    assert available(ledger, account_id) == CREDIT


def test_without_webhooks_it_is_found_by_recovery(bench, ledger, account_id):
    pending = pay(ledger, account_id, bench.books.nonce(Plan(pends=True)))
    bench.settle(pending.gateway_reference)
    bench.clock.advance(timedelta(hours=1))
    ledger.recover()
    assert available(ledger, account_id) == CREDIT


def test_a_webhook_claims_nothing_by_itself(bench, ledger, account_id):
    """Authentic, naming our operation, and about money that the gateway does not know of."""
    pending = pay(ledger, account_id, bench.books.nonce(Plan(pends=True)))
    lying = bench.books.transactions[pending.gateway_reference]
    body = transaction_notice("transaction_settled", lying, bench.clock.now())
    assert ledger.receive("braintree", body, {})[0].outcome is NoticeOutcome.RECORDED
    assert available(ledger, account_id).amount == 0
    with pytest.raises(NoticeRejected):
        ledger.receive("braintree", body.replace(b"bt_signature=", b"bt_signature=0"), {})
    assert ledger.receive("braintree", bench.foreign_notice().body, {})[0].outcome is NoticeOutcome.FOREIGN


def test_a_part_is_queued_before_settlement_and_goes_through_after_it(bench, ledger, account_id):
    paid = pay(ledger, account_id, bench.books.nonce())
    how = {"amount": Money("10.00", "GBP"), "reason": "asked for", "idempotency_key": "refund"}
    queued = ledger.refund(account_id, paid.transaction_id, **how)
    assert queued.status == "queued"
    assert available(ledger, account_id) == CREDIT - queued.credit
    bench.settle(paid.gateway_reference)
    bench.clock.advance(timedelta(hours=2))
    assert [done.outcome for done in ledger.run_due()] == ["succeeded"]
    refund = ledger.refund(account_id, paid.transaction_id, **how)
    assert refund.status == "succeeded"
    assert ledger.refund(account_id, paid.transaction_id, **how) == refund
    assert len(sent(bench, f"POST /transactions/{paid.gateway_reference}/refund")) == 1
    assert ledger.audit().clean


def test_a_whole_refund_before_settlement_is_a_void_and_survives_a_lost_answer(bench, ledger, account_id):
    paid = pay(ledger, account_id, bench.books.nonce())
    bench.server.fail_next("refund", WireFault.AFTER)
    how = {"amount": None, "reason": "asked for", "idempotency_key": "refund"}
    assert ledger.refund(account_id, paid.transaction_id, **how).status == "unknown"
    bench.clock.advance(timedelta(minutes=10))
    ledger.recover()
    assert available(ledger, account_id).amount == 0
    assert ledger.refund(account_id, paid.transaction_id, **how).status == "succeeded"
    (captured,) = bench.captured()
    assert captured.refunded == captured.amount
    assert ledger.audit().clean


def test_a_refund_that_the_bank_returns_is_told_by_its_webhook(bench, ledger, account_id):
    paid = pay(ledger, account_id, bench.books.nonce())
    bench.settle(paid.gateway_reference)
    refund = ledger.refund(account_id, paid.transaction_id, None, reason="asked for", idempotency_key="refund")
    assert refund.status == "succeeded"
    bench.return_refund(bench.books.transactions[paid.gateway_reference].refunds[0])
    delivery = bench.notices_due()[-1]
    assert ledger.receive("braintree", delivery.body, delivery.headers)[0].outcome is NoticeOutcome.RECORDED
    assert available(ledger, account_id) == CREDIT
    assert ledger.audit().clean


def test_a_partly_approved_payment_is_never_credited_silently(bench, ledger, account_id):
    result = pay(ledger, account_id, bench.books.nonce(Plan(partly=True)))
    assert result.status != "succeeded"
    assert available(ledger, account_id).amount == 0
    assert [finding for finding in ledger.audit().findings if "captured 59.00 GBP" in finding.message]


def test_a_cancelled_top_up_that_never_arrived_ends_once_it_cannot_arrive(bench, ledger, account_id):
    bench.server.fail_next("charge", WireFault.BEFORE)
    unknown = pay(ledger, account_id, bench.books.nonce())
    assert unknown.status == "unknown"
    ledger.cancel(account_id, unknown.transaction_id)
    bench.clock.advance(timedelta(minutes=10))
    ledger.recover()
    assert ledger.recover() == []
    assert ledger.top_up_result(account_id, unknown.transaction_id).status == "cancelled"


def test_a_cancelled_top_up_is_not_over_while_a_sender_whose_clock_is_behind_may_yet_charge(bench):
    """The adapter knows of a minute between clocks; the ledger was told of ten."""
    slow = Settings.default().model_copy(update={"clock_difference_max": timedelta(minutes=10)})
    with Ledger.open("sqlite://", gateways=[bench.gateway], clock=bench.clock, settings=slow) as ledger:
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        bench.server.fail_next("charge", WireFault.BEFORE)
        unknown = pay(ledger, account_id, bench.books.nonce())
        ledger.cancel(account_id, unknown.transaction_id)
        for minutes, over in ((9, False), (5, True)):
            bench.clock.advance(timedelta(minutes=minutes))
            assert [item.is_over for item in ledger.recover()] == [over]
        assert ledger.top_up_result(account_id, unknown.transaction_id).status == "cancelled"


def test_the_sdk_accepts_a_dispute_and_the_ledger_hears_that_it_is_lost(bench, ledger, account_id):
    paid = pay(ledger, account_id, bench.books.nonce())
    dispute = bench.books.open_dispute(paid.gateway_reference)
    disputes = bench.gateway._connection.sdk.dispute
    assert disputes.find(dispute).status == "open"
    assert disputes.accept(dispute).is_success
    assert disputes.find(dispute).status == "accepted"
    for delivery in bench.notices_due():
        assert ledger.receive("braintree", delivery.body, {})[0].outcome is NoticeOutcome.RECORDED
    assert available(ledger, account_id).amount == 0


@pytest.mark.parametrize("asked_again", ["by recovery", "by the command"])
def test_a_void_of_ours_whose_answer_was_lost_is_not_taken_for_one_made_by_hand(bench, ledger, account_id, asked_again):
    """A void bears no metadata; taken for somebody else's, it would be taken back twice."""
    pay(ledger, account_id, bench.books.nonce(), "before")
    paid = pay(ledger, account_id, bench.books.nonce())
    bench.server.fail_next("refund", WireFault.AFTER)
    how = {"amount": None, "reason": "asked for", "idempotency_key": "refund"}
    assert ledger.refund(account_id, paid.transaction_id, **how).status == "unknown"
    body = transaction_notice(
        "transaction_retried", bench.books.transactions[paid.gateway_reference], bench.clock.now()
    )
    find, asked = bench.books.find, count()
    bench.books.find = lambda name: (503, "") if next(asked) == 1 else find(name)  # whose it is cannot be told
    assert ledger.receive("braintree", body, {})[0].outcome is NoticeOutcome.LATER
    bench.books.find = find
    assert ledger.receive("braintree", body, {})[0].outcome is NoticeOutcome.RECORDED
    if asked_again == "by recovery":
        bench.clock.advance(timedelta(minutes=10))
        ledger.recover()
    assert ledger.refund(account_id, paid.transaction_id, **how).status == "succeeded"
    assert available(ledger, account_id) == CREDIT


def test_a_void_made_by_hand_is_one_of_nobodys(bench, ledger, account_id):
    paid = pay(ledger, account_id, bench.books.nonce())
    bench.books.void(paid.gateway_reference)
    body = transaction_notice(
        "transaction_retried", bench.books.transactions[paid.gateway_reference], bench.clock.now()
    )
    assert ledger.receive("braintree", body, {})[0].outcome is NoticeOutcome.RECORDED
    assert available(ledger, account_id).amount == 0
    with pytest.raises(NotRefundable):
        ledger.refund(account_id, paid.transaction_id, None, reason="asked for", idempotency_key="refund")
