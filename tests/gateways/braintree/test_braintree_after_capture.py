"""What left a sale again at Braintree, and what became of its vaulted cards."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from braintree_helpers import ACCOUNT, charged, paid, payment, refund_of, saved
from moneyed import Money

from braintree_bench import NOON, BraintreeBench, gateway_at
from interact_ledger.clock import SystemClock
from interact_ledger.gateways.braintree.after_capture import REFUNDS_MAX
from interact_ledger.gateways.braintree.notices import verified_notices
from interact_ledger.gateways.protocol import (
    AfterCapture,
    DisputeStatus,
    Found,
    Indeterminate,
    NotFound,
    NoticeSubject,
    Refunded,
)
from servers.braintree import PRIVATE_KEY, PUBLIC_KEY, Plan, WireFault
from servers.braintree.webhooks import signed

ONE = Decimal("1.00")
POUND = Money("1.00", "GBP")


def settled(bench: BraintreeBench, name: str = "1") -> str:
    charge = paid(bench, name=name)
    bench.settle(charge.reference)
    return charge.reference


def left(bench: BraintreeBench, reference: str) -> AfterCapture:
    found = bench.gateway.find_after_capture(reference)
    assert isinstance(found, Found), found
    return found.result


# Refunds ----------------------------------------------------------------------------------------------------------


def test_a_refund_made_by_hand_copies_its_sales_order_id_and_is_not_taken_for_ours(bench):
    charge = paid(bench)
    bench.settle(charge.reference)
    by_hand = bench.books.refund_in_dashboard(charge.reference, ONE)
    assert bench.books.transactions[by_hand].order_id == payment(bench).attempt_id
    request = refund_of(bench, charge, amount=POUND)
    ours = bench.gateway.refund(request)
    assert isinstance(ours, Refunded)
    told = [(refund.reference, refund.operation_id) for refund in left(bench, charge.reference).refunds]
    assert told == [(by_hand, None), (ours.reference, request.refund_id)]
    assert bench.gateway.find_refund(request) == Found(ours)


def test_a_refund_that_cannot_be_found_leaves_all_of_it_unknown(bench):
    reference = settled(bench)
    bench.books.refund_in_dashboard(reference, ONE)
    bench.books.transactions[reference].refunds.append("bt99999999")
    assert isinstance(bench.gateway.find_after_capture(reference), Indeterminate)


def test_the_answer_about_one_of_the_refunds_is_lost(bench):
    reference = settled(bench)
    lost = bench.books.refund_in_dashboard(reference, ONE)
    find = bench.books.find
    bench.books.find = lambda name: (503, "") if name == lost else find(name)
    assert isinstance(bench.gateway.find_after_capture(reference), Indeterminate)


def test_more_refunds_than_a_sale_can_have_are_not_asked_for(bench):
    reference = settled(bench)
    bench.books.transactions[reference].refunds = [f"bt{number:08d}" for number in range(REFUNDS_MAX + 1)]
    before = len(bench.server.requests)
    assert isinstance(bench.gateway.find_after_capture(reference), Indeterminate)
    assert len(bench.server.requests) == before + 1


def test_a_void_before_settlement_is_a_refund_of_all_under_the_reference_that_refund_tells(bench):
    charge = paid(bench)
    bench.clock.advance(timedelta(minutes=3))
    refunded = bench.gateway.refund(refund_of(bench, charge))
    assert isinstance(refunded, Refunded)
    (void,) = left(bench, charge.reference).refunds
    assert (void.reference, void.amount) == (refunded.reference, charge.amount)
    assert (void.operation_id, void.refunded_at) == (None, NOON + timedelta(minutes=3))


# Settlements that failed ------------------------------------------------------------------------------------------


def test_a_settlement_that_is_declined_tells_when_and_why(bench):
    reference = settled(bench)
    bench.clock.advance(timedelta(hours=30))
    bench.settle(reference, succeed=False)
    told = left(bench, reference)
    assert (told.reversed_at, told.reversal_code) == (NOON + timedelta(hours=30), "4001")
    bench.books.transactions[reference].settlement_code = None
    assert left(bench, reference).reversal_code == "settlement_declined"


@pytest.mark.parametrize("end", ["declined", "voided"])
def test_a_sale_that_never_took_money_is_not_found_whatever_became_of_it(bench, end):
    pending = charged(bench, Plan(pends=True))
    if end == "declined":
        bench.settle(pending.reference, succeed=False)
    else:
        bench.gateway.cancel(payment(bench))
    assert bench.gateway.find_after_capture(pending.reference) == NotFound()


def test_a_refund_is_no_sale(bench):
    reference = settled(bench)
    refund = bench.books.refund_in_dashboard(reference, ONE)
    assert bench.gateway.find_after_capture(refund) == NotFound()


# Disputes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("open", DisputeStatus.OPEN),
        ("disputed", DisputeStatus.OPEN),
        ("under_review", DisputeStatus.OPEN),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("accepted", DisputeStatus.LOST),
        ("auto_accepted", DisputeStatus.LOST),
        ("expired", DisputeStatus.LOST),
    ],
)
def test_each_status_of_a_dispute_is_what_it_is_and_says_since_when(bench, status, told):
    reference = settled(bench)
    opened = bench.books.open_dispute(reference, ONE, reason="product_not_received")
    bench.clock.advance(timedelta(days=2))
    bench.books.decide_dispute(opened, status)
    (dispute,) = left(bench, reference).disputes
    assert (dispute.reference, dispute.status, dispute.amount) == (opened, told, POUND)
    assert (dispute.reason, dispute.opened_at, dispute.fee) == ("product_not_received", NOON, None)
    assert dispute.evidence_due_by == datetime(2027, 3, 8, tzinfo=UTC)
    assert dispute.decided_at == (None if told is DisputeStatus.OPEN else NOON + timedelta(days=2))


@pytest.mark.parametrize(
    ("won", "status", "amount"),
    [("0.40", DisputeStatus.LOST, "0.60"), ("1.00", DisputeStatus.WON, "1.00"), ("0.00", DisputeStatus.WON, "1.00")],
)
def test_of_a_dispute_that_is_won_in_part_the_rest_is_lost(bench, won, status, amount):
    reference = settled(bench)
    bench.books.decide_dispute(bench.books.open_dispute(reference, ONE), "won", won=won)
    (dispute,) = left(bench, reference).disputes
    assert (dispute.status, dispute.amount) == (status, Money(amount, "GBP"))


def test_a_bank_that_only_asks_has_no_dispute_and_one_that_comes_back_has_two(bench):
    reference = settled(bench)
    bench.books.open_dispute(reference, kind="retrieval", reason="retrieval")
    assert left(bench, reference).disputes == ()
    first = bench.books.open_dispute(reference)
    bench.books.decide_dispute(first, "won")
    again = bench.books.open_dispute(reference, kind="pre_arbitration")
    told = [(dispute.reference, dispute.status) for dispute in left(bench, reference).disputes]
    assert told == [(first, DisputeStatus.WON), (again, DisputeStatus.OPEN)]


def test_a_dispute_that_makes_no_sense_is_for_a_person(bench):
    reference = settled(bench)
    bench.books.decide_dispute(bench.books.open_dispute(reference), "something_new")
    assert isinstance(bench.gateway.find_after_capture(reference), Indeterminate)


@pytest.mark.parametrize("id_", ["legacy_dispute_id", "my_dispute"])
def test_the_vendors_own_samples_of_disputes_are_understood_in_both_of_their_shapes(bench, id_, monkeypatch):
    """The SDK's samples are the only documents of the vendor that there are."""
    gateway = gateway_at(bench.server.port, SystemClock())
    sdk = gateway._connection.sdk
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK makes its samples with `utcnow`
        sample = sdk.webhook_testing.sample_notification("dispute_lost", id_)
        parsed = sdk.webhook_notification.parse(sample["bt_signature"], sample["bt_payload"]).dispute
    reference = settled(bench)
    sale = sdk.transaction.find(reference)
    sale.disputes = [parsed]
    monkeypatch.setattr(gateway._connection, "transaction", lambda _: sale)
    found = gateway.find_after_capture(reference)
    assert isinstance(found, Found), found
    (dispute,) = found.result.disputes
    assert (dispute.reference, dispute.status) == (id_, DisputeStatus.LOST)
    (notice,) = gateway.notices(urlencode(sample).encode(), {})
    assert (notice.subject, notice.reference, notice.charge_reference) == (NoticeSubject.DISPUTE, id_, id_)


