"""Notices: late, shuffled, repeated, foreign, forged; each is acted on once, and only ever makes us look."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.message import Message
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from interact_ledger import NoticeOutcome, ReceivedNotice
from interact_ledger.clock import END, iso
from interact_ledger.domain import events as e
from interact_ledger.errors import ConfigurationError, NoticeRejected
from interact_ledger.gateways.protocol import NoticeSubject, Unknown
from interact_ledger.gateways.sandbox import Delivery, Fault
from interact_ledger.testing import LedgerKit
from ledger_helpers import at_gateway, available, events_of, gbp, pay, stored, topics

SAFE = timedelta(minutes=3)


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


def take(kit: LedgerKit, delivery: Delivery) -> ReceivedNotice:
    (received,) = kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    return received


def deliver(kit: LedgerKit, deliveries: Iterable[Delivery] | None = None) -> list[NoticeOutcome]:
    """Deliver what is due, as the gateway does: what is acknowledged does not come again."""
    received = [take(kit, delivery) for delivery in deliveries or kit.gateway.notices_due()]
    for notice in received:
        if notice.is_acknowledged:
            kit.gateway.acknowledge(notice.notice_id)
    return [notice.outcome for notice in received]


def made_up(kit: LedgerKit, **changes: object) -> ReceivedNotice:
    """Receive an authentic notice that the gateway has no reason to send."""
    content = {
        "id": "evt_made_up",
        "subject": "charge",
        "reference": "pay_made_up",
        "operation_id": None,
        "occurred_at": iso(kit.clock.now()),
        **changes,
    }
    body = json.dumps(content).encode()
    (received,) = kit.ledger.receive("sandbox", body, kit.gateway.signed(body))
    return received


# What they bring --------------------------------------------------------------------------------------------------


def test_money_that_is_captured_later_is_credited_when_the_notice_comes(kit, account_id):
    pending = pay(kit, account_id, card_token="tok_pending")
    kit.gateway.settle(pending.gateway_reference)
    assert deliver(kit)[-1] is NoticeOutcome.RECORDED
    assert available(kit, account_id) == gbp("50.00")
    assert kit.ledger.receipt(pending.transaction_id).total == gbp("60.00")
    assert kit.gateway.notices_due() == []


@pytest.mark.parametrize("begins", ["begun", "not begun"])
def test_a_payment_whose_answer_was_lost_is_found_by_its_notice(kit, account_id, begins):
    """The notice names our operation; that its object is ours is what our own look-up says."""
    if begins == "not begun":
        kit.gateway.begin = lambda _: None
    assert pay(kit, account_id, card_token="tok_timeout_after_charging").status == "unknown"
    assert deliver(kit) == [NoticeOutcome.RECORDED]
    assert available(kit, account_id) == gbp("50.00")


def test_a_card_that_is_authenticated_later_is_kept_when_the_notice_comes(kit, account_id):
    saving = kit.ledger.save_card(account_id, "tok_authentication_required", idempotency_key="save")
    kit.gateway.authenticate(saving.gateway_reference)
    deliver(kit)
    assert len(kit.ledger.cards(account_id)) == 1


def test_a_payment_from_an_old_browser_tab_is_credited(kit, account_id):
    kit.gateway.fail_next("cancel", Fault.BEFORE)
    declined = pay(kit, account_id, card_token="tok_declined_fraud")
    kit.gateway.pay_in_browser(declined.gateway_reference, "tok_visa")
    deliver(kit)
    assert available(kit, account_id) == gbp("50.00")
    assert kit.ledger.recover() == []


def test_a_late_capture_of_a_cancelled_payment_is_credited_though_nothing_is_open(kit, account_id):
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    assert kit.ledger.cancel(account_id, asked.transaction_id).status == "cancelled"
    reopened = "UPDATE intents SET status='action_required', code=NULL WHERE reference=?"  # as no gateway should
    kit.gateway._memory._rows(reopened, asked.gateway_reference)
    kit.gateway.authenticate(asked.gateway_reference)
    deliver(kit)
    assert available(kit, account_id) == gbp("50.00")
    assert events_of(kit, account_id, e.PaymentCaptured)[0].late
    assert [finding.code for finding in kit.ledger.audit().findings] == ["capture_late"]


def send_later_than_promised(kit: LedgerKit, verb: str) -> list[Callable[[], object]]:
    """Let the next call reach the gateway when nobody expects it any more; return what sends it."""
    method = getattr(kit.gateway, verb)
    on_the_way: list[Callable[[], object]] = []

    def slow(request: Any, *rest: object) -> Unknown:
        delattr(kit.gateway, verb)
        on_the_way.append(lambda: method(replace(request, send_before=END), *rest))
        return Unknown(why="no answer")

    setattr(kit.gateway, verb, slow)
    return on_the_way


def test_a_capture_of_an_attempt_that_was_given_up_is_credited_beside_the_next_attempt(kit, account_id):
    """The first attempt's object was never heard of; the notice names the operation, and its look-ups find it."""
    kit.gateway.begin = lambda _: None
    quote = kit.ledger.checkout(account_id, gbp("50.00"))
    request = partial(kit.ledger.top_up, account_id, quote.quote_id, card_token="tok_visa", idempotency_key="pay")
    on_the_way = send_later_than_promised(kit, "charge")
    assert request().status == "unknown"
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert request().status == "succeeded"
    on_the_way.pop()()
    assert set(deliver(kit)) == {NoticeOutcome.RECORDED}
    assert available(kit, account_id) == gbp("100.00")
    assert [finding.code for finding in kit.ledger.audit().findings] == ["capture_late"]


