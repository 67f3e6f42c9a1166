"""Top-ups through the gateway: every outcome, every fault, repeated under one key, and never a second charge."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interact_ledger import Ledger, TopUpResult
from interact_ledger.clock import MovableClock
from interact_ledger.domain import events as e
from interact_ledger.errors import CardRemoved, ConfigurationError, GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.protocol import Succeeded
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import at_gateway, available, events_of, gbp, pay, saved, stored, topics

SAFE = timedelta(seconds=60 + 10 + 60)
"""The settings' `send_within`, and how long the sandbox says that a request may still take effect."""


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


def repeat(kit: LedgerKit, account_id: str, token: str = "tok_visa", key: str = "pay", **how: object) -> TopUpResult:
    """Repeat the first payment exactly."""
    quote_id = events_of(kit, account_id, e.CheckoutQuoted)[0].quote_id
    how = how or {"card_token": token}
    return kit.ledger.top_up(account_id, quote_id, idempotency_key=key, **how)


def charged_once(kit: LedgerKit, account_id: str) -> bool:
    one = kit.gateway.captured_total("GBP") == gbp("60.00") and len(kit.gateway.captured()) == 1
    return one and available(kit, account_id) == gbp("50.00")


def charged_never(kit: LedgerKit, account_id: str) -> bool:
    nothing = kit.gateway.captured() == [] and kit.gateway.chargeable() == []
    return nothing and available(kit, account_id) == gbp("0") and kit.ledger.balance(account_id).pending == gbp("0")


# Decided at once --------------------------------------------------------------------------------------------------


def test_a_payment_writes_its_intent_before_and_its_outcome_after_the_gateway(kit, account_id):
    pay(kit, account_id)
    assert topics(kit, account_id) == [
        "account-opened",
        "checkout-quoted",
        "top-up-requested",
        "payment-attempted",
        "gateway-customer-linked",
        "payment-begun",
        "payment-captured",
    ]


@pytest.mark.parametrize(
    ("token", "reason", "advice"),
    [
        ("tok_declined_insufficient_funds", "insufficient_funds", "later"),
        ("tok_declined_expired_card", "expired_card", "new_method"),
        ("tok_declined_incorrect_details", "incorrect_details", "new_method"),
        ("tok_declined_lost_or_stolen", "lost_or_stolen", "never"),
        ("tok_declined_fraud", "fraud", "never"),
        ("tok_declined_authentication_required", "authentication_required", "customer_present"),
        ("tok_declined_authentication_failed", "authentication_failed", "customer_present"),
        ("tok_declined_method_unusable", "method_unusable", "new_method"),
        ("tok_declined_limit_exceeded", "limit_exceeded", "later"),
        ("tok_declined_do_not_honour", "do_not_honour", "later"),
        ("tok_declined_other", "other", "new_method"),
    ],
)
def test_a_declined_payment_says_why_and_cannot_be_paid_in_an_old_tab(kit, account_id, token, reason, advice):
    result = pay(kit, account_id, card_token=token)
    assert (result.status, result.decline_reason, result.decline_advice) == ("declined", reason, advice)
    late = kit.gateway.pay_in_browser(result.gateway_reference, "tok_visa")
    assert not isinstance(late, Succeeded)
    assert charged_never(kit, account_id)
    assert topics(kit, account_id)[-3:] == ["payment-cancel-requested", "payment-declined", "payment-cancelled"]


def test_repeating_a_declined_payment_returns_the_decline_and_charges_nothing(kit, account_id):
    first = pay(kit, account_id, card_token="tok_declined_fraud")
    before = stored(kit), at_gateway(kit)
    assert repeat(kit, account_id, "tok_declined_fraud") == first
    assert (stored(kit), at_gateway(kit)) == before


def test_repeating_a_payment_returns_its_result_and_charges_nothing(kit, account_id):
    first = pay(kit, account_id)
    before = stored(kit), at_gateway(kit)
    for _ in range(3):
        assert repeat(kit, account_id) == first
    assert (stored(kit), at_gateway(kit)) == before
    assert charged_once(kit, account_id)


def test_a_capture_of_another_amount_is_never_credited_and_stays_to_be_looked_at(kit, account_id):
    result = pay(kit, account_id, card_token="tok_captures_less")
    assert (result.status, available(kit, account_id)) == ("mismatched", gbp("0"))
    (mismatch,) = events_of(kit, account_id, e.CaptureMismatched)
    assert (str(mismatch.expected_amount), str(mismatch.captured_amount)) == ("60.00", "59.99")
    before = stored(kit)
    assert repeat(kit, account_id, "tok_captures_less").status == "mismatched"
    assert kit.ledger.recover() == []
    assert stored(kit) == before


