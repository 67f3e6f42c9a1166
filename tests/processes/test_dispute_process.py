"""Disputes, refunds in the dashboard and failed settlements, from the gateway's notice to the balance."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from moneyed import Money

from interact_ledger import Ledger, NoticeOutcome, ReceivedNotice, Settings
from interact_ledger.clock import MovableClock, iso
from interact_ledger.domain import events as e
from interact_ledger.domain.refunds import record_refund_absence
from interact_ledger.errors import AccountSuspended, TransactionNotFound
from interact_ledger.gateways.protocol import AfterCapture, Found, Pending
from interact_ledger.gateways.sandbox import Delivery, Fault, SandboxGateway
from interact_ledger.ids import operation_id
from interact_ledger.processes import refunds
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import ONE_SEGMENT, available, events_of, gbp, pay, stored, topics

RECORDED, LATER, UNEXPLAINED = NoticeOutcome.RECORDED, NoticeOutcome.LATER, NoticeOutcome.UNEXPLAINED


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


def deliver(kit: LedgerKit, deliveries: Iterable[Delivery] | None = None) -> list[NoticeOutcome]:
    outcomes = []
    for delivery in kit.gateway.notices_due() if deliveries is None else deliveries:
        (notice,) = kit.ledger.receive("sandbox", delivery.body, delivery.headers)
        if notice.is_acknowledged:
            kit.gateway.acknowledge(notice.notice_id)
        outcomes.append(notice.outcome)
    return outcomes


def paid(kit: LedgerKit, account_id: str, **how: object) -> str:
    """Pay 50.00 and 10.00 tax, take its notices, and return the charge's reference."""
    reference = pay(kit, account_id, **how).gateway_reference
    assert reference is not None
    deliver(kit)
    return reference


def rows_of(kit: LedgerKit) -> dict[str, list[str]]:
    return {table: sorted(map(str, rows)) for table, rows in stored(kit).items()}


def sound(kit: LedgerKit) -> bool:
    """Whether the audit finds nothing, and a rebuild leaves every table as it is."""
    before = rows_of(kit)
    kit.ledger.rebuild()
    report = kit.ledger.audit()
    assert report.findings == ()
    return rows_of(kit) == before


# Disputes ---------------------------------------------------------------------------------------------------------


def test_an_open_dispute_holds_and_a_lost_one_takes_what_was_credited(kit, account_id):
    dispute = kit.gateway.open_dispute(paid(kit, account_id))
    assert deliver(kit) == [RECORDED]
    assert available(kit, account_id) == gbp("0.00")
    assert kit.ledger.balance(account_id).held == kit.ledger.balance(account_id).total == gbp("50.00")
    kit.gateway.decide_dispute(dispute.reference, won=False)
    assert deliver(kit) == [RECORDED]
    assert kit.ledger.balance(account_id).held == kit.ledger.balance(account_id).total == gbp("0.00")
    assert sound(kit)


def test_what_is_won_can_be_spent_again(kit, account_id):
    dispute = kit.gateway.open_dispute(paid(kit, account_id), gbp("12.00"))
    deliver(kit)
    assert available(kit, account_id) == gbp("40.00")
    kit.gateway.decide_dispute(dispute.reference, won=True)
    deliver(kit)
    assert available(kit, account_id) == gbp("50.00")
    assert sound(kit)


def test_disputed_funds_are_not_held_if_the_operator_says_so(account_settings_without_hold):
    with ledger_kit(settings=account_settings_without_hold) as kit:
        account_id = kit.account().account_id
        kit.gateway.open_dispute(paid(kit, account_id))
        deliver(kit)
        assert available(kit, account_id) == gbp("50.00")
        assert sound(kit)


@pytest.fixture
def account_settings_without_hold() -> Settings:
    return Settings.default().model_copy(update={"hold_disputed_funds": False})