def test_a_card_of_an_attempt_that_was_given_up_is_known_beside_the_next_one(kit, account_id):
    request = partial(kit.ledger.save_card, account_id, "tok_visa", idempotency_key="save")
    on_the_way = send_later_than_promised(kit, "save")
    assert request().status == "unknown"
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert request().status == "succeeded"
    on_the_way.pop()()
    assert set(deliver(kit)) == {NoticeOutcome.RECORDED}
    assert {card.token for card in kit.ledger._account(account_id).cards.values()} == {
        card.card_token for card in kit.gateway.saved_cards()
    }
    assert len(kit.ledger.cards(account_id)) == 2


def test_a_refund_that_fails_after_it_was_confirmed_comes_back(kit, account_id):
    paid = pay(kit, account_id)
    refund = kit.ledger.refund(account_id, paid.transaction_id, gbp("12.00"), "asked", idempotency_key="back")
    deliver(kit)
    kit.gateway.return_refund(refund.gateway_reference)
    deliver(kit)
    assert kit.ledger.refund_result(account_id, refund.refund_id).status == "declined"
    assert available(kit, account_id) == gbp("50.00")
    assert [finding.code for finding in kit.ledger.audit().findings] == ["refund_returned"]


# Once -------------------------------------------------------------------------------------------------------------


def test_the_mark_commits_with_what_the_notice_brought(kit, account_id):
    pending = pay(kit, account_id, card_token="tok_pending")
    deliver(kit)
    kit.gateway.settle(pending.gateway_reference)
    before = len(topics(kit, account_id))
    commits = kit.ledger._log.position()
    deliver(kit)
    assert topics(kit, account_id)[before:] == ["payment-captured", "notice-received"]
    first, second = kit.ledger.history(account_id, after=before, limit=2)
    assert first.recorded_at == second.recorded_at
    assert kit.ledger._log.position() >= commits + 2