def test_a_card_saved_by_a_mismatched_capture_is_known_and_can_be_removed(kit, account_id):
    pay(kit, account_id, card_token="tok_captures_less", save_card=True)
    (card,) = kit.ledger.cards(account_id)
    assert len(kit.gateway.saved_cards()) == 1
    kit.ledger.remove_card(account_id, card.card_id, idempotency_key="remove")
    assert kit.gateway.chargeable() == []


# Decided later ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("succeed", "status"), [(True, "succeeded"), (False, "declined")])
def test_a_pending_payment_is_settled_by_asking(kit, account_id, succeed, status):
    pending = pay(kit, account_id, card_token="tok_pending")
    assert repeat(kit, account_id, "tok_pending").status == "pending"
    kit.gateway.settle(pending.gateway_reference, succeed=succeed)
    assert kit.ledger.complete(account_id, pending.transaction_id).status == status
    assert charged_once(kit, account_id) if succeed else charged_never(kit, account_id)


def test_asking_about_a_pending_payment_records_nothing_new(kit, account_id):
    pending = pay(kit, account_id, card_token="tok_pending")
    before = stored(kit)
    assert kit.ledger.complete(account_id, pending.transaction_id).status == "pending"
    assert kit.ledger.top_up_result(account_id, pending.transaction_id).status == "pending"
    kit.clock.advance(SAFE)
    assert [(one.outcome, one.is_over) for one in kit.ledger.recover()] == [("pending", False)]
    assert stored(kit) == before