def test_a_lost_dispute_of_what_is_spent_suspends_until_the_next_top_up_covers_it(kit, account_id):
    dispute = kit.gateway.open_dispute(paid(kit, account_id))
    kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="before")
    kit.gateway.decide_dispute(dispute.reference, won=False)
    deliver(kit)
    assert kit.ledger.account(account_id).standing == "suspended"
    with pytest.raises(AccountSuspended, match="top up first"):
        kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="after")
    assert kit.ledger.reinstate(account_id, "asked").standing == "suspended"
    pay(kit, account_id, key="again")
    assert kit.ledger.account(account_id).standing == "open"
    deliver(kit)
    assert sound(kit)


def test_a_charge_whose_answer_was_lost_is_credited_before_its_dispute_takes_it(kit, account_id):
    assert pay(kit, account_id, card_token="tok_timeout_after_charging").status == "unknown"
    (charge,) = kit.gateway.captured()
    kit.gateway.open_dispute(charge.reference)
    about_charge, about_dispute = kit.gateway.notices_due()
    assert deliver(kit, [about_dispute, about_charge]) == [RECORDED, RECORDED]
    assert topics(kit, account_id)[-4:] == ["payment-captured", "dispute-opened", "notice-received", "notice-received"]
    assert sound(kit)


def test_the_notice_of_a_capture_tells_what_left_it_since_in_one_append(kit, account_id):
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    (charge,) = kit.gateway.captured()
    kit.gateway.open_dispute(charge.reference)
    about_charge, *_ = kit.gateway.notices_due()
    deliver(kit, [about_charge])
    new = ["payment-captured", "dispute-opened", "notice-received"]
    assert topics(kit, account_id)[-3:] == new


def test_the_date_for_evidence_moves(kit, account_id):
    dispute = kit.gateway.open_dispute(paid(kit, account_id))
    deliver(kit)
    kit.gateway.move_evidence_date(dispute.reference, kit.clock.now() + timedelta(days=20))
    deliver(kit)
    assert [x.evidence_due_by for x in events_of(kit, account_id, e.DisputeEvidenceDue)] == [
        kit.clock.now() + timedelta(days=20)
    ]


# Refunds in the dashboard, and settlements that fail --------------------------------------------------------------


def test_a_refund_in_the_dashboard_takes_what_was_credited_of_it(kit, account_id):
    kit.gateway.refund_in_dashboard(paid(kit, account_id), gbp("12.00"))
    assert deliver(kit) == [RECORDED]
    assert available(kit, account_id) == gbp("40.00")
    assert sound(kit)


def test_a_refund_in_the_dashboard_that_the_bank_sends_back_comes_back(kit, account_id):
    made = kit.gateway.refund_in_dashboard(paid(kit, account_id), gbp("12.00"))
    deliver(kit)
    kit.gateway.return_refund(made.reference)
    assert deliver(kit) == [RECORDED]
    assert available(kit, account_id) == gbp("50.00")


def test_a_refund_in_the_dashboard_that_is_pending_takes_nothing_before_it_is_made(kit, account_id):
    made = kit.gateway.refund_in_dashboard(paid(kit, account_id, card_token="tok_refund_pending"), gbp("12.00"))
    assert isinstance(made, Pending)
    assert deliver(kit) == [RECORDED]
    assert available(kit, account_id) == gbp("50.00")
    kit.gateway.settle(made.reference)
    assert deliver(kit) == [RECORDED]
    assert available(kit, account_id) == gbp("40.00")


def test_a_settlement_that_fails_after_the_capture_takes_everything_back(kit, account_id):
    payment = pay(kit, account_id)
    deliver(kit)
    kit.gateway.reverse_settlement(payment.gateway_reference)
    assert deliver(kit) == [RECORDED]
    assert kit.ledger.balance(account_id).total == gbp("0.00")
    assert kit.ledger.top_up_result(account_id, payment.transaction_id).status == "reversed"
    assert sound(kit)


