"""Saving a card without charging it, and having the gateway forget one: every outcome and every fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from interact_ledger import CardSavingResult
from interact_ledger.domain import events as e
from interact_ledger.errors import GatewayError, GatewayInvalidRequest, TransactionNotFound
from interact_ledger.gateways.protocol import NotAttempted
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, LedgerKit
from ledger_helpers import at_gateway, events_of, pay, saved, stored, topics

SAFE = timedelta(seconds=60 + 10 + 60)


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


def save(kit: LedgerKit, account_id: str, token: str = "tok_visa") -> CardSavingResult:
    return kit.ledger.save_card(account_id, token, idempotency_key="save")


def nothing_is_kept(kit: LedgerKit, account_id: str) -> bool:
    return kit.ledger.cards(account_id) == () and kit.gateway.chargeable() == []


def one_is_kept(kit: LedgerKit, account_id: str) -> bool:
    return len(kit.ledger.cards(account_id)) == 1 == len(kit.gateway.saved_cards()) == len(kit.gateway.chargeable())


# Saving -----------------------------------------------------------------------------------------------------------


def test_a_card_is_saved_without_a_charge(kit, account_id):
    result = save(kit, account_id, "tok_visa_debit")
    assert (result.status, result.card) == ("succeeded", kit.ledger.cards(account_id)[0])
    assert (result.card.brand, result.card.last_four, result.card.funding) == ("visa", "5556", "debit")
    assert (result.card.expiry_month, result.card.expiry_year, result.card.is_default) == (12, 2039, True)
    assert kit.gateway.captured() == []
    assert one_is_kept(kit, account_id)


def test_a_saving_writes_its_intent_before_and_its_outcome_after_the_gateway(kit, account_id):
    save(kit, account_id)
    assert topics(kit, account_id)[1:] == [
        "card-saving-requested",
        "card-saving-attempted",
        "gateway-customer-linked",
        "card-saved",
    ]


def test_repeating_a_saving_returns_its_card_and_saves_no_other(kit, account_id):
    first = save(kit, account_id)
    before = stored(kit), at_gateway(kit)
    assert save(kit, account_id) == first
    assert (stored(kit), at_gateway(kit)) == before


def test_a_declined_card_is_not_saved(kit, account_id):
    result = save(kit, account_id, "tok_declined_fraud")
    assert (result.status, result.decline_reason, result.card) == ("declined", "fraud", None)
    assert save(kit, account_id, "tok_declined_fraud") == result
    assert nothing_is_kept(kit, account_id)


@pytest.mark.parametrize(("succeed", "status"), [(True, "succeeded"), (False, "declined")])
def test_a_customer_authenticates_or_fails_to_and_the_saving_is_completed(kit, account_id, succeed, status):
    asked = save(kit, account_id, "tok_authentication_required")
    assert (asked.status, asked.action_expires_at) == ("action_required", START + timedelta(hours=1))
    assert asked.client_secret
    assert asked.client_secret not in repr(asked) + str(stored(kit))
    assert save(kit, account_id, "tok_authentication_required").client_secret == asked.client_secret
    assert kit.ledger.complete_saving(account_id, asked.saving_id).status == "action_required"
    kit.gateway.authenticate(asked.gateway_reference, succeed=succeed)
    assert kit.ledger.complete_saving(account_id, asked.saving_id).status == status
    assert one_is_kept(kit, account_id) if succeed else nothing_is_kept(kit, account_id)


def test_a_customer_who_authenticates_a_saving_too_late_finds_it_expired(kit, account_id):
    asked = save(kit, account_id, "tok_authentication_required")
    kit.clock.set(asked.action_expires_at)
    assert [(one.kind, one.outcome) for one in kit.ledger.recover()] == [("card_saving", "expired")]
    kit.gateway.authenticate(asked.gateway_reference)
    assert kit.ledger.complete_saving(account_id, asked.saving_id).status == "expired"
    assert nothing_is_kept(kit, account_id)


@pytest.mark.parametrize(("succeed", "status"), [(True, "succeeded"), (False, "declined")])
def test_a_pending_saving_is_settled_by_asking(kit, account_id, succeed, status):
    pending = save(kit, account_id, "tok_pending")
    assert pending.status == save(kit, account_id, "tok_pending").status == "pending"
    kit.gateway.settle(pending.gateway_reference, succeed=succeed)
    assert kit.ledger.complete_saving(account_id, pending.saving_id).status == status
    assert one_is_kept(kit, account_id) if succeed else nothing_is_kept(kit, account_id)


def test_a_saving_that_is_called_off_cannot_be_completed(kit, account_id):
    asked = save(kit, account_id, "tok_authentication_required")
    for _ in range(2):
        assert kit.ledger.cancel_saving(account_id, asked.saving_id).status == "cancelled"
    kit.gateway.authenticate(asked.gateway_reference)
    assert kit.ledger.complete_saving(account_id, asked.saving_id).status == "cancelled"
    assert nothing_is_kept(kit, account_id)


def test_a_card_that_was_saved_while_the_saving_was_called_off_is_kept_and_can_be_removed(kit, account_id):
    asked = save(kit, account_id, "tok_authentication_required")
    kit.gateway.authenticate(asked.gateway_reference)
    card = kit.ledger.cancel_saving(account_id, asked.saving_id).card
    assert one_is_kept(kit, account_id)
    kit.ledger.remove_card(account_id, card.card_id, idempotency_key="remove")
    assert nothing_is_kept(kit, account_id)


@pytest.mark.parametrize("fault", list(Fault))
def test_a_cancellation_of_a_saving_is_tried_again_until_the_gateway_confirms(kit, account_id, fault):
    asked = save(kit, account_id, "tok_authentication_required")
    kit.gateway.fail_next("cancel_save", fault)
    assert kit.ledger.cancel_saving(account_id, asked.saving_id).status == "action_required"
    assert kit.ledger.complete_saving(account_id, asked.saving_id).status == "cancelled"
    assert nothing_is_kept(kit, account_id)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_saving_whose_answer_was_lost_is_settled_by_a_repeat_in_time(kit, account_id, fault):
    kit.gateway.fail_next("save", fault)
    assert save(kit, account_id).status == "unknown"
    assert save(kit, account_id).status == "succeeded"
    assert one_is_kept(kit, account_id)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_saving_whose_answer_was_lost_is_settled_by_recovery(kit, account_id, fault):
    kit.gateway.fail_next("save", fault)
    save(kit, account_id)
    kit.clock.advance(SAFE - timedelta(seconds=1))
    arrived = fault is Fault.AFTER
    assert [one.outcome for one in kit.ledger.recover()] == ["succeeded" if arrived else "unknown"]
    kit.clock.advance(timedelta(seconds=1))
    assert [one.outcome for one in kit.ledger.recover()] == ([] if arrived else ["not_attempted"])
    assert one_is_kept(kit, account_id) if arrived else nothing_is_kept(kit, account_id)
    assert save(kit, account_id).status == "succeeded"
    assert [a.number for a in events_of(kit, account_id, e.CardSavingAttempted)] == ([1] if arrived else [1, 2])
    assert one_is_kept(kit, account_id)


def test_a_look_up_proves_nothing_if_it_was_made_too_early_and_read_late(kit, account_id, monkeypatch):
    kit.gateway.fail_next("save", Fault.BEFORE)
    assert save(kit, account_id).status == "unknown"
    kit.clock.set(START + SAFE - timedelta(seconds=1))
    find = kit.gateway.find_card

    def slow(request):
        found = find(request)
        kit.clock.set(START + SAFE)
        return found

    monkeypatch.setattr(kit.gateway, "find_card", slow)
    assert [one.outcome for one in kit.ledger.recover()] == ["unknown"]
    assert [one.outcome for one in kit.ledger.recover()] == ["not_attempted"]


def test_a_saving_that_surely_reached_nobody_goes_on_under_the_same_key(kit, account_id):
    kit.gateway.fail_next("save", Fault.REFUSED)
    assert save(kit, account_id).status == "not_attempted"
    assert save(kit, account_id).status == "succeeded"
    assert one_is_kept(kit, account_id)


def test_a_saving_with_a_token_that_the_gateway_does_not_know_saves_nothing(kit, account_id):
    for attempts in (1, 2):
        with pytest.raises(GatewayInvalidRequest):
            save(kit, account_id, "tok_of_nobody")
        assert len(events_of(kit, account_id, e.CardSavingFailed)) == attempts
    assert nothing_is_kept(kit, account_id)


def test_a_repeat_that_the_gateway_refuses_leaves_unknown_what_an_earlier_try_did(kit, account_id, monkeypatch):
    kit.gateway.fail_next("save", Fault.AFTER)
    save(kit, account_id)

    def refuse(*_: object) -> None:
        raise GatewayInvalidRequest("is malformed")

    monkeypatch.setattr(kit.gateway, "save", refuse)
    with pytest.raises(GatewayInvalidRequest):
        save(kit, account_id)
    kit.clock.advance(SAFE)
    assert [one.outcome for one in kit.ledger.recover()] == ["succeeded"]
    assert one_is_kept(kit, account_id)


def test_a_repeat_that_reaches_nobody_leaves_unknown_what_an_earlier_try_did(kit, account_id, monkeypatch):
    """An adapter says of its own call only that it reached nobody; what went before is the ledger's to remember."""
    kit.gateway.fail_next("save", Fault.AFTER)
    save(kit, account_id)
    monkeypatch.setattr(kit.gateway, "save", lambda *_: NotAttempted(why="the connection was refused"))
    assert save(kit, account_id).status == "unknown"
    kit.clock.advance(SAFE)
    assert [one.outcome for one in kit.ledger.recover()] == ["succeeded"]