def test_a_customer_authenticates_and_the_payment_is_completed(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required", save_card=True)
    assert asked.status == "action_required"
    assert asked.client_secret
    assert asked.client_secret not in repr(asked)
    assert asked.action_expires_at == START + timedelta(hours=1)
    assert kit.ledger.complete(account_id, asked.transaction_id).client_secret == asked.client_secret
    kit.gateway.authenticate(asked.gateway_reference)
    done = kit.ledger.complete(account_id, asked.transaction_id)
    assert (done.status, done.client_secret) == ("succeeded", None)
    assert done.saved_card == kit.ledger.cards(account_id)[0]
    assert charged_once(kit, account_id)


def test_the_client_secret_is_fetched_again_and_stored_nowhere(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    assert repeat(kit, account_id, "tok_authentication_required").client_secret == asked.client_secret
    assert kit.ledger.top_up_result(account_id, asked.transaction_id).client_secret is None
    assert asked.client_secret not in str(stored(kit))


def test_a_customer_who_fails_to_authenticate_is_declined_and_nothing_can_be_paid_afterwards(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    kit.gateway.authenticate(asked.gateway_reference, succeed=False)
    done = kit.ledger.complete(account_id, asked.transaction_id)
    assert (done.status, done.decline_reason) == ("declined", "authentication_failed")
    kit.gateway.pay_in_browser(asked.gateway_reference, "tok_visa")
    kit.gateway.authenticate(asked.gateway_reference)
    assert charged_never(kit, account_id)


def test_a_customer_who_authenticates_too_late_finds_the_payment_expired(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    kit.clock.set(asked.action_expires_at)
    assert [(one.outcome, one.is_over) for one in kit.ledger.recover()] == [("expired", True)]
    kit.gateway.authenticate(asked.gateway_reference)
    kit.gateway.pay_in_browser(asked.gateway_reference, "tok_visa")
    assert kit.ledger.complete(account_id, asked.transaction_id).status == "expired"
    assert charged_never(kit, account_id)


def test_a_customer_who_authenticated_before_the_expiry_is_credited_after_it(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    kit.gateway.authenticate(asked.gateway_reference)
    kit.clock.set(asked.action_expires_at)
    assert [one.outcome for one in kit.ledger.recover()] == ["succeeded"]
    assert charged_once(kit, account_id)


def test_until_it_expires_a_payment_that_waits_for_authentication_is_left_alone(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    kit.clock.set(asked.action_expires_at - timedelta(seconds=1))
    assert [one.outcome for one in kit.ledger.recover()] == ["not due yet"]
    assert kit.ledger.complete(account_id, asked.transaction_id).status == "action_required"


# Called off -------------------------------------------------------------------------------------------------------


def test_a_payment_that_waits_for_the_customer_can_be_called_off(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    assert kit.ledger.cancel(account_id, asked.transaction_id).status == "cancelled"
    kit.gateway.authenticate(asked.gateway_reference)
    assert charged_never(kit, account_id)
    before = stored(kit)
    assert kit.ledger.cancel(account_id, asked.transaction_id).status == "cancelled"
    assert repeat(kit, account_id, "tok_authentication_required").status == "cancelled"
    assert stored(kit) == before


def test_a_payment_that_is_over_stays_as_it_is_when_called_off(kit, account_id):
    paid = pay(kit, account_id)
    before = stored(kit)
    assert kit.ledger.cancel(account_id, paid.transaction_id).status == "succeeded"
    assert stored(kit) == before


def test_a_payment_that_was_paid_while_it_was_called_off_is_credited(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    kit.gateway.authenticate(asked.gateway_reference)
    assert kit.ledger.cancel(account_id, asked.transaction_id).status == "succeeded"
    assert charged_once(kit, account_id)


@pytest.mark.parametrize(("succeed", "status"), [(True, "succeeded"), (False, "cancelled")])
def test_a_pending_payment_that_was_called_off_ends_as_the_gateway_decides(kit, account_id, succeed, status):
    pending = pay(kit, account_id, card_token="tok_pending")
    assert kit.ledger.cancel(account_id, pending.transaction_id).status == "pending"
    assert kit.ledger.cancel(account_id, pending.transaction_id).status == "pending"
    kit.gateway.settle(pending.gateway_reference, succeed=succeed)
    kit.clock.advance(SAFE)
    assert [(one.outcome, one.is_over) for one in kit.ledger.recover()] == [(status, True)]
    assert charged_once(kit, account_id) if succeed else charged_never(kit, account_id)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.REFUSED])
def test_a_cancellation_that_the_gateway_did_not_confirm_is_tried_again_until_it_does(kit, account_id, fault):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    kit.gateway.fail_next("cancel", fault)
    assert kit.ledger.cancel(account_id, asked.transaction_id).status == "action_required"
    kit.clock.set(asked.action_expires_at)
    assert [(one.outcome, one.is_over) for one in kit.ledger.recover()] == [("cancelled", True)]
    assert charged_never(kit, account_id)


# A gateway that cannot be reached, or refuses us ------------------------------------------------------------------


def test_a_payment_that_surely_reached_nobody_goes_on_with_a_new_attempt_under_the_same_key(kit, account_id):
    kit.gateway.fail_next("charge", Fault.REFUSED)
    first = pay(kit, account_id)
    assert first.status == "not_attempted"
    assert charged_never(kit, account_id)
    second = repeat(kit, account_id)
    assert (second.status, second.transaction_id) == ("succeeded", first.transaction_id)
    assert [attempt.number for attempt in events_of(kit, account_id, e.PaymentAttempted)] == [1, 2]
    assert charged_once(kit, account_id)


def test_a_payment_that_could_not_be_begun_goes_on_too(kit, account_id):
    kit.gateway.fail_next("begin", Fault.REFUSED)
    assert pay(kit, account_id).status == "not_attempted"
    assert repeat(kit, account_id).status == "succeeded"
    assert charged_once(kit, account_id)


def test_a_token_that_the_gateway_does_not_know_charges_nothing_and_can_be_repeated(kit, account_id):
    with pytest.raises(GatewayInvalidRequest):
        pay(kit, account_id, card_token="tok_of_nobody")
    assert charged_never(kit, account_id)
    with pytest.raises(GatewayInvalidRequest):
        repeat(kit, account_id, "tok_of_nobody")
    assert charged_never(kit, account_id)
    assert topics(kit, account_id)[-1] == "payment-cancelled"


def test_a_customer_whom_the_gateway_cannot_link_is_not_charged_and_can_try_again(kit, account_id):
    kit.gateway.fail_next("link_customer", Fault.BEFORE)
    with pytest.raises(GatewayError):
        pay(kit, account_id)
    assert charged_never(kit, account_id)
    assert repeat(kit, account_id).status == "succeeded"
    assert charged_once(kit, account_id)


def test_a_saved_card_that_was_removed_meanwhile_is_not_attempted_again(kit, account_id):
    card_id = saved(kit, account_id)
    kit.gateway.fail_next("charge", Fault.REFUSED)
    pay(kit, account_id, card_id=card_id)
    kit.ledger.remove_card(account_id, card_id, idempotency_key="remove")
    before = stored(kit), at_gateway(kit)
    with pytest.raises(CardRemoved):
        repeat(kit, account_id, card_id=card_id)
    assert (stored(kit), at_gateway(kit)) == before


def test_a_ledger_opened_without_the_gateway_of_a_payment_says_so(tmp_path):
    clock = MovableClock(START)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_id = kit.account().account_id
        pending = pay(kit, account_id, card_token="tok_pending")
    clock.advance(SAFE)
    with Ledger.open(url, gateways=[], clock=clock) as ledger:
        with pytest.raises(ConfigurationError, match="'sandbox' is needed"):
            ledger.complete(account_id, pending.transaction_id)
        (recovered,) = ledger.recover()
        assert (recovered.is_over, recovered.subject) == (False, pending.transaction_id)
        assert recovered.outcome.startswith("configuration_error: ")


def test_two_gateways_of_one_name_are_refused():
    with SandboxGateway() as one, SandboxGateway() as other, pytest.raises(ConfigurationError, match="same gateway_id"):
        Ledger.open("sqlite://", gateways=[one, other])