def test_our_own_refund_that_a_dispute_finds_first_stays_ours(kit, account_id):
    payment = pay(kit, account_id)
    deliver(kit)
    kit.gateway.fail_next("refund", Fault.AFTER)
    refund = kit.ledger.refund(account_id, payment.transaction_id, gbp("12.00"), "asked", idempotency_key="back")
    assert refund.status == "unknown"
    kit.gateway.open_dispute(payment.gateway_reference, gbp("24.00"))
    deliver(kit, kit.gateway.notices_due()[-1:])
    assert kit.ledger.refund_result(account_id, refund.refund_id).status == "succeeded"
    assert events_of(kit, account_id, e.RefundMadeElsewhere) == []
    deliver(kit)
    assert kit.ledger.balance(account_id).total == gbp("40.00")
    assert sound(kit)


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_refund_under_way_and_a_lost_dispute_of_the_whole_charge_take_no_more_than_was_captured(
    kit, account_id, succeeds
):
    paid_for = pay(kit, account_id, card_token="tok_refund_pending")
    deliver(kit)
    refund = kit.ledger.refund(account_id, paid_for.transaction_id, gbp("24.00"), "asked", idempotency_key="refund")
    dispute = kit.gateway.open_dispute(paid_for.gateway_reference, gbp("60.00"))
    kit.gateway.decide_dispute(dispute.reference, won=False)
    deliver(kit)
    assert kit.ledger.balance(account_id).total == gbp("20.00")

    kit.gateway.settle(refund.gateway_reference, succeed=succeeds)
    deliver(kit)
    assert kit.ledger.balance(account_id).total == gbp("0.00")
    (told,) = kit.ledger.disputes(account_id)
    assert told.lost == (gbp("30.00") if succeeds else gbp("50.00"))
    assert sound(kit)


def test_while_our_own_refund_cannot_be_looked_up_what_a_dispute_takes_is_not_known(kit, account_id):
    payment = pay(kit, account_id)
    deliver(kit)
    kit.gateway.fail_next("refund", Fault.AFTER)
    kit.ledger.refund(account_id, payment.transaction_id, gbp("12.00"), "asked", idempotency_key="back")
    dispute = kit.gateway.open_dispute(payment.gateway_reference, gbp("60.00"))
    kit.gateway.decide_dispute(dispute.reference, won=False)
    kit.gateway.fail_next("find_refund", Fault.BEFORE)
    decided = kit.gateway.notices_due()[-1:]
    assert deliver(kit, decided) == [LATER]
    assert deliver(kit, decided) == [RECORDED]
    deliver(kit)
    assert kit.ledger.balance(account_id).total == gbp("0.00")
    assert sound(kit)


# Every order ------------------------------------------------------------------------------------------------------


def test_in_all_orders_of_six_notices_the_same_facts_end_in_the_same_state():
    """The same world over and over: each account's notices come in another order, one of them twice."""
    ends = set()
    with ledger_kit() as kit:
        for order in permutations(range(6)):
            account_id = kit.account().account_id
            due = six_notices(kit, account_id)
            shuffled = [due[place] for place in order]
            outcomes = deliver(kit, [*shuffled, shuffled[0]])
            assert outcomes == [RECORDED] * 6 + [NoticeOutcome.DUPLICATE]
            facts = tuple(topic for topic in topics(kit, account_id) if topic != "notice-received")
            ends.add((str(kit.ledger.balance(account_id)), kit.ledger.account(account_id).standing, facts))
            states = sorted((dispute.status, dispute.held, dispute.lost) for dispute in kit.ledger.disputes(account_id))
            assert states == [("lost", gbp("0.00"), gbp("16.67")), ("open", gbp("25.00"), gbp("0.00"))]
        assert len(ends) == 1
        assert kit.ledger.audit().clean


