"""Cards at the sandbox: saved, completed, called off, charged later and forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sandbox_helpers import charge, paid, save, saved, saving, statuses

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Cancelled,
    CardResult,
    CardSaved,
    ChargeResult,
    Declined,
    DeclineReason,
    Forgotten,
    Found,
    Initiator,
    NotAttempted,
    NotFound,
    Pending,
    SavedCard,
    Succeeded,
    Unknown,
)
from interact_ledger.gateways.sandbox import Fault, SandboxGateway


def test_an_unsaved_card_leaves_nothing_chargeable(gateway: SandboxGateway) -> None:
    assert paid(gateway).saved_card is None
    assert gateway.saved_cards() == []
    assert gateway.chargeable() == []


def test_a_card_is_saved_while_paying(gateway: SandboxGateway) -> None:
    kept = paid(gateway, save_card=True).saved_card
    assert kept is not None
    assert [card.card_token for card in gateway.saved_cards()] == [kept.token]
    again = paid(gateway, attempt="att_2", source=SavedCard(kept.token), save_card=True)
    assert (again.saved_card, len(gateway.saved_cards())) == (None, 1)
    assert again.card == kept.details


@pytest.mark.parametrize("token", ["tok_authentication_required", "tok_pending", "tok_declined_other"])
def test_a_card_is_not_saved_before_its_payment_succeeds(gateway: SandboxGateway, token: str) -> None:
    charge(gateway, token, save_card=True)
    assert gateway.saved_cards() == []


def test_a_card_is_saved_without_charging(gateway: SandboxGateway) -> None:
    result = save(gateway)
    assert isinstance(result, CardSaved)
    assert save(gateway) == result
    assert gateway.find_card(saving()) == Found(result)
    assert gateway.complete_save(saving(reference=result.reference)) == result
    assert gateway.captured() == []
    assert statuses(gateway) == [("card", "saved")]


def test_saving_goes_on_after_authentication(gateway: SandboxGateway) -> None:
    asked = save(gateway, "tok_authentication_required")
    assert isinstance(asked, ActionRequired)
    assert gateway.complete_save(saving()) == asked
    assert gateway.saved_cards() == []
    gateway.authenticate(asked.reference)
    assert isinstance(gateway.complete_save(saving()), CardSaved)
    assert len(gateway.saved_cards()) == 1


@pytest.mark.parametrize("token", ["tok_declined_expired_card", "tok_authentication_required", "tok_pending"])
def test_a_saving_that_fails_leaves_nothing(gateway: SandboxGateway, token: str) -> None:
    result: ChargeResult | CardResult = save(gateway, token)
    if isinstance(result, ActionRequired):
        result = gateway.authenticate(result.reference, succeed=False)
    if isinstance(result, Pending):
        result = gateway.settle(result.reference, succeed=False)
    assert isinstance(result, Declined)
    assert not result.still_payable
    assert gateway.find_card(saving()) == Found(result)
    assert gateway.chargeable() == []


def test_time_outs_while_saving(gateway: SandboxGateway) -> None:
    assert isinstance(save(gateway, "tok_timeout_before_charging", "sav_1"), Unknown)
    assert gateway.find_card(saving(attempt="sav_1")) == NotFound()
    assert isinstance(save(gateway, "tok_timeout_after_charging", "sav_2"), Unknown)
    found = gateway.find_card(saving(attempt="sav_2"))
    assert isinstance(found, Found)
    assert isinstance(found.result, CardSaved)


def test_completing_a_saving_that_never_was(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.complete_save(saving()), NotAttempted)
    gateway.fail_next("save", Fault.BEFORE)
    save(gateway)
    assert isinstance(gateway.complete_save(saving()), Unknown)


def test_completing_a_saving_can_fail(gateway: SandboxGateway) -> None:
    save(gateway)
    gateway.fail_next("complete_save", Fault.REFUSED)
    gateway.fail_next("complete_save", Fault.AFTER)
    assert isinstance(gateway.complete_save(saving()), Unknown)
    assert isinstance(gateway.complete_save(saving()), Unknown)


def test_a_saving_with_other_parameters_is_refused(gateway: SandboxGateway) -> None:
    save(gateway)
    for other in ({"token": "tok_jcb"}, {"saving_id": "x"}, {"account_id": "acct_2"}, {"customer_id": "cus_2"}):
        with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
            save(gateway, **other)


@pytest.mark.parametrize("token", ["tok_authentication_required", "tok_visa", "tok_declined_authentication_required"])
def test_a_saving_that_was_called_off_saves_no_more(gateway: SandboxGateway, token: str) -> None:
    before = save(gateway, token)
    assert not isinstance(before, NotAttempted | Unknown)
    assert before.reference is not None
    called_off = gateway.cancel_save(saving())
    # What is over already, one way or the other, is only told.
    assert called_off == (Cancelled(reference=before.reference) if isinstance(before, ActionRequired) else before)
    gateway.authenticate(before.reference)
    for answer in (gateway.cancel_save(saving()), gateway.complete_save(saving()), save(gateway, token)):
        assert answer == called_off
    assert gateway.find_card(saving()) == Found(called_off)
    assert len(gateway.saved_cards()) == isinstance(before, CardSaved)


def test_calling_off_a_saving_that_never_arrived_stops_a_sender_that_slept(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.cancel_save(saving()), Cancelled)
    assert isinstance(save(gateway), Cancelled)
    assert gateway.chargeable() == []


def test_a_pending_saving_cannot_be_called_off(gateway: SandboxGateway) -> None:
    pending = save(gateway, "tok_pending")
    assert isinstance(pending, Pending)
    assert gateway.cancel_save(saving()) == pending


def test_calling_off_a_saving_has_no_deadline(gateway: SandboxGateway, clock: MovableClock) -> None:
    save(gateway, "tok_authentication_required")
    clock.advance(timedelta(hours=1))
    assert isinstance(gateway.cancel_save(saving()), Cancelled)


@pytest.mark.parametrize("while_paying", [True, False])
def test_a_forgotten_card_is_charged_no_more(gateway: SandboxGateway, while_paying: bool) -> None:
    kept = paid(gateway, save_card=True).saved_card if while_paying else save(gateway)
    assert isinstance(kept, CardSaved)
    card = SavedCard(kept.token)
    for _ in range(2):
        assert gateway.forget(card, "cus_1") == Forgotten()
    result = charge(gateway, attempt="att_2", source=card)
    assert isinstance(result, Declined)
    assert (result.reason, result.advice) == (DeclineReason.METHOD_UNUSABLE, Advice.NEW_METHOD)
    assert gateway.saved_cards() == []


def test_a_look_up_does_not_bring_a_forgotten_card_back(gateway: SandboxGateway) -> None:
    kept = paid(gateway, save_card=True).saved_card
    assert kept is not None
    gateway.forget(SavedCard(kept.token), "cus_1")
    assert paid(gateway, save_card=True).saved_card is None
    gateway.forget(saved(gateway), "cus_1")
    found = gateway.find_card(saving())
    assert isinstance(found, Found)
    assert isinstance(found.result, Cancelled)


def test_forgetting_what_never_was_is_success(gateway: SandboxGateway) -> None:
    assert gateway.forget(SavedCard("card_nothing"), "cus_1") == Forgotten()


def test_a_saved_card_belongs_to_its_customer(gateway: SandboxGateway) -> None:
    card = saved(gateway)
    result = charge(gateway, source=card, customer_id="cus_2", account_id="acct_2")
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.METHOD_UNUSABLE
    with pytest.raises(GatewayInvalidRequest):
        gateway.forget(card, "cus_2")
    assert len(gateway.saved_cards()) == 1
    assert gateway.captured() == []


def test_a_card_forgotten_during_authentication_does_not_pay(gateway: SandboxGateway) -> None:
    card = saved(gateway, "tok_later_action_required")
    asked = charge(gateway, source=card)
    assert isinstance(asked, ActionRequired)
    gateway.forget(card, "cus_1")
    assert isinstance(gateway.authenticate(asked.reference), Declined)
    assert gateway.captured() == []


@pytest.mark.parametrize(
    ("token", "initiator", "outcome"),
    [
        ("tok_visa", Initiator.UNSCHEDULED, None),
        ("tok_later_declined_off_session", Initiator.UNSCHEDULED, DeclineReason.DO_NOT_HONOUR),
        ("tok_later_declined_off_session", Initiator.RECURRING, DeclineReason.DO_NOT_HONOUR),
        ("tok_later_declined_off_session", Initiator.CUSTOMER, None),
        ("tok_later_insufficient_funds", Initiator.CUSTOMER, DeclineReason.INSUFFICIENT_FUNDS),
        ("tok_later_insufficient_funds", Initiator.RECURRING, DeclineReason.INSUFFICIENT_FUNDS),
        ("tok_later_authentication_required", Initiator.RECURRING, DeclineReason.AUTHENTICATION_REQUIRED),
        ("tok_later_authentication_required", Initiator.CUSTOMER, ActionRequired),
        ("tok_later_action_required", Initiator.UNSCHEDULED, ActionRequired),
        ("tok_later_action_required", Initiator.CUSTOMER, ActionRequired),
    ],
)
def test_a_saved_card_may_give_trouble_later(
    gateway: SandboxGateway, token: str, initiator: Initiator, outcome: DeclineReason | type | None
) -> None:
    kept = paid(gateway, source=token, save_card=True).saved_card
    assert kept is not None
    result = charge(gateway, attempt="att_2", source=SavedCard(kept.token), initiator=initiator)
    if isinstance(outcome, DeclineReason):
        assert isinstance(result, Declined)
        assert result.reason is outcome
    else:
        assert isinstance(result, outcome or Succeeded)


def test_the_customer_completes_the_payment_that_was_declined_off_session(gateway: SandboxGateway) -> None:
    card = saved(gateway, "tok_later_authentication_required")
    declined = charge(gateway, source=card, initiator=Initiator.UNSCHEDULED)
    assert isinstance(declined, Declined)
    assert declined.advice is Advice.CUSTOMER_PRESENT
    assert declined.reference is not None
    assert isinstance(gateway.authenticate(declined.reference), Succeeded)
