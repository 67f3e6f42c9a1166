"""Saved cards: every answer to a saving in every state, and which card may be charged."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from domain_helpers import LATER, NOW, SAVED, SOON, account, declined, past, request

from interact_ledger.domain import cards
from interact_ledger.domain import events as e
from interact_ledger.domain.account import AttemptStatus, CardSaving
from interact_ledger.domain.fold import fold_card_saving
from interact_ledger.errors import AccountClosed, CardNotFound, CardRemoved
from interact_ledger.gateways.protocol import ActionRequired, Cancelled, CardSaved, NotAttempted, Pending, Unknown

PENDING = Pending(reference="seti_1")
ACTION = ActionRequired(reference="seti_1", client_secret="secret")
NOBODY = NotAttempted(why="refused")
CANCELLED = Cancelled(reference="seti_1")
ANSWERS = {
    "saved": SAVED,
    "pending": PENDING,
    "action required": ACTION,
    "declined": declined(),
    "not attempted": NOBODY,
    "cancelled": CANCELLED,
    "unknown": Unknown(why="time-out"),
}
REQUESTED = cards.request_saving(account(), request(1), gateway="sandbox", send_before=SOON)
CLOSED = e.AccountClosed(
    **request(9).fields, reason="w", paid_out=0, payout_reference=None, written_off=0, currency="GBP"
)


def saving_after(events: list[e.Event]) -> CardSaving:
    saving = fold_card_saving(past(*events, of="txn_1"))
    assert saving is not None
    return saving


def when(given: list[e.Event], result: Any, attempt: str = "txn_1.1") -> list[e.Event]:
    return cards.record_saving_result(account(*given), saving_after(given), attempt, result, action_expires_at=LATER)


def then(given: list[e.Event], result: Any) -> list[e.Event]:
    return [*given, *when(given, result)]


WAITING = then(REQUESTED, ACTION)
CALLED_OFF = [*WAITING, *cards.cancel_saving(saving_after(WAITING))]
EXPIRING = [*WAITING, *cards.expire_saving(saving_after(WAITING), LATER)]
STATES = {
    "requested": REQUESTED,
    "pending": then(REQUESTED, PENDING),
    "action required": WAITING,
    "unknown": then(REQUESTED, Unknown(why="time-out")),
    "called off": CALLED_OFF,
    "declined": then(REQUESTED, declined()),
    "not attempted": then(REQUESTED, NOBODY),
    "cancelled": then(CALLED_OFF, CANCELLED),
    "expired": then(EXPIRING, CANCELLED),
    "saved": then(REQUESTED, SAVED),
}
OPEN = {"requested", "pending", "action required", "unknown"}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("state", STATES)
def test_each_answer_in_each_state_is_recorded_or_overtaken(state, answer):
    expected = {
        "saved": ["card-saved"] if state != "saved" else [],
        "pending": ["card-saving-pending"] if state in OPEN - {"pending"} else [],
        "action required": ["card-saving-action-required"] if state in OPEN - {"action required"} else [],
        "declined": ["card-saving-failed"] if state in OPEN | {"called off"} else [],
        "not attempted": ["card-saving-failed"] if state in OPEN else [],
        "cancelled": ["card-saving-failed"] if state in OPEN | {"called off"} else [],
        "unknown": ["card-saving-unknown"] if state == "requested" else [],
    }
    assert [event.TOPIC for event in when(STATES[state], ANSWERS[answer])] == expected[answer]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("state", STATES)
def test_the_account_knows_a_saving_for_just_as_long_as_something_is_open(state, answer):
    for events in (STATES[state], then(STATES[state], ANSWERS[answer])):
        saving = saving_after(events)
        assert account(*events).card_savings == ({} if saving.is_over else {"txn_1": saving})


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("declined", "declined"),
        ("not attempted", "not_attempted"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("saved", "succeeded"),
        ("called off", "action_required"),
    ],
)
def test_states_are_called(state, status):
    assert saving_after(STATES[state]).status == status


def test_a_decline_says_why_and_other_failures_do_not():
    assert saving_after(STATES["declined"]).failure.reason == "fraud"
    assert saving_after(STATES["declined"]).failure.detail == "fraudulent"
    assert saving_after(STATES["not attempted"]).failure.reason is None


def test_what_is_said_of_an_earlier_attempt_does_not_move_the_latest_but_its_card_is_kept():
    events = STATES["not attempted"]
    events = [*events, *cards.attempt_saving_again(account(*events), saving_after(events), SOON)]
    for result in (PENDING, ACTION, declined(), NOBODY, CANCELLED):
        assert when(events, result, "txn_1.1") == []
    assert [event.TOPIC for event in when(events, SAVED, "txn_1.1")] == ["card-saved"]


@pytest.mark.parametrize("state", STATES)
def test_a_new_attempt_opens_only_after_a_definite_no(state):
    again = cards.attempt_saving_again(account(*STATES[state]), saving_after(STATES[state]), LATER)
    assert [(a.attempt_id, a.number, a.send_before) for a in again] == (
        [("txn_1.2", 2, LATER)] if state == "not attempted" else []
    )


@pytest.mark.parametrize("state", STATES)
def test_only_what_is_open_can_be_called_off_and_only_what_waits_expires(state):
    saving = saving_after(STATES[state])
    assert [event.reason for event in cards.cancel_saving(saving)] == ["customer"] * (state in OPEN)
    assert cards.expire_saving(saving, LATER - timedelta(microseconds=1)) == []
    assert [event.reason for event in cards.expire_saving(saving, LATER)] == ["expired"] * (state == "action required")


def test_a_closed_account_saves_nothing():
    with pytest.raises(AccountClosed):
        cards.request_saving(account(CLOSED), request(1), gateway="sandbox", send_before=SOON)
    events = STATES["not attempted"]
    with pytest.raises(AccountClosed):
        cards.attempt_saving_again(account(*events, CLOSED), saving_after(events), SOON)


def test_events_of_something_else_are_no_saving():
    assert fold_card_saving([]) is None
    assert fold_card_saving(past(*STATES["saved"], of="card_unknown")) is None
    assert fold_card_saving(past(REQUESTED[0], of="txn_1")) is None


# Cards ------------------------------------------------------------------------------------------------------------


def card_event(number: int) -> e.CardSaved:
    kept = CardSaved(reference=f"r{number}", token=f"pm_{number}", details=SAVED.details)
    (event,) = cards.card_saved(account(), f"txn_{number}", "sandbox", kept)
    return event


FIRST, SECOND = card_event(1), card_event(2)


def removal(card: e.CardSaved, number: int = 5) -> list[e.Event]:
    return cards.request_removal(account(FIRST, SECOND), request(number), card.card_id, [], NOW)


def test_a_card_has_an_id_of_ours_that_follows_from_where_it_was_saved():
    assert FIRST.card_id.startswith("card_")
    assert card_event(1) == FIRST
    assert FIRST.card_id != SECOND.card_id


def test_a_card_that_is_known_under_its_token_stays_the_same_card():
    again = CardSaved(reference="another", token="pm_1", details=SAVED.details)
    (same,) = cards.card_saved(account(FIRST), "txn_7", "sandbox", again)
    assert same.card_id == FIRST.card_id
    assert list(account(FIRST, same).cards) == [FIRST.card_id]
    (other,) = cards.card_saved(account(FIRST), "txn_7", "another_gateway", again)
    assert other.card_id != FIRST.card_id


def test_saving_a_card_again_does_not_call_off_its_removal():
    (wish,) = removal(FIRST)
    (again,) = cards.card_saved(account(FIRST, wish), "txn_7", "sandbox", SAVED)
    assert account(FIRST, wish, again).cards[FIRST.card_id].removal_id == wish.operation_id


def test_a_card_that_is_being_removed_does_not_become_the_default_by_being_saved_again():
    (wish,) = removal(FIRST)
    (again,) = cards.card_saved(account(FIRST, wish), "txn_7", "sandbox", SAVED)
    assert account(FIRST, wish, again).default_card_id is None


def test_a_closed_account_keeps_no_card():
    """A capture that comes late may bring a card along; nobody could remove it any more."""
    closed = e.AccountClosed(
        **request(8).fields,
        reason="as asked",
        paid_out=Decimal(0),
        payout_reference=None,
        written_off=Decimal(0),
        currency="GBP",
    )
    saved, wish = cards.card_saved(account(closed), "txn_7", "sandbox", SAVED)
    assert account(closed, saved, wish).cards[saved.card_id].removal_id == wish.operation_id


def test_a_card_may_be_charged_from_its_saving_to_its_removal():
    state = account(FIRST, SECOND)
    assert cards.usable_card(state, FIRST.card_id, []).token == "pm_1"
    with pytest.raises(CardNotFound):
        cards.usable_card(state, "card_unknown", [])
    (wish,) = removal(FIRST)
    with pytest.raises(CardRemoved):
        cards.usable_card(account(FIRST, SECOND, wish), FIRST.card_id, [])
    gone = e.CardRemoved(operation_id="txn_5", card_id=FIRST.card_id)
    events = (FIRST, SECOND, wish, gone)
    with pytest.raises(CardRemoved):
        cards.usable_card(account(*events), FIRST.card_id, past(*events, of=FIRST.card_id))


def test_a_removal_is_asked_for_once_and_confirmed_once():
    (wish,) = removal(FIRST)
    assert (wish.card_id, wish.requested_at) == (FIRST.card_id, NOW)
    with pytest.raises(CardRemoved):
        cards.request_removal(account(FIRST, wish), request(6), FIRST.card_id, [], NOW)
    (gone,) = cards.removed(account(FIRST, wish), FIRST.card_id)
    assert (gone.operation_id, gone.card_id) == ("txn_5", FIRST.card_id)
    assert cards.removed(account(FIRST, wish, gone), FIRST.card_id) == []


def test_a_card_whose_removal_nobody_asked_for_is_not_removed():
    assert cards.removed(account(FIRST), FIRST.card_id) == []


def test_the_default_is_the_first_card_then_the_chosen_one_and_none_after_its_removal():
    assert account(FIRST, SECOND).default_card_id == FIRST.card_id
    assert cards.choose_default(account(FIRST, SECOND), FIRST.card_id, []) == []
    (chosen,) = cards.choose_default(account(FIRST, SECOND), SECOND.card_id, [])
    assert account(FIRST, SECOND, chosen).default_card_id == SECOND.card_id
    (wish,) = removal(SECOND)
    assert account(FIRST, SECOND, chosen, wish).default_card_id is None
    assert account(FIRST, SECOND, wish).default_card_id == FIRST.card_id
    gone = e.CardRemoved(operation_id="txn_5", card_id=SECOND.card_id)
    assert set(account(FIRST, SECOND, chosen, wish, gone).cards) == {FIRST.card_id}


def test_a_closed_account_neither_chooses_nor_removes():
    with pytest.raises(AccountClosed):
        cards.choose_default(account(FIRST, CLOSED), FIRST.card_id, [])
    with pytest.raises(AccountClosed):
        cards.request_removal(account(FIRST, CLOSED), request(5), FIRST.card_id, [], NOW)


def test_a_cards_token_never_shows():
    state = account(FIRST)
    assert "pm_1" not in repr(state) + repr(FIRST) + str(FIRST)


def test_a_saving_that_succeeded_is_over():
    assert saving_after(STATES["saved"]).status is AttemptStatus.SUCCEEDED
    assert account(*STATES["saved"]).card_savings == {}