def six_notices(kit: LedgerKit, account_id: str) -> list[Delivery]:
    """Let a payment be captured, disputed twice, decided and paid back in part; return what tells of it."""
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    reference = kit.gateway.captured()[-1].reference
    first = kit.gateway.open_dispute(reference, gbp("20.00"))
    kit.gateway.decide_dispute(first.reference, won=False)
    kit.clock.advance(timedelta(seconds=1))
    second = kit.gateway.open_dispute(reference, gbp("30.00"))
    kit.gateway.refund_in_dashboard(reference, gbp("7.00"))
    kit.gateway.move_evidence_date(second.reference, kit.clock.now() + timedelta(days=3))
    due = kit.gateway.notices_due()
    assert len(due) == 6
    return due


# What cannot be looked up, or explained ---------------------------------------------------------------------------


def test_while_the_look_up_fails_the_capture_is_credited_and_the_notice_comes_again(kit, account_id):
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    kit.gateway.fail_next("find_after_capture", Fault.BEFORE)
    assert deliver(kit) == [LATER]
    assert available(kit, account_id) == gbp("50.00")
    assert deliver(kit) == [RECORDED]


def test_a_dispute_that_cannot_be_looked_up_is_asked_for_again(kit, account_id):
    kit.gateway.open_dispute(paid(kit, account_id))
    kit.gateway.lookups_available = False
    before = stored(kit)
    assert deliver(kit) == [LATER]
    assert stored(kit) == before
    kit.gateway.lookups_available = True
    assert deliver(kit) == [RECORDED]
    assert available(kit, account_id) == gbp("0.00")


def test_while_look_ups_may_lag_what_they_do_not_list_is_asked_for_again():
    """A notice about something that takes no money, such as an inquiry, is never listed."""
    clock, lag = MovableClock(START), timedelta(minutes=1)
    with (
        SandboxGateway(clock=clock, lookup_lag=lag) as gateway,
        Ledger.open("sqlite://", gateways=[gateway], clock=clock) as ledger,
    ):
        kit = LedgerKit(ledger, clock, gateway)
        account_id = kit.account().account_id
        content = {
            "id": "evt_inquiry",
            "subject": "dispute",
            "reference": "inquiry_1",
            "operation_id": None,
            "occurred_at": iso(clock.now()),
            "charge_reference": paid(kit, account_id),
        }
        body = json.dumps(content).encode()
        outcomes = []
        for _ in range(2):
            (notice,) = ledger.receive("sandbox", body, gateway.signed(body))
            outcomes.append(notice.outcome)
            clock.advance(lag)
        assert outcomes == [LATER, RECORDED]
        assert available(kit, account_id) == gbp("50.00")


def test_a_dispute_at_a_gateway_that_tells_of_none_is_reported_at_once(kit, account_id, monkeypatch):
    reference = paid(kit, account_id)
    without = replace(kit.gateway.capabilities, tells_after_capture=False)
    monkeypatch.setattr(kit.gateway, "_capabilities", without)
    dispute = kit.gateway.open_dispute(reference)
    assert deliver(kit) == [UNEXPLAINED]
    assert available(kit, account_id) == gbp("50.00")
    (finding,) = kit.ledger.audit().findings
    assert finding.code == "notice_unexplained"
    assert f"dispute {dispute.reference}" in finding.message


def test_what_was_unexplained_and_is_explained_after_all_is_reported_no_more(kit, account_id):
    kit.gateway.open_dispute(paid(kit, account_id))
    (delivery,) = kit.gateway.notices_due()
    kit.clock.advance(timedelta(days=2))
    kit.gateway.lookups_available = False
    body = delivery.body
    (notice,) = kit.ledger.receive("sandbox", body, kit.gateway.signed(body))
    assert notice.outcome is UNEXPLAINED
    kit.gateway.lookups_available = True
    (notice,) = kit.ledger.receive("sandbox", body, kit.gateway.signed(body))
    assert notice.outcome is RECORDED
    assert available(kit, account_id) == gbp("0.00")
    assert sound(kit)