# Cards ------------------------------------------------------------------------------------------------------------


def test_a_card_that_was_deleted_or_is_anothers_is_not_found(bench):
    card, customer_id = saved(bench), bench.gateway.link_customer(ACCOUNT)
    assert bench.gateway.find_saved_card(card, "somebody-else") == NotFound()
    bench.books.delete_in_dashboard(card.token)
    assert bench.gateway.find_saved_card(card, customer_id) == NotFound()


@pytest.mark.parametrize("fault", [WireFault.BEFORE, WireFault.AFTER, WireFault.GARBAGE, WireFault.ERROR])
def test_a_card_is_not_gone_as_long_as_that_is_not_sure(bench, fault):
    card, customer_id = saved(bench), bench.gateway.link_customer(ACCOUNT)
    bench.server.fail_next("find_saved_card", fault)
    assert isinstance(bench.gateway.find_saved_card(card, customer_id), Indeterminate)


# Notices ----------------------------------------------------------------------------------------------------------


def verified(kind: str, subject: dict) -> tuple:
    (notice,) = verified_notices(signed(kind, subject, NOON), PUBLIC_KEY, PRIVATE_KEY, NOON)
    return notice.subject, notice.reference, notice.charge_reference, notice.customer_id


@pytest.mark.parametrize(
    ("kind", "subject", "told"),
    [
        (
            "transaction_settlement_declined",
            {"transaction": {"id": "bt1", "status": "settlement_declined", "customer": {"id": "cus"}}},
            (NoticeSubject.CHARGE, "bt1", "bt1", None),
        ),
        (
            "transaction_disbursed",
            {"transaction": {"id": "bt1", "status": "settled", "customer": {"id": "cus"}}},
            (NoticeSubject.CHARGE, "bt1", "bt1", "cus"),
        ),
        (
            "refund_failed",
            {"transaction": {"id": "bt2", "refunded-transaction-id": "bt1"}},
            (NoticeSubject.REFUND, "bt2", "bt1", None),
        ),
        (
            "dispute_won",
            {"dispute": {"id": "dp1", "transaction": {"id": "bt1"}}},
            (NoticeSubject.DISPUTE, "dp1", "bt1", None),
        ),
    ],
)
def test_each_kind_names_the_sale_and_its_customer(kind, subject, told):
    assert verified(kind, subject) == told


@pytest.mark.parametrize("kind", ["payment_method_revoked_by_customer", "granted_payment_method_revoked"])
def test_a_revoked_card_names_its_customer_and_not_its_token(kind):
    subject, reference, charge, customer = verified(kind, {"paypal-account": {"token": "tok1", "customer-id": "cus"}})
    assert (subject, charge, customer) == (NoticeSubject.CARD, None, "cus")
    assert "tok1" not in reference