def test_a_completion_that_reaches_nobody_leaves_the_saving_open(kit, account_id, monkeypatch):
    asked = save(kit, account_id, "tok_authentication_required")
    kit.gateway.authenticate(asked.gateway_reference)
    with monkeypatch.context() as patch:
        patch.setattr(kit.gateway, "complete_save", lambda *_: NotAttempted(why="the connection was refused"))
        assert kit.ledger.complete_saving(account_id, asked.saving_id).status == "action_required"
    assert kit.ledger.complete_saving(account_id, asked.saving_id).status == "succeeded"
    assert one_is_kept(kit, account_id)


def test_completing_a_saving_that_is_still_being_sent_decides_nothing(kit, account_id, monkeypatch):
    save_at_gateway = kit.gateway.save

    def completed_meanwhile(*arguments: object) -> object:
        saving_id = events_of(kit, account_id, e.CardSavingRequested)[0].operation_id
        assert kit.ledger.complete_saving(account_id, saving_id).status == "requested"
        return save_at_gateway(*arguments)

    monkeypatch.setattr(kit.gateway, "save", completed_meanwhile)
    assert save(kit, account_id).status == "succeeded"
    assert "card-saving-failed" not in topics(kit, account_id)


def test_a_sender_that_slept_past_its_time_saves_nothing(kit, account_id, monkeypatch):
    link = kit.gateway.link_customer

    def slow(account: str) -> str:
        kit.clock.advance(timedelta(minutes=1))
        return link(account)

    monkeypatch.setattr(kit.gateway, "link_customer", slow)
    assert save(kit, account_id).status == "unknown"
    assert nothing_is_kept(kit, account_id)