def test_a_notice_is_acted_on_once_for_ever(kit, account_id):
    pay(kit, account_id, card_token="tok_duplicate_notices")
    due = kit.gateway.notices_due()
    outcomes = [take(kit, delivery).outcome for delivery in [*due, *due]]
    assert Counter(outcomes) == {NoticeOutcome.RECORDED: 2, NoticeOutcome.DUPLICATE: 6}
    kit.clock.advance(timedelta(days=400))
    before = stored(kit), at_gateway(kit)
    assert {take(kit, delivery).outcome for delivery in kit.gateway.notices_due()} == {NoticeOutcome.DUPLICATE}
    assert (stored(kit), at_gateway(kit)) == before
    assert available(kit, account_id) == gbp("50.00")


def test_a_death_between_looking_and_recording_leaves_no_mark(kit, account_id, monkeypatch):
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    log = kit.ledger._log
    monkeypatch.setattr(log, "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        deliver(kit)
    monkeypatch.undo()
    assert events_of(kit, account_id, e.NoticeReceived) == []
    assert deliver(kit) == [NoticeOutcome.RECORDED]
    assert available(kit, account_id) == gbp("50.00")


def test_the_same_notices_to_many_workers_at_once_are_each_acted_on_once(file_kit):
    kit = file_kit
    account_id = kit.account().account_id
    for number in range(3):
        pay(kit, account_id, key=f"pay {number}", card_token="tok_duplicate_notices")
    due = kit.gateway.notices_due()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda delivery: take(kit, delivery), [*due, *due]))
    assert len(events_of(kit, account_id, e.NoticeReceived)) == 6
    assert available(kit, account_id) == gbp("150.00")
    assert kit.ledger.audit().findings == ()


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_whatever_order_they_come_they_end_in_the_same_state(order, kit, account_id):
    pending = pay(kit, account_id, card_token="tok_pending")
    kit.gateway.settle(pending.gateway_reference)
    kit.ledger.recover()
    kit.ledger.complete(account_id, pending.transaction_id)
    refund = kit.ledger.refund(account_id, pending.transaction_id, gbp("6.00"), "asked", idempotency_key="back")
    kit.gateway.return_refund(refund.gateway_reference)
    due = kit.gateway.notices_due()
    assert len(due) == 4
    assert set(deliver(kit, [due[place] for place in order])) == {NoticeOutcome.RECORDED}
    assert available(kit, account_id) == gbp("50.00")
    assert kit.ledger.refund_result(account_id, refund.refund_id).status == "declined"
    assert kit.ledger.top_up_result(account_id, pending.transaction_id).status == "succeeded"


# What is not ours, or not yet -------------------------------------------------------------------------------------


def test_a_foreign_object_is_acknowledged_and_reported_and_nothing_is_stored(kit, account_id):
    before = stored(kit), at_gateway(kit)
    notice = made_up(kit)
    assert (notice.outcome, notice.is_acknowledged) == (NoticeOutcome.FOREIGN, True)
    assert (notice.account_id, notice.operation_id) == (None, None)
    assert (stored(kit), at_gateway(kit)) == before


def test_what_bears_our_id_and_is_not_known_yet_is_asked_for_again_for_a_bounded_time(kit):
    early = iso(kit.clock.now())
    notice = made_up(kit, operation_id="txn_not_yet", occurred_at=early)
    assert (notice.outcome, notice.is_acknowledged) == (NoticeOutcome.LATER, False)
    kit.clock.advance(timedelta(days=1))
    notice = made_up(kit, operation_id="txn_not_yet", occurred_at=early)
    assert (notice.outcome, notice.is_acknowledged) == (NoticeOutcome.UNEXPLAINED, True)


def test_an_object_that_only_borrows_our_id_credits_nobody(kit, account_id):
    """Somebody made a payment of their own with our top-up's id in it: our own attempt is another object."""
    asked = pay(kit, account_id, card_token="tok_authentication_required")
    deliver(kit)
    before = stored(kit)
    notice = made_up(kit, operation_id=asked.transaction_id)
    assert notice.outcome is NoticeOutcome.LATER
    assert stored(kit) == before


