"""Paying back: every outcome, every fault, every moment of a death, and recovery from the log alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import NoReturn

import pytest
from moneyed import Money

from interact_ledger import RefundResult
from interact_ledger.domain import events as e
from interact_ledger.errors import (
    AccountNotEmpty,
    ChargeNotSettled,
    CurrencyMismatch,
    GatewayError,
    GatewayMisconfigured,
    GatewayUnsupported,
    IdempotencyConflict,
    InvalidAmount,
    NotRefundable,
    TransactionNotFound,
)
from interact_ledger.gateways.protocol import NotAttempted, NotFound
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.processes import refunds
from interact_ledger.testing import LedgerKit
from ledger_helpers import at_gateway, events_of, gbp, stored, topics

SEND = timedelta(seconds=60)
SAFE = SEND + timedelta(seconds=10) + timedelta(seconds=60)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


@pytest.fixture
def paid(kit: LedgerKit, account_id: str) -> str:
    """A top-up of £50.00, for which the card paid £60.00."""
    return kit.top_up(account_id, gbp("50.00")).transaction_id


def refund(kit: LedgerKit, account_id: str, paid: str, amount: str | None = "12.00", key: str = "back") -> RefundResult:
    money = None if amount is None else gbp(amount)
    return kit.ledger.refund(account_id, paid, money, "asked for", idempotency_key=key)


def balances(kit: LedgerKit, account_id: str) -> tuple[Decimal, Decimal]:
    balance = kit.ledger.balance(account_id)
    return balance.total.amount, balance.held.amount


def paid_back(kit: LedgerKit) -> Decimal:
    return kit.gateway.refunded_total("GBP").amount


# Outcomes ---------------------------------------------------------------------------------------------------------


def test_a_refund_pays_back_credit_and_tax_in_proportion(kit, account_id, paid):
    result = refund(kit, account_id, paid)
    assert (result.status, result.total, result.credit) == ("succeeded", gbp("12.00"), gbp("10.00"))
    assert [(tax.name, tax.amount) for tax in result.taxes] == [("VAT", gbp("2.00"))]
    assert result.balance == gbp("40.00")
    assert paid_back(kit) == 12
    assert kit.ledger.refundable(account_id, paid) == gbp("48.00")
    assert kit.ledger.audit().findings == ()


def test_what_can_be_paid_back_is_exact_whatever_arithmetic_the_service_has_set(kit, account_id):
    paid = kit.top_up(account_id, gbp("1234.56")).transaction_id
    with localcontext(prec=3):
        refundable = kit.ledger.refundable(account_id, paid)
    assert refundable == gbp("1481.47")


def test_its_intent_is_written_before_the_gateway_is_asked_and_its_outcome_after(kit, account_id, paid):
    before = len(topics(kit, account_id))
    refund(kit, account_id, paid)
    assert topics(kit, account_id)[before:] == ["refund-requested", "refund-attempted", "refunded"]


def test_repeating_it_returns_it_and_pays_nothing_back(kit, account_id, paid):
    first = refund(kit, account_id, paid)
    before = stored(kit), at_gateway(kit)
    assert refund(kit, account_id, paid) == first
    assert kit.ledger.refund_result(account_id, first.refund_id) == first
    assert (stored(kit), at_gateway(kit)) == before


def test_its_key_is_not_taken_for_another_request(kit, account_id, paid):
    refund(kit, account_id, paid)
    for amount in ("12.01", None):
        with pytest.raises(IdempotencyConflict):
            refund(kit, account_id, paid, amount)


def test_partial_refunds_come_to_the_payment_and_no_further(kit, account_id, paid):
    for number in range(7):
        assert refund(kit, account_id, paid, "7.77", f"part {number}").status == "succeeded"
    assert refund(kit, account_id, paid, None, "rest").total == gbp("5.61")
    assert (paid_back(kit), *balances(kit, account_id)) == (60, 0, 0)
    with pytest.raises(NotRefundable, match=r"0\.00 GBP can be paid back now"):
        refund(kit, account_id, paid, "0.01", "more")
    assert kit.ledger.audit().findings == ()


def test_a_declined_refund_gives_its_reservation_back(kit, account_id):
    paid = kit.top_up(account_id, gbp("50.00"), card_token="tok_refund_declined").transaction_id
    result = refund(kit, account_id, paid)
    assert (result.status, result.decline_reason) == ("declined", "method_unusable")
    assert balances(kit, account_id) == (50, 0)


@pytest.mark.parametrize("succeed", [True, False])
def test_a_pending_refund_reserves_until_it_is_decided(kit, account_id, succeed):
    paid = kit.top_up(account_id, gbp("50.00"), card_token="tok_refund_pending").transaction_id
    result = refund(kit, account_id, paid)
    assert (result.status, balances(kit, account_id)) == ("pending", (50, 10))
    kit.gateway.settle(result.gateway_reference, succeed=succeed)
    kit.clock.advance(SEND)
    assert [(one.kind, one.is_over) for one in kit.ledger.recover()] == [("refund", True)]
    assert balances(kit, account_id) == ((40, 0) if succeed else (50, 0))
    assert kit.ledger.recover() == []


def test_an_account_is_not_closed_over_an_open_refund(kit, account_id):
    paid = kit.top_up(account_id, gbp("50.00"), card_token="tok_refund_pending").transaction_id
    refund(kit, account_id, paid)
    with pytest.raises(AccountNotEmpty, match="refunds under way"):
        kit.ledger.close_account(account_id, "left", idempotency_key="close")


# What is refused before anything happens --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (gbp("60.01"), NotRefundable),
        (gbp("0.00"), InvalidAmount),
        (gbp("-1.00"), InvalidAmount),
        (gbp("0.001"), InvalidAmount),
        (Money("1.00", "EUR"), CurrencyMismatch),
    ],
)
def test_an_amount_that_cannot_be_paid_back_is_refused_and_nothing_is_stored_or_sent(
    kit, account_id, paid, amount, error
):
    before = stored(kit), at_gateway(kit)
    with pytest.raises(error) as refused:
        kit.ledger.refund(account_id, paid, amount, "asked for", idempotency_key="back")
    assert refused.value.field == "amount"
    assert (stored(kit), at_gateway(kit)) == before


def test_what_was_never_captured_is_not_found(kit, account_id, paid):
    declined = kit.top_up(account_id, gbp("20.00"), card_token="tok_declined_fraud").transaction_id
    other = kit.account().account_id
    for account, transaction in ((account_id, declined), (account_id, "txn_unknown"), (other, paid)):
        with pytest.raises(TransactionNotFound):
            refund(kit, account, transaction)


def test_a_gateway_that_pays_back_whole_charges_only_is_asked_for_no_part(kit, account_id, paid, monkeypatch):
    monkeypatch.setattr(kit.gateway, "_capabilities", replace(kit.gateway.capabilities, partial_refunds=False))
    before = stored(kit), at_gateway(kit)
    with pytest.raises(GatewayUnsupported, match="whole charges only"):
        refund(kit, account_id, paid)
    assert (stored(kit), at_gateway(kit)) == before
    assert refund(kit, account_id, paid, None, "whole").status == "succeeded"


# Queued until the charge has settled ------------------------------------------------------------------------------


@pytest.fixture
def unsettled(kit: LedgerKit, account_id: str) -> str:
    """A top-up of £50.00, for which the card paid £60.00, and which settles within a day."""
    return kit.top_up(account_id, gbp("50.00"), card_token="tok_settles_in_a_day").transaction_id


def rows_of(kit: LedgerKit) -> dict[str, list[str]]:
    return {table: sorted(map(str, rows)) for table, rows in stored(kit).items()}


def run_due_in(kit: LedgerKit, hours: float) -> list[str]:
    kit.clock.advance(timedelta(hours=hours))
    return [done.outcome for done in kit.ledger.run_due() if done.kind == "queued_refund"]


def not_settled(_: object) -> NoReturn:
    raise ChargeNotSettled("has to settle first", field="amount")


def test_a_refund_that_comes_too_early_waits_with_its_credit_reserved_and_is_paid_once(kit, account_id, unsettled):
    queued = refund(kit, account_id, unsettled)
    assert (queued.status, queued.gateway_reference) == ("queued", None)
    assert balances(kit, account_id) == (50, 10)
    assert run_due_in(kit, 0.5) == []
    assert run_due_in(kit, 1) == ["queued"]
    assert [one.outcome for one in kit.ledger.recover()] == []
    assert run_due_in(kit, 0.5) == []
    assert run_due_in(kit, 24) == ["succeeded"]
    assert run_due_in(kit, 100) == []
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)
    assert refund(kit, account_id, unsettled).status == "succeeded"
    before = rows_of(kit)
    kit.ledger.rebuild()
    assert rows_of(kit) == before
    assert kit.ledger.audit().findings == ()


def test_the_repeat_of_a_queued_refund_tries_at_once(kit, account_id, unsettled):
    assert refund(kit, account_id, unsettled).status == refund(kit, account_id, unsettled).status == "queued"
    kit.clock.advance(timedelta(days=1))
    assert refund(kit, account_id, unsettled).status == "succeeded"
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)


def test_what_waits_is_reserved_for_it_and_an_account_is_not_closed_over_it(kit, account_id, unsettled):
    refund(kit, account_id, unsettled, "48.00")
    with pytest.raises(NotRefundable, match=r"12\.00 GBP can be paid back"):
        refund(kit, account_id, unsettled, "13.00", key="more")
    with pytest.raises(AccountNotEmpty):
        kit.ledger.close_account(account_id, "left", idempotency_key="close")


def test_what_does_not_settle_for_a_week_is_given_back_and_can_be_asked_for_again(kit, account_id, paid, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(kit.gateway, "refund", not_settled)
        refund(kit, account_id, paid)
        outcomes = [outcome for _ in range(100) for outcome in run_due_in(kit, 2)]
    assert outcomes == ["queued"] * 83 + ["not_attempted"]
    assert balances(kit, account_id) == (50, 0)
    assert run_due_in(kit, 100) == []
    assert refund(kit, account_id, paid).status == "succeeded"
    assert kit.ledger.audit().findings == ()


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_queued_refund_whose_answer_is_lost_is_found_or_waits_again(kit, account_id, unsettled, fault):
    refund(kit, account_id, unsettled)
    kit.gateway.fail_next("refund", fault)
    assert run_due_in(kit, 25) == ["unknown"]
    kit.clock.advance(SAFE)
    expected = "queued" if fault is Fault.BEFORE else "succeeded"
    assert [one.outcome for one in kit.ledger.recover()] == [expected]
    run_due_in(kit, 2)
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)


def test_a_queued_refund_of_what_a_dispute_took_meanwhile_ends(kit, account_id, unsettled):
    refund(kit, account_id, unsettled, "24.00")
    charge = kit.ledger.top_up_result(account_id, unsettled).gateway_reference
    dispute = kit.gateway.open_dispute(charge, gbp("60.00"))
    kit.gateway.decide_dispute(dispute.reference, won=False)
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    assert balances(kit, account_id) == (20, 20)
    assert run_due_in(kit, 25) == ["not_attempted"]
    assert (paid_back(kit), *balances(kit, account_id)) == (0, 0, 0)
    assert kit.ledger.audit().findings == ()


def test_a_queued_refund_of_which_an_earlier_attempt_turns_out_to_have_paid_back_is_not_tried_again(
    kit, account_id, unsettled, monkeypatch
):
    queued = refund(kit, account_id, unsettled)
    kit.gateway.fail_next("refund", Fault.AFTER)
    assert run_due_in(kit, 25) == ["unknown"]
    kit.clock.advance(SAFE)
    with monkeypatch.context() as lagging:
        lagging.setattr(kit.gateway, "find_refund", lambda _: NotFound())
        kit.ledger.recover()
        lagging.setattr(kit.gateway, "refund", not_settled)
        assert run_due_in(kit, 2) == ["queued"]
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    assert run_due_in(kit, 2) == []
    assert kit.ledger.refund_result(account_id, queued.refund_id).status == "succeeded"
    assert refund(kit, account_id, unsettled).status == "succeeded"
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)
    assert {finding.code for finding in kit.ledger.audit().findings} == {"refund_late"}


def test_two_processes_that_try_a_queued_refund_at_once_pay_once(kit, account_id, unsettled):
    refund(kit, account_id, unsettled)
    kit.clock.advance(timedelta(hours=25))
    with ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(kit.ledger.run_due) for _ in range(4)]:
            running.result()
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)


def test_what_another_process_ended_while_one_was_about_to_try_it_is_not_tried(kit, account_id, unsettled, monkeypatch):
    queued = refund(kit, account_id, unsettled)

    def slow(*about):
        waiting = load(*about)
        monkeypatch.undo()
        with monkeypatch.context() as broken:
            broken.setattr(kit.gateway, "refund", not_settled)
            assert [outcome for _ in range(100) for outcome in run_due_in(kit, 2)][-1] == "not_attempted"
        assert refund(kit, account_id, unsettled, key="anew").status == "succeeded"
        return waiting

    load = refunds.load
    monkeypatch.setattr(refunds, "load", slow)
    assert refunds.try_queued(kit.ledger._context, account_id, queued.refund_id).status == "not_attempted"
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)


# Faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_lost_answer_is_unknown_and_a_repeat_pays_back_once(kit, account_id, paid, fault):
    kit.gateway.fail_next("refund", fault)
    assert refund(kit, account_id, paid).status == "unknown"
    assert balances(kit, account_id) == (50, 10)
    assert refund(kit, account_id, paid).status == "succeeded"
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)


def test_a_look_up_proves_nothing_if_it_was_made_too_early_and_read_late(kit, account_id, paid, monkeypatch):
    kit.gateway.fail_next("refund", Fault.BEFORE)
    assert refund(kit, account_id, paid).status == "unknown"
    kit.clock.advance(SAFE - timedelta(seconds=1))
    find = kit.gateway.find_refund

    def slow(request):
        found = find(request)
        kit.clock.advance(timedelta(seconds=1))
        return found

    monkeypatch.setattr(kit.gateway, "find_refund", slow)
    assert [one.outcome for one in kit.ledger.recover()] == ["unknown"]
    assert [one.outcome for one in kit.ledger.recover()] == ["not_attempted"]


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_lost_answer_is_settled_by_recovery_once_that_is_proven(kit, account_id, paid, fault):
    kit.gateway.fail_next("refund", fault)
    refund(kit, account_id, paid)
    kit.clock.advance(SAFE - timedelta(seconds=1))
    kit.ledger.recover()
    assert balances(kit, account_id) == ((50, 10) if fault is Fault.BEFORE else (40, 0))
    kit.clock.advance(timedelta(seconds=1))
    kit.ledger.recover()
    assert kit.ledger.recover() == []
    assert balances(kit, account_id) == (50 - paid_back(kit) * 10 / 12, 0)
    assert refund(kit, account_id, paid).status == "succeeded"
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)
    numbers = [attempt.number for attempt in events_of(kit, account_id, e.RefundAttempted)]
    assert numbers == ([1, 2] if fault is Fault.BEFORE else [1])


def test_what_reached_nobody_is_given_back_and_goes_on_with_a_new_attempt(kit, account_id, paid):
    kit.gateway.fail_next("refund", Fault.REFUSED)
    assert refund(kit, account_id, paid).status == "not_attempted"
    assert balances(kit, account_id) == (50, 0)
    assert refund(kit, account_id, paid).status == "succeeded"
    assert paid_back(kit) == 12


def test_what_was_spent_meanwhile_is_not_paid_back_by_a_new_attempt(kit, account_id, paid):
    kit.gateway.fail_next("refund", Fault.REFUSED)
    refund(kit, account_id, paid)
    kit.ledger.adjust(account_id, gbp("-45.00"), "used", idempotency_key="used")
    with pytest.raises(NotRefundable):
        refund(kit, account_id, paid)
    assert kit.ledger.refund_result(account_id, events_of(kit, account_id, e.RefundRequested)[0].operation_id)


def test_a_refusal_after_a_try_that_may_have_arrived_proves_nothing(kit, account_id, paid, monkeypatch):
    kit.gateway.fail_next("refund", Fault.AFTER)
    refund(kit, account_id, paid)
    monkeypatch.setattr(kit.gateway, "refund", lambda _: NotAttempted(why="the connection was refused"))
    assert refund(kit, account_id, paid).status == "unknown"
    monkeypatch.undo()
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)


def test_a_gateway_that_refuses_us_leaves_nothing_reserved(kit, account_id, paid, monkeypatch):
    def refuse(_: object) -> None:
        raise GatewayMisconfigured("the key is wrong")

    monkeypatch.setattr(kit.gateway, "refund", refuse)
    with pytest.raises(GatewayError):
        refund(kit, account_id, paid)
    assert balances(kit, account_id) == (50, 0)


def test_a_sender_that_sleeps_past_its_time_sends_nothing(kit, account_id, paid, monkeypatch):
    real = kit.ledger._context.accounts.history

    def asleep(*arguments: str):
        kit.clock.advance(timedelta(hours=1))
        return real(*arguments)

    monkeypatch.setattr(kit.ledger._context.accounts, "history", asleep)
    assert refund(kit, account_id, paid).status == "unknown"
    monkeypatch.undo()
    assert paid_back(kit) == 0
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert balances(kit, account_id) == (50, 0)


@pytest.mark.parametrize("after", [False, True])
def test_a_death_at_the_gateway_is_recovered_from_and_done_once(kit, account_id, paid, monkeypatch, after):
    real = kit.gateway.refund

    def die(request: object) -> None:
        if after:
            real(request)
        raise Killed

    monkeypatch.setattr(kit.gateway, "refund", die)
    with pytest.raises(Killed):
        refund(kit, account_id, paid)
    monkeypatch.undo()
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert kit.ledger.recover() == []
    assert balances(kit, account_id) == ((40, 0) if after else (50, 0))
    assert refund(kit, account_id, paid).status == "succeeded"
    assert (paid_back(kit), *balances(kit, account_id)) == (12, 40, 0)
    assert kit.ledger.audit().findings == ()


def test_refunds_at_once_never_pay_back_more_than_was_captured(file_kit):
    kit = file_kit
    account_id = kit.account().account_id
    paid = kit.top_up(account_id, gbp("50.00")).transaction_id

    def one(number: int) -> bool:
        try:
            return refund(kit, account_id, paid, "7.00", f"part {number}").status == "succeeded"
        except NotRefundable:
            return False

    with ThreadPoolExecutor(8) as threads:
        done = sum(threads.map(one, range(24)))
    assert done == 8
    assert paid_back(kit) == 56
    assert kit.ledger.audit().findings == ()