# Removing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", list(Fault))
def test_a_card_is_not_charged_from_its_removal_on_even_if_the_gateway_does_not_confirm(kit, account_id, fault):
    card_id = saved(kit, account_id)
    kit.gateway.fail_next("forget", fault)
    assert kit.ledger.remove_card(account_id, card_id, idempotency_key="remove") == ()
    assert topics(kit, account_id)[-1] == "card-removal-requested"
    assert save(kit, account_id).card is None
    (recovered,) = kit.ledger.recover()
    assert (recovered.kind, recovered.subject, recovered.outcome) == ("card_removal", card_id, "removed")
    assert nothing_is_kept(kit, account_id)
    assert kit.ledger.recover() == []


def test_a_removal_that_is_not_confirmed_is_reported_as_open(kit, account_id):
    card_id = saved(kit, account_id)
    kit.gateway.fail_next("forget", Fault.BEFORE, times=2)
    kit.ledger.remove_card(account_id, card_id, idempotency_key="remove")
    assert [(one.outcome, one.is_over) for one in kit.ledger.recover()] == [("not yet confirmed", False)]


def test_repeating_a_removal_changes_nothing_and_asks_the_gateway_again_where_that_is_open(kit, account_id):
    card_id = saved(kit, account_id)
    kit.gateway.fail_next("forget", Fault.BEFORE)
    for _ in range(2):
        assert kit.ledger.remove_card(account_id, card_id, idempotency_key="remove") == ()
    assert nothing_is_kept(kit, account_id)
    before = stored(kit), at_gateway(kit)
    assert kit.ledger.remove_card(account_id, card_id, idempotency_key="remove") == ()
    assert (stored(kit), at_gateway(kit)) == before