def test_facts_in_another_currency_than_the_charge_take_nothing_and_are_left_to_a_person(kit, account_id, monkeypatch):
    kit.gateway.open_dispute(paid(kit, account_id))
    look = kit.gateway.find_after_capture

    def in_euro(reference: str) -> Found[AfterCapture]:
        after = look(reference).result
        changed = tuple(replace(dispute, amount=Money(60, "EUR")) for dispute in after.disputes)
        return Found(replace(after, disputes=changed))

    monkeypatch.setattr(kit.gateway, "find_after_capture", in_euro)
    assert deliver(kit) == [LATER]
    kit.clock.advance(timedelta(days=1))
    assert deliver(kit) == [UNEXPLAINED]
    assert available(kit, account_id) == gbp("50.00")


def test_a_dispute_of_a_charge_that_was_never_credited_is_left_to_a_person(kit, account_id):
    kit.gateway.open_dispute(paid(kit, account_id, card_token="tok_captures_less"))
    assert deliver(kit) == [LATER]
    kit.clock.advance(timedelta(days=1))
    assert deliver(kit) == [UNEXPLAINED]
    assert [finding.code for finding in kit.ledger.audit().attention] == ["capture_mismatched", "notice_unexplained"]


def test_a_payment_in_the_dashboard_for_a_customer_of_ours_is_reported_and_never_credited(kit, account_id):
    paid(kit, account_id)
    customer_id = kit.ledger._account(account_id).gateway_customers["sandbox"]
    kit.gateway.pay_in_dashboard(customer_id, gbp("25.00"))
    (delivery,) = kit.gateway.notices_due()
    assert deliver(kit, [delivery, delivery]) == [UNEXPLAINED, UNEXPLAINED]
    assert available(kit, account_id) == gbp("50.00")
    assert len(events_of(kit, account_id, e.NoticeUnexplained)) == 1
    report = kit.ledger.audit()
    assert (report.clean, [finding.code for finding in report.findings]) == (True, ["notice_unexplained"])
    assert kit.gateway.notices_due() == []


def unexplained(kit: LedgerKit, named: str, **changes: object) -> ReceivedNotice:
    """Receive a notice that is too old to come again, about what no look-up finds."""
    content = {
        "id": "evt_lost",
        "subject": "charge",
        "reference": "pay_lost",
        "operation_id": named,
        "occurred_at": iso(kit.clock.now() - timedelta(days=2)),
    } | changes
    body = json.dumps(content).encode()
    (notice,) = kit.ledger.receive("sandbox", body, kit.gateway.signed(body))
    assert notice.outcome is UNEXPLAINED
    return notice


def test_what_bears_our_id_and_is_no_accounts_stands_in_the_gateways_book(kit):
    for _ in range(2):
        assert unexplained(kit, "txn_lost").account_id is None
    ((recorded, _),) = kit.ledger._log.select("gateway_sandbox")
    assert (recorded.version, recorded.event.about) == (1, "pay_lost")
    report = kit.ledger.audit()
    assert [(finding.code, finding.account_id) for finding in report.findings] == [
        ("notice_unexplained", "gateway_sandbox")
    ]
    before = rows_of(kit)
    kit.ledger.rebuild()
    assert rows_of(kit) == before


def test_what_stands_in_the_gateways_book_is_not_recorded_again_once_its_account_is_known(kit, account_id):
    paid_later = "a request that is repeated after its ledger was restored from before it"
    transaction_id = operation_id(account_id, paid_later)
    assert unexplained(kit, transaction_id).account_id is None
    assert pay(kit, account_id, key=paid_later).transaction_id == transaction_id
    assert unexplained(kit, transaction_id).account_id == account_id
    assert [finding.code for finding in kit.ledger.audit().findings] == ["notice_unexplained"]


