"""The top-up's state machine: every answer of a gateway in every state, and that only stronger facts move it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from domain_helpers import (
    LATER,
    NOW,
    REQUEST,
    SAVED,
    SOON,
    account,
    attempt_again,
    captured,
    declined,
    past,
    request,
    requested,
    then,
    top_up_after,
    when,
)

from interact_ledger.domain import events as e
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import UNDECIDED, AttemptStatus
from interact_ledger.domain.fold import fold_top_up
from interact_ledger.errors import AccountClosed
from interact_ledger.gateways.protocol import ActionRequired, Cancelled, NotAttempted, Pending, Unknown

PENDING = Pending(reference="pay_1")
ACTION = ActionRequired(reference="pay_1", client_secret="secret")
UNKNOWN = Unknown(why="time-out")
NOBODY = NotAttempted(why="refused")
CANCELLED = Cancelled(reference="pay_1")

ANSWERS = {
    "captured": captured(),
    "pending": PENDING,
    "action required": ACTION,
    "declined": declined(),
    "declined and payable": declined(still_payable=True),
    "not attempted": NOBODY,
    "cancelled": CANCELLED,
    "unknown": UNKNOWN,
}

REQUESTED = requested()
BEGUN = [*REQUESTED, *life.begun(top_up_after(*REQUESTED), "txn_1.1", "pay_1")]
CALLED_OFF = [*BEGUN, *life.cancel(top_up_after(*BEGUN))]

STATES: dict[str, list[e.Event]] = {
    "requested": REQUESTED,
    "begun": BEGUN,
    "pending": then(REQUESTED, PENDING),
    "action required": then(REQUESTED, ACTION),
    "unknown": then(REQUESTED, UNKNOWN),
    "called off": CALLED_OFF,
    "declined and payable": then(REQUESTED, declined(still_payable=True)),
    "declined": then(REQUESTED, declined()),
    "not attempted": then(REQUESTED, NOBODY),
    "cancelled": then(CALLED_OFF, CANCELLED),
    "expired": then([*then(BEGUN, ACTION), *life.expire(top_up_after(*then(BEGUN, ACTION)), LATER)], CANCELLED),
    "captured": then(REQUESTED, captured()),
    "mismatched": then(REQUESTED, captured("59.99")),
}

WANTED = "payment-cancel-requested"
MOVES: dict[str, dict[str, list[str]]] = {
    "requested": {
        "pending": ["payment-pending"],
        "action required": ["payment-action-required"],
        "declined": ["payment-declined"],
        "declined and payable": [WANTED, "payment-declined"],
        "not attempted": ["payment-not-attempted"],
        "cancelled": ["payment-cancelled"],
        "unknown": ["payment-unknown"],
    },
    "begun": {
        "pending": ["payment-pending"],
        "action required": ["payment-action-required"],
        "declined": ["payment-declined"],
        "declined and payable": [WANTED, "payment-declined"],
        "not attempted": [WANTED, "payment-not-attempted"],
        "cancelled": ["payment-cancelled"],
        "unknown": ["payment-unknown"],
    },
    "pending": {
        "action required": ["payment-action-required"],
        "declined": ["payment-declined"],
        "declined and payable": [WANTED, "payment-declined"],
        "not attempted": [WANTED, "payment-not-attempted"],
        "cancelled": ["payment-cancelled"],
    },
    "action required": {
        "pending": ["payment-pending"],
        "declined": ["payment-declined"],
        "declined and payable": [WANTED, "payment-declined"],
        "not attempted": [WANTED, "payment-not-attempted"],
        "cancelled": ["payment-cancelled"],
    },
    "unknown": {
        "pending": ["payment-pending"],
        "action required": ["payment-action-required"],
        "declined": ["payment-declined"],
        "declined and payable": [WANTED, "payment-declined"],
        "not attempted": ["payment-not-attempted"],
        "cancelled": ["payment-cancelled"],
    },
    "called off": {"declined": ["payment-cancelled"], "cancelled": ["payment-cancelled"]},
    "declined and payable": {"declined": ["payment-cancelled"], "cancelled": ["payment-cancelled"]},
    "captured": {"captured": []},
}
"""What an answer makes happen; nothing where it is not named. A capture is credited in any state but its own."""


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("state", STATES)
def test_each_answer_in_each_state_is_recorded_or_overtaken(state, answer):
    expected = MOVES.get(state, {}).get(answer, ["payment-captured"] if answer == "captured" else [])
    if (state, answer) == ("mismatched", "captured"):
        expected = []  # that very charge was reported before
    assert [event.TOPIC for event in when(STATES[state], ANSWERS[answer])] == expected


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("state", STATES)
def test_hearing_the_same_answer_again_changes_nothing(state, answer):
    assert when(then(STATES[state], ANSWERS[answer]), ANSWERS[answer]) == []


@pytest.mark.parametrize("state", STATES)
def test_the_account_knows_a_top_up_for_just_as_long_as_something_is_open(state):
    """Recovery finds its work in the account, so what the account drops must be over, and what is over must go."""
    top_up, state_of_account = top_up_after(*STATES[state]), account(*STATES[state])
    assert state_of_account.top_ups == ({} if top_up.is_over else {"txn_1": top_up})
    assert state_of_account.pending == (Decimal("50.00") if top_up.status in UNDECIDED else 0)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("state", STATES)
def test_after_any_answer_the_account_still_knows_what_is_open(state, answer):
    events = then(STATES[state], ANSWERS[answer])
    top_up = top_up_after(*events)
    assert account(*events).top_ups == ({} if top_up.is_over else {"txn_1": top_up})


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("requested", "requested"),
        ("begun", "requested"),
        ("pending", "pending"),
        ("action required", "action_required"),
        ("unknown", "unknown"),
        ("called off", "requested"),
        ("declined and payable", "declined"),
        ("declined", "declined"),
        ("not attempted", "not_attempted"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("captured", "succeeded"),
        ("mismatched", "mismatched"),
    ],
)
def test_states_are_called(state, status):
    assert top_up_after(*STATES[state]).status == status


# Money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("captured", "mismatched")])
def test_captured_money_is_credited_whatever_was_thought_before(state):
    (capture,) = when(STATES[state], captured())
    assert (capture.credit, capture.total, capture.reference) == (Decimal("50.00"), Decimal("60.00"), "pay_1")
    assert capture.late is (state in ("declined", "not attempted", "cancelled", "expired"))
    events = [*STATES[state], capture]
    assert account(*events).balance == Decimal("50.00")
    assert top_up_after(*events).status is AttemptStatus.SUCCEEDED


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("amount", "currency"), [("59.99", "GBP"), ("60.01", "GBP"), ("60.00", "EUR")])
def test_a_capture_of_another_amount_or_currency_is_never_credited(state, amount, currency):
    before = account(*STATES[state]).balance
    (mismatch,) = when(STATES[state], captured(amount, currency, "pay_2"))
    assert isinstance(mismatch, e.CaptureMismatched)
    assert (mismatch.captured_amount, mismatch.captured_currency) == (Decimal(amount), currency)
    assert account(*STATES[state], mismatch).balance == before


def test_one_charge_is_credited_once_however_often_it_is_told():
    events = then(REQUESTED, captured(), captured(), captured())
    assert [event.TOPIC for event in events].count("payment-captured") == 1


def test_a_second_charge_of_the_same_top_up_is_credited_too_because_its_money_came_in():
    events = then(REQUESTED, captured(reference="pay_1"), captured(reference="pay_2"))
    assert account(*events).balance == Decimal("100.00")
    assert events[-1].late


def test_a_card_saved_with_a_payment_is_kept_also_when_the_amount_is_wrong():
    for result in (captured(saved_card=SAVED), captured("1.00", saved_card=SAVED)):
        *_, card = when(REQUESTED, result)
        assert isinstance(card, e.CardSaved)
        assert (card.operation_id, card.token, card.reference) == ("txn_1", "pm_1", "seti_1")


# Attempts ---------------------------------------------------------------------------------------------------------


def test_a_request_opens_the_first_attempt_whole():
    _, wish, attempt = REQUESTED
    assert (wish.quote_id, wish.total, wish.idempotency_key) == ("quote_1", Decimal("60.00"), "key-1")
    assert (attempt.attempt_id, attempt.number, attempt.send_before) == ("txn_1.1", 1, SOON)
    assert (attempt.credit, attempt.total, attempt.taxes) == (Decimal("50.00"), Decimal("60.00"), wish_taxes())


def wish_taxes():
    return REQUESTED[0].taxes


def test_a_closed_account_is_not_topped_up():
    closed = e.AccountClosed(
        **request(2).fields, reason="w", paid_out=0, payout_reference=None, written_off=0, currency="GBP"
    )
    not_attempted = then(REQUESTED, NOBODY)
    with pytest.raises(AccountClosed):
        attempt_again(*not_attempted, closed)


@pytest.mark.parametrize("state", STATES)
def test_a_new_attempt_opens_only_after_a_definite_no_that_left_nothing_to_pay(state):
    again = attempt_again(*STATES[state], send_before=LATER)
    if state != "not attempted":
        assert again == []
        return
    (attempt,) = again
    assert (attempt.attempt_id, attempt.number, attempt.send_before) == ("txn_1.2", 2, LATER)
    first = STATES[state][2]
    assert attempt.model_copy(update={"attempt_id": "txn_1.1", "number": 1, "send_before": SOON}) == first


def test_attempts_are_numbered_on_and_each_needs_its_own_no():
    events = then(REQUESTED, NOBODY)
    for number in (2, 3):
        events += attempt_again(*events)
        assert top_up_after(*events).intent.attempt_id == f"txn_1.{number}"
        assert attempt_again(*events) == []
        events = then(events, NOBODY, attempt=f"txn_1.{number}")


def test_what_was_begun_and_never_sent_is_cancelled_before_a_new_attempt():
    events = then(BEGUN, NOBODY)
    assert not top_up_after(*events).is_over
    assert attempt_again(*events) == []
    events = then(events, CANCELLED)
    assert top_up_after(*events).status is AttemptStatus.NOT_ATTEMPTED
    assert len(attempt_again(*events)) == 1


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer != "captured"])
def test_what_is_said_of_an_earlier_attempt_does_not_move_the_latest(answer):
    events = then(REQUESTED, NOBODY)
    events += attempt_again(*events)
    assert when(events, ANSWERS[answer], attempt="txn_1.1") == []


def second_attempt():
    events = then(REQUESTED, NOBODY)
    return [*events, *attempt_again(*events)]


def test_a_capture_of_an_earlier_attempt_is_credited_as_late_and_the_later_one_is_called_off():
    """Otherwise the customer would pay twice for one top-up, and nobody would look at the second payment."""
    wish, capture = when(second_attempt(), captured(), attempt="txn_1.1")
    assert (wish.attempt_id, wish.reason) == ("txn_1.2", e.CancelReason.SUPERSEDED)
    assert (capture.attempt_id, capture.late) == ("txn_1.1", True)
    state = account(*second_attempt(), wish, capture)
    assert state.balance == capture.credit
    assert state.top_ups["txn_1"].cancelling is e.CancelReason.SUPERSEDED
    assert state.top_ups["txn_1"].outcome is AttemptStatus.SUCCEEDED


def test_a_superseded_attempt_that_is_cancelled_leaves_the_top_up_succeeded_for_good():
    events = [*second_attempt(), *when(second_attempt(), captured(), attempt="txn_1.1")]
    events = then(events, CANCELLED, attempt="txn_1.2")
    over = top_up_after(*events)
    assert (over.is_over, over.outcome) == (True, AttemptStatus.SUCCEEDED)
    assert attempt_again(*events) == []


def test_a_superseded_attempt_that_captures_after_all_is_credited_and_reported():
    events = [*second_attempt(), *when(second_attempt(), captured(), attempt="txn_1.1")]
    (capture,) = when(events, captured(reference="pay_2"), attempt="txn_1.2")
    assert account(*events, capture).balance == 2 * capture.credit
    assert top_up_after(*events, capture).is_over


def test_beginning_is_remembered_once_and_for_the_latest_attempt_only():
    assert life.begun(top_up_after(*BEGUN), "txn_1.1", "pay_1") == []
    assert life.begun(top_up_after(*REQUESTED), "txn_1.2", "pay_2") == []
    assert top_up_after(*BEGUN).reference == "pay_1"


# Calling off and expiry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_only_what_is_open_and_not_called_off_yet_can_be_called_off(state):
    can_be = state in ("requested", "begun", "pending", "action required", "unknown")
    events = life.cancel(top_up_after(*STATES[state]))
    assert [(event.TOPIC, event.reason) for event in events] == ([(WANTED, e.CancelReason.CUSTOMER)] if can_be else [])


@pytest.mark.parametrize("state", STATES)
def test_only_what_waits_for_the_customer_expires_and_not_before_its_time(state):
    top_up = top_up_after(*STATES[state])
    assert life.expire(top_up, LATER - timedelta(microseconds=1)) == []
    expired = [event.reason for event in life.expire(top_up, LATER)]
    assert expired == ([e.CancelReason.EXPIRED] if state == "action required" else [])


def test_what_is_abandoned_ends_as_not_attempted():
    (wish,) = life.abandon(top_up_after(*BEGUN), "txn_1.1", "pay_1")
    assert top_up_after(*then([*BEGUN, wish], CANCELLED)).status is AttemptStatus.NOT_ATTEMPTED


def test_only_the_attempt_that_was_found_begun_is_abandoned_and_only_while_it_is_open():
    assert life.abandon(top_up_after(*BEGUN), "txn_1.0", "pay_0") == []
    for state in ("called off", "declined", "not attempted", "captured"):
        assert life.abandon(top_up_after(*STATES[state]), "txn_1.1", "pay_1") == []
    assert [event.TOPIC for event in life.abandon(top_up_after(*REQUESTED), "txn_1.1", "pay_1")] == [
        "payment-begun",
        WANTED,
    ]


def test_no_attempt_no_top_up():
    assert fold_top_up([]) is None
    assert fold_top_up(past(REQUESTED[0], REQUESTED[1], of=REQUEST.operation_id)) is None


def test_times_are_those_of_the_gateway():
    (capture,) = when(REQUESTED, captured())
    assert capture.captured_at == NOW