def test_a_card_of_a_payment_that_is_looked_up_again_after_its_removal_does_not_come_back(kit, account_id):
    card_id = pay(kit, account_id, save_card=True).saved_card.card_id
    transaction_id = events_of(kit, account_id, e.TopUpRequested)[0].operation_id
    kit.ledger.remove_card(account_id, card_id, idempotency_key="remove")
    assert kit.ledger.complete(account_id, transaction_id).saved_card is None
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert nothing_is_kept(kit, account_id)


# Choosing ---------------------------------------------------------------------------------------------------------


def test_the_first_card_is_the_default_until_another_is_chosen_or_it_is_removed(kit, account_id):
    first, second = saved(kit, account_id, key="1"), saved(kit, account_id, "tok_mastercard", "2")

    def defaults() -> list[bool]:
        return [card.is_default for card in kit.ledger.cards(account_id)]

    assert defaults() == [True, False]
    assert [card.is_default for card in kit.ledger.choose_default_card(account_id, second)] == [False, True]
    before = stored(kit)
    kit.ledger.choose_default_card(account_id, second)
    assert stored(kit) == before
    kit.ledger.remove_card(account_id, second, idempotency_key="remove")
    assert defaults() == [False]
    kit.ledger.choose_default_card(account_id, first)
    assert defaults() == [True]


@pytest.mark.parametrize(
    ("token", "status", "reason"),
    [
        ("tok_later_insufficient_funds", "declined", "insufficient_funds"),
        ("tok_later_declined_off_session", "succeeded", None),
        ("tok_later_authentication_required", "action_required", None),
        ("tok_later_action_required", "action_required", None),
    ],
)
def test_a_saved_card_is_charged_as_its_bank_decides_with_the_customer_there(kit, account_id, token, status, reason):
    result = pay(kit, account_id, card_id=saved(kit, account_id, token))
    assert (result.status, result.decline_reason) == (status, reason)


def test_a_gateway_that_cannot_be_reached_for_a_customer_saves_nothing_and_can_be_tried_again(kit, account_id):
    kit.gateway.fail_next("link_customer", Fault.BEFORE)
    with pytest.raises(GatewayError):
        save(kit, account_id)
    assert save(kit, account_id).status == "succeeded"
    assert one_is_kept(kit, account_id)


def test_a_payment_is_no_saving(kit, account_id):
    with pytest.raises(TransactionNotFound):
        kit.ledger.complete_saving(account_id, pay(kit, account_id).transaction_id)


def test_several_threads_that_repeat_one_saving_save_one_card(kit, account_id):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: save(kit, account_id), range(24)))
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert one_is_kept(kit, account_id)
