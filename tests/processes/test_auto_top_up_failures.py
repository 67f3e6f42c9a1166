"""What a failed auto top-up means: waits, pauses, and how it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automatic_helpers import (
    AGREED,
    attempts,
    auto,
    charged_as,
    due,
    spend,
    with_auto_top_up,
    with_monthly_recharge,
    with_other,
)
from interact_ledger.domain import auto_top_up
from interact_ledger.domain import events as e
from interact_ledger.errors import (
    AccountNotEmpty,
    AutomaticPaymentNotFound,
    CardRemoved,
)
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, LedgerKit
from ledger_helpers import events_of, gbp, pay, saved, stored, topics

RETRY = timedelta(hours=6)
UNSENT_RETRY = timedelta(minutes=5)
SAFE = timedelta(seconds=60 + 10 + 60)


# Failures ---------------------------------------------------------------------------------------------------------


def test_a_card_that_says_later_is_tried_after_waits_that_double_and_paused_after_three(kit):
    account_id, _ = with_auto_top_up(kit, "tok_later_insufficient_funds")
    spend(kit, account_id, "6.00")
    assert due(kit) == ["declined"]
    kit.clock.advance(RETRY - timedelta(seconds=1))
    assert due(kit) == []
    kit.clock.advance(timedelta(seconds=1))
    assert due(kit) == ["declined"]
    kit.clock.advance(2 * RETRY - timedelta(seconds=1))
    assert due(kit) == []
    kit.clock.advance(timedelta(seconds=1))
    assert due(kit) == ["declined"]
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("paused", "failures")
    assert [failed.failures for failed in events_of(kit, account_id, e.AutoTopUpFailed)] == [1, 2, 3]
    assert due(kit, START + timedelta(days=300)) == []
    assert kit.gateway.captured() == []
    assert kit.ledger.audit().clean


def test_what_a_decline_means_stands_in_the_append_of_the_decline(kit):
    account_id, _ = with_auto_top_up(kit, "tok_later_insufficient_funds")
    spend(kit, account_id, "6.00")
    due(kit)
    history = kit.ledger.history(account_id, limit=1000)
    position = next(i for i, one in enumerate(history) if isinstance(one.event, e.PaymentDeclined))
    assert [type(one.event) for one in history[position : position + 2]] == [e.PaymentDeclined, e.AutoTopUpFailed]


def test_a_payment_that_succeeds_ends_the_row_of_failures(kit, monkeypatch):
    account_id, _ = with_auto_top_up(kit, "tok_later_insufficient_funds")
    spend(kit, account_id, "6.00")
    for _ in range(2):
        due(kit)
        kit.clock.advance(2 * RETRY)
    monkeypatch.setattr(kit.gateway, "charge", charged_as(kit, "tok_visa"))
    assert due(kit) == ["succeeded"]
    assert auto(kit, account_id).failures == 0


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("tok_later_authentication_required", "authentication"),
        ("tok_later_action_required", "authentication"),
    ],
)
def test_a_card_that_wants_its_owner_pauses_it_at_once(kit, token, reason):
    account_id, _ = with_auto_top_up(kit, token)
    spend(kit, account_id, "6.00")
    due(kit)
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("paused", reason)
    assert due(kit, START + timedelta(days=3)) == []


def test_the_owner_completes_the_very_payment_and_it_goes_on(kit):
    account_id, _ = with_auto_top_up(kit, "tok_later_action_required")
    spend(kit, account_id, "6.00")
    assert due(kit) == ["action_required"]
    under_way = kit.ledger.automatic_payments(account_id).under_way
    result = kit.ledger.complete(account_id, under_way)
    assert (result.status, result.client_secret is None) == ("action_required", False)
    kit.gateway.authenticate(result.gateway_reference)
    assert kit.ledger.complete(account_id, under_way).status == "succeeded"
    assert auto(kit, account_id).status == "enabled"
    assert len(attempts(kit, account_id)) == 1


def test_a_payment_that_nobody_completes_is_called_off_and_it_stays_paused(kit):
    account_id, _ = with_auto_top_up(kit, "tok_later_action_required")
    spend(kit, account_id, "6.00")
    due(kit)
    kit.clock.advance(timedelta(hours=2))
    kit.ledger.recover()
    assert kit.ledger.automatic_payments(account_id).under_way is None
    assert auto(kit, account_id).status == "paused"
    assert len([intent for intent in kit.gateway.chargeable() if intent.kind == "payment"]) == 0


def test_a_card_that_will_never_pay_pauses_it_at_once(kit, monkeypatch):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    monkeypatch.setattr(kit.gateway, "charge", charged_as(kit, "tok_declined_lost_or_stolen"))
    assert due(kit) == ["declined"]
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("paused", "card_refused")
    assert events_of(kit, account_id, e.AutoTopUpFailed)[0].failures == 1
    assert kit.ledger.audit().clean


def test_a_gateway_that_is_not_reached_is_no_failure_and_is_asked_less_and_less_often(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    waits = [UNSENT_RETRY * factor for factor in (1, 2, 4, 8, 16)]
    kit.gateway.fail_next("charge", Fault.REFUSED, times=len(waits))
    for wait in waits:
        assert due(kit) == ["not_attempted"]
        assert auto(kit, account_id).failures == 0
        kit.clock.advance(wait - timedelta(seconds=1))
        assert due(kit) == []
        kit.clock.advance(timedelta(seconds=1))
        kit.ledger.recover()
    assert due(kit) == ["succeeded"]
    assert kit.ledger.audit().clean


def test_a_run_that_was_killed_before_it_charged_is_no_failure(kit, monkeypatch):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(kit.gateway, "begin", killed)
        with pytest.raises(Killed):
            kit.ledger.run_due()
    assert due(kit) == []
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert auto(kit, account_id).failures == 0
    kit.clock.advance(UNSENT_RETRY)
    assert due(kit) == ["succeeded"]


def test_a_capture_of_another_amount_pauses_it(kit, monkeypatch):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    monkeypatch.setattr(kit.gateway, "charge", charged_as(kit, "tok_captures_less"))
    assert due(kit) == ["mismatched"]
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("paused", "mismatched")
    assert due(kit, START + timedelta(days=1)) == []


def test_one_that_the_customer_calls_off_pauses_it(kit):
    account_id, _ = with_auto_top_up(kit, "tok_later_action_required")
    spend(kit, account_id, "6.00")
    due(kit)
    kit.ledger.resume_auto_top_up(account_id)
    kit.ledger.cancel(account_id, kit.ledger.automatic_payments(account_id).under_way)
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("paused", "cancelled")


def test_a_gateway_that_the_ledger_was_opened_without_keeps_nobody_else_waiting(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    with_monthly_recharge(kit)
    bare = with_other(kit, gateways={})
    before = stored(kit)
    assert all(done.outcome.startswith("configuration_error") for done in bare.run_due())
    assert stored(kit) == before
    assert due(kit) == ["succeeded"]


# Going on, and stopping -------------------------------------------------------------------------------------------


def paused(kit: LedgerKit, token: str = "tok_later_insufficient_funds") -> tuple[str, str]:
    account_id, card_id = with_auto_top_up(kit, token)
    spend(kit, account_id, "6.00")
    for _ in range(3):
        due(kit)
        kit.clock.advance(4 * RETRY)
    assert auto(kit, account_id).status == "paused"
    return account_id, card_id


def test_somebody_may_resume_it_and_it_is_tried_at_once(kit):
    account_id, _ = paused(kit)
    assert kit.ledger.resume_auto_top_up(account_id).auto_top_up.status == "enabled"
    version = kit.ledger.account(account_id).version
    kit.ledger.resume_auto_top_up(account_id)
    assert kit.ledger.account(account_id).version == version
    assert due(kit) == ["declined"]
    assert auto(kit, account_id).failures == 1


def test_another_card_may_take_over_and_only_by_a_new_agreement(kit):
    account_id, _ = paused(kit)
    good = saved(kit, account_id, "tok_mastercard", "good")
    assert due(kit) == []
    kit.ledger.enable_auto_top_up(account_id, card_id=good, **AGREED)
    assert due(kit) == ["succeeded"]
    assert [attempt.card_id for attempt in attempts(kit, account_id)[3:]] == [good]


def test_after_failures_a_payment_by_hand_with_any_card_resumes_it(kit):
    account_id, _ = paused(kit)
    pay(kit, account_id)
    assert auto(kit, account_id).status == "enabled"
    assert events_of(kit, account_id, e.AutoTopUpResumed)[0].operation_id is not None


def test_a_decline_of_a_card_that_was_replaced_meanwhile_is_no_failure_of_the_new_one(kit):
    account_id, _ = with_auto_top_up(kit, "tok_later_action_required")
    spend(kit, account_id, "6.00")
    due(kit)
    good = saved(kit, account_id, "tok_mastercard", "good")
    kit.ledger.enable_auto_top_up(account_id, card_id=good, **AGREED)
    under_way = kit.ledger.automatic_payments(account_id).under_way
    kit.gateway.authenticate(kit.ledger.complete(account_id, under_way).gateway_reference, succeed=False)
    assert kit.ledger.complete(account_id, under_way).status == "declined"
    assert (auto(kit, account_id).status, auto(kit, account_id).failures) == ("enabled", 0)


def test_a_payment_by_hand_that_fails_resumes_nothing(kit):
    account_id, _ = paused(kit)
    pay(kit, account_id, card_token="tok_declined_fraud")
    assert auto(kit, account_id).status == "paused"


def test_a_card_that_wants_its_owner_is_believed_again_only_when_it_pays_itself(kit):
    account_id, card_id = paused(kit, "tok_later_authentication_required")
    pay(kit, account_id)
    assert auto(kit, account_id).status == "paused"
    asked = pay(kit, account_id, "own", card_id=card_id)
    kit.gateway.authenticate(asked.gateway_reference)
    kit.ledger.complete(account_id, asked.transaction_id)
    assert auto(kit, account_id).status == "enabled"


def test_removing_the_card_pauses_it_in_the_same_append_and_no_other_card_is_charged(kit):
    account_id, card_id = with_auto_top_up(kit)
    saved(kit, account_id, "tok_mastercard", "other")
    kit.ledger.remove_card(account_id, card_id, idempotency_key="x")
    at_removal = topics(kit, account_id).index("card-removal-requested")
    assert topics(kit, account_id)[at_removal + 1] == "auto-top-up-paused"
    spend(kit, account_id, "6.00")
    assert due(kit, START + timedelta(days=1)) == []
    assert kit.gateway.captured() == []
    with pytest.raises(CardRemoved):
        kit.ledger.resume_auto_top_up(account_id)
    pay(kit, account_id)
    assert auto(kit, account_id).stopped_by == "card_removed"


def test_a_card_that_the_gateway_keeps_no_more_ends_what_charges_it_in_the_same_append(kit):
    account_id, card_id = with_auto_top_up(kit)
    kit.gateway.detach_card(kit.ledger._account(account_id).cards[card_id].token)
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    told = topics(kit, account_id)
    assert told[told.index("card-detached") + 1] == "auto-top-up-paused"
    assert auto(kit, account_id).stopped_by == "card_removed"
    assert kit.ledger.audit().clean


def taken_back(kit, account_id: str, what: str) -> None:
    """Have a payment of the account, from another card, disputed, or its settlement fail."""
    charge = pay(kit, account_id).gateway_reference
    getattr(kit.gateway, what)(charge)
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)


@pytest.mark.parametrize(
    ("what", "reason", "topic"),
    [("open_dispute", "disputed", "dispute-opened"), ("reverse_settlement", "reversed", "payment-reversed")],
)
def test_a_payment_that_is_taken_back_pauses_it_in_the_same_append_until_somebody_acts(kit, what, reason, topic):
    account_id, _ = with_auto_top_up(kit)
    taken_back(kit, account_id, what)
    told = topics(kit, account_id)
    assert told[told.index(topic) + 1] == "auto-top-up-paused"
    assert auto(kit, account_id).stopped_by == reason
    assert due(kit, START + timedelta(days=40)) == []
    pay(kit, account_id, key="again")
    assert auto(kit, account_id).stopped_by == reason
    kit.ledger.resume_auto_top_up(account_id)
    assert auto(kit, account_id).status == "enabled"
    assert kit.ledger.audit().clean


def test_what_was_paused_for_declines_and_is_disputed_is_not_resumed_by_a_payment(kit):
    account_id, _ = with_auto_top_up(kit)
    kit.ledger._context.transact(account_id, lambda account, _: auto_top_up.pause(account, e.StopReason.FAILURES))
    taken_back(kit, account_id, "open_dispute")
    pay(kit, account_id, key="again")
    assert auto(kit, account_id).stopped_by == "disputed"


def test_removing_another_card_changes_nothing(kit):
    account_id, _ = with_auto_top_up(kit)
    kit.ledger.remove_card(account_id, saved(kit, account_id, "tok_mastercard", "other"), idempotency_key="x")
    assert auto(kit, account_id).status == "enabled"


def test_a_suspended_account_is_not_charged_until_it_is_reinstated(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    kit.ledger.suspend(account_id, "why")
    assert kit.ledger.audit().clean, "it is off the agenda"
    assert due(kit) == []
    kit.ledger.reinstate(account_id, "well")
    assert due(kit) == ["succeeded"]


def test_disabling_it_stops_it_and_can_be_repeated(kit):
    account_id, card_id = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    assert kit.ledger.disable_auto_top_up(account_id).auto_top_up.stopped_by == "requested"
    version = kit.ledger.account(account_id).version
    kit.ledger.disable_auto_top_up(account_id)
    assert kit.ledger.account(account_id).version == version
    assert due(kit) == []
    with pytest.raises(AutomaticPaymentNotFound):
        kit.ledger.resume_auto_top_up(account_id)
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
    assert due(kit) == ["succeeded"]


def test_closing_the_account_ends_it(kit):
    account_id, card_id = with_auto_top_up(kit)
    with pytest.raises(AccountNotEmpty):
        kit.ledger.close_account(account_id, "bye", idempotency_key="c")
    kit.ledger.remove_card(account_id, card_id, idempotency_key="x")
    kit.ledger.adjust(account_id, gbp("-20.00"), "bye", idempotency_key="a")
    kit.ledger.close_account(account_id, "bye", idempotency_key="c")
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("disabled", "account_closed")
    assert due(kit, START + timedelta(days=1)) == []
    assert kit.ledger.audit().clean