@pytest.mark.parametrize("subject", ["charge", "card", "refund", "dispute", "other"])
def test_an_entry_in_a_book_is_no_operation_of_an_account(kit, account_id, subject):
    paid(kit, account_id)
    unexplained(kit, "txn_lost")
    rows = kit.ledger._log.query("SELECT operation_id FROM operations WHERE stream_id NOT LIKE 'acct%'", ())
    assert sorted(row["operation_id"][:4] for row in rows) == ["inv_", "ntu_"]
    for entry in (row["operation_id"] for row in rows):
        about = {"id": f"evt_{entry}", "subject": subject, "charge_reference": "pay_lost"}
        assert unexplained(kit, entry, **about).account_id is None
        with pytest.raises(TransactionNotFound):
            kit.ledger.receipt(entry)


# Cards ------------------------------------------------------------------------------------------------------------


def saved_card(kit: LedgerKit, account_id: str) -> tuple[str, str]:
    """Save a card with a payment; return our id of it and the gateway's token."""
    paid(kit, account_id, save_card=True)
    (card,) = kit.ledger._account(account_id).cards.values()
    return card.card_id, card.token


def test_a_card_that_is_detached_at_the_gateway_is_gone(kit, account_id):
    card_id, token = saved_card(kit, account_id)
    kit.gateway.detach_card(token)
    assert set(deliver(kit)) == {RECORDED}
    assert kit.ledger.cards(account_id) == ()
    assert [event.card_id for event in events_of(kit, account_id, e.CardDetached)] == [card_id]
    assert kit.ledger._account(account_id).default_card_id is None
    assert sound(kit)


def test_a_card_that_its_network_renews_is_shown_as_it_is_now(kit, account_id):
    _, token = saved_card(kit, account_id)
    kit.gateway.update_card(token, last_four="1881", expiry_month=7, expiry_year=2041)
    assert deliver(kit) == [RECORDED]
    (card,) = kit.ledger.cards(account_id)
    assert (card.last_four, card.expiry_month, card.expiry_year) == ("1881", 7, 2041)
    kit.gateway.update_card(token)
    assert deliver(kit) == [RECORDED]
    assert len(events_of(kit, account_id, e.CardUpdated)) == 1
    assert sound(kit)


def test_a_card_that_is_being_removed_and_is_gone_at_the_gateway_is_removed(kit, account_id):
    card_id, token = saved_card(kit, account_id)
    kit.gateway.fail_next("forget", Fault.BEFORE)
    kit.ledger.remove_card(account_id, card_id, idempotency_key="remove")
    kit.gateway.detach_card(token)
    deliver(kit)
    assert topics(kit, account_id)[-2:] == ["card-removed", "notice-received"]
    assert sound(kit)


def test_while_a_card_cannot_be_looked_up_it_stays_and_the_notice_comes_again(kit, account_id):
    _, token = saved_card(kit, account_id)
    kit.gateway.detach_card(token)
    kit.gateway.fail_next("find_saved_card", Fault.BEFORE)
    assert deliver(kit) == [LATER]
    assert len(kit.ledger.cards(account_id)) == 1
    assert deliver(kit) == [RECORDED]
    assert kit.ledger.cards(account_id) == ()


def test_a_refund_that_was_taken_for_never_made_is_recorded_when_its_notice_tells_of_it(kit, account_id):
    transaction_id = pay(kit, account_id).transaction_id
    deliver(kit)
    kit.gateway.fail_next("refund", Fault.AFTER)
    asked = kit.ledger.refund(account_id, transaction_id, gbp("12.00"), "asked", idempotency_key="back")
    assert asked.status == "unknown"
    found = refunds.load(kit.ledger._context, account_id, asked.refund_id)
    kit.ledger._context.transact(account_id, lambda *_: record_refund_absence(found, found.intent.attempt_id))
    before = available(kit, account_id)
    deliver(kit)
    told = kit.ledger.refund_result(account_id, asked.refund_id)
    assert (told.status, available(kit, account_id)) == ("succeeded", before - told.credit)