def test_what_is_no_payment_of_ours_is_not_looked_up(kit, account_id):
    kit.ledger.adjust(account_id, gbp("5"), "goodwill", idempotency_key="up")
    adjusted = events_of(kit, account_id, e.BalanceAdjusted)[0].operation_id
    assert made_up(kit, operation_id=adjusted).outcome is NoticeOutcome.LATER


def test_while_look_ups_fail_nothing_is_marked(kit, account_id):
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    kit.gateway.lookups_available = False
    before = stored(kit)
    assert deliver(kit) == [NoticeOutcome.LATER]
    assert stored(kit) == before
    kit.gateway.lookups_available = True
    assert deliver(kit) == [NoticeOutcome.RECORDED]


def test_a_notice_of_what_was_begun_only_is_marked_and_changes_nothing(kit, account_id):
    kit.gateway.fail_next("charge", Fault.BEFORE)
    unknown = pay(kit, account_id)
    begun = events_of(kit, account_id, e.PaymentBegun)[0]
    notice = made_up(kit, reference=begun.reference, operation_id=unknown.transaction_id)
    assert notice.outcome is NoticeOutcome.RECORDED
    assert kit.ledger.top_up_result(account_id, unknown.transaction_id).status == "unknown"


# Strangers --------------------------------------------------------------------------------------------------------


def test_whatever_the_check_stumbles_over_is_a_rejection(kit, monkeypatch):
    def stumble(*_: object) -> None:
        raise TypeError("strings with non-ASCII characters are not supported: whsec_secret")

    monkeypatch.setattr(kit.gateway, "notices", stumble)
    with pytest.raises(NoticeRejected, match=r"cannot be verified \(TypeError\)") as rejected:
        kit.ledger.receive("sandbox", b"{}", {})
    assert rejected.value.__cause__ is None
    assert "whsec" not in str(rejected.value)


@pytest.mark.parametrize("body", ["text", None, bytearray(b"{}"), b"x" * 1_000_001])
def test_what_is_no_body_or_too_long_is_rejected_before_anything_is_computed(kit, body, monkeypatch):
    monkeypatch.setattr(kit.gateway, "notices", lambda *_: pytest.fail("was computed over"))
    with pytest.raises(NoticeRejected) as rejected:
        kit.ledger.receive("sandbox", body, {})
    assert rejected.value.field == "body"


@pytest.mark.parametrize("kind", [Headers, Message])
def test_headers_are_taken_as_web_frameworks_have_them(kit, account_id, kind):
    pay(kit, account_id)
    due = kit.gateway.notices_due()[0]
    headers = kind()
    for name, value in [("Via", "1.1 one"), ("Via", "1.1 two"), *due.headers.items()]:
        headers.add_header(name, value)
    (received,) = kit.ledger.receive("sandbox", due.body, headers)
    assert received.outcome is NoticeOutcome.RECORDED


def test_a_signature_that_comes_twice_is_refused_in_those_too(kit, account_id):
    pay(kit, account_id)
    due = kit.gateway.notices_due()[0]
    twice = Headers([*due.headers.items()] * 2)
    with pytest.raises(NoticeRejected, match="repeated"):
        kit.ledger.receive("sandbox", due.body, twice)


@pytest.mark.parametrize("headers", [None, [], "Sandbox-Signature: t=1", Headers([("Via", "1.1 one")] * 1001)])
def test_what_is_no_headers_or_too_many_is_rejected(kit, headers):
    with pytest.raises(NoticeRejected) as rejected:
        kit.ledger.receive("sandbox", b"{}", headers)
    assert rejected.value.field == "headers"


def test_a_gateway_that_is_not_open_is_a_mistake_of_the_caller(kit):
    with pytest.raises(ConfigurationError):
        kit.ledger.receive("elsewhere", b"{}", {})


def test_every_subject_of_the_protocol_has_a_word(kit, account_id):
    for number, subject in enumerate(NoticeSubject):
        notice = made_up(kit, id=f"evt_{number}", subject=subject.value)
        assert notice.subject == subject.value
