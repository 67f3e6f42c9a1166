"""What audits clean, and what is reported for a person to decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest
from moneyed import Money

from interact_ledger import Message
from interact_ledger.audit import audit, auditor
from interact_ledger.audit.topics import TOPICS as AUDITED
from interact_ledger.domain.events import TOPICS
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, ledger_kit


def opened(path):
    return ledger_kit(f"sqlite:///{path}")


def test_a_ledger_put_through_every_verb_audits_clean(exercised_file):
    with opened(exercised_file) as kit:
        report = kit.ledger.audit()
    assert report.findings == ()
    assert report.clean


def test_the_exercised_ledger_holds_every_topic_but_the_one_that_needs_attention(exercised_file):
    with opened(exercised_file) as kit:
        found = {row["topic"] for row in kit.ledger._query("SELECT DISTINCT topic FROM stored_events", ())}
    assert found == set(TOPICS) - {"capture-mismatched", "refund-mismatched", "refund-returned", "notice-unexplained"}


def test_every_event_of_the_ledger_has_its_line_in_the_audits_own_table():
    assert {topic: (cls.OPERATIONS, cls.STARTS, cls.VERSION) for topic, cls in TOPICS.items()} == {
        topic: (known.subjects, known.starts, max(known.versions)) for topic, known in AUDITED.items()
    }


def test_an_empty_ledger_audits_clean():
    with ledger_kit() as kit:
        report = kit.ledger.audit()
    assert (report.events, report.accounts, report.clean) == (0, 0, True)


def test_a_rebuilt_ledger_audits_clean(tampered):
    tampered.rebuild()
    assert tampered.audit().findings == ()


def test_what_a_gateway_did_unasked_for_is_reported_and_leaves_the_ledger_whole(attention_file):
    with opened(attention_file) as kit:
        report = kit.ledger.audit()
    assert report.clean
    assert report.integrity == ()
    codes = ["capture_mismatched", "capture_late", "refund_mismatched", "refund_returned", "refund_late"]
    assert [finding.code for finding in report.attention] == [*codes, "notice_unexplained", "notice_unexplained"]
    assert report.counts == dict.fromkeys(codes, 1) | {"notice_unexplained": 2}


def test_what_a_gateway_leaves_open_for_more_than_a_day_is_reported():
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        paid = kit.top_up(account_id, Money("10.00", "GBP"), save_card=True)
        (card,) = kit.ledger.cards(account_id)
        for verb in ("forget", "refund"):
            kit.gateway.fail_next(verb, Fault.BEFORE)
        kit.ledger.remove_card(account_id, card.card_id, idempotency_key="remove")
        kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="back")
        kit.top_up(account_id, Money("10.00", "GBP"), card_token="tok_pending")
        kit.ledger.save_card(account_id, "tok_pending", idempotency_key="save")
        kit.clock.advance(timedelta(days=1))
        assert {finding.code for finding in kit.ledger.audit().findings} <= {"unsettled"}
        kit.clock.advance(timedelta(minutes=1, seconds=1))
        report = kit.ledger.audit()
    assert report.clean
    assert report.counts == {"unsettled": 4}
    kinds = sorted(finding.message.split()[0] for finding in report.attention)
    assert kinds == ["card_removal", "card_saving", "payment", "refund"]


def test_a_queued_refund_that_nobody_tries_again_for_more_than_a_day_is_reported():
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        paid = kit.top_up(account_id, Money("10.00", "GBP"), card_token="tok_settles_in_a_day")
        kit.ledger.refund(account_id, paid.transaction_id, Money("6.00", "GBP"), "asked", idempotency_key="back")
        kit.clock.advance(timedelta(days=1, hours=1))
        assert kit.ledger.audit().findings == ()
        kit.clock.advance(timedelta(minutes=1, seconds=1))
        (finding,) = kit.ledger.audit().findings
    assert (finding.code, finding.message.split()[0]) == ("unsettled", "queued_refund")


def test_granted_credit_that_a_hold_used_up_is_gone_for_the_audit_too():
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        kit.top_up(account_id, Money("10.00", "GBP"))
        over_at = START + timedelta(days=1)
        gift = Money("0.26", "GBP")
        kit.ledger.grant_credit(account_id, gift, "welcome", idempotency_key="g", expires_at=over_at)
        held = kit.ledger.hold(account_id, Money("2", "GBP"), "campaign", idempotency_key="h")
        for key in ("a", "b"):
            four = Message(key, "GB", text="hi", quantity=4)
            kit.ledger.settle(account_id, held.hold_id, [four], idempotency_key=key)
        kit.ledger.spend(account_id, Message("m", "GB", text="hi"), idempotency_key="m")
        assert kit.ledger.granted_credit(account_id) == ()
        assert kit.ledger.audit().findings == ()


def test_a_card_that_its_gateway_keeps_under_one_token_may_be_saved_again(monkeypatch):
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        save = kit.gateway.save
        monkeypatch.setattr(kit.gateway, "save", lambda request, card: replace(save(request, card), token="card_one"))
        for key in ("a", "b"):
            kit.ledger.save_card(account_id, "tok_visa", idempotency_key=key)
        assert len(kit.ledger.cards(account_id)) == 1
        assert kit.ledger.audit().findings == ()


def test_the_report_says_where_the_money_of_each_currency_came_from_and_went_to():
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        kit.top_up(account_id, Money("10.00", "GBP"))
        bought = kit.ledger.spend(account_id, Message("m", "GB", text="hi", quantity=4), idempotency_key="m")
        kit.ledger.reverse_spend(account_id, bought.transaction_id, "lost", idempotency_key="r", lines=[("m", 1)])
        kit.ledger.adjust(account_id, Money("-1", "GBP"), "fee", idempotency_key="a")
        kit.ledger.hold(account_id, Money("2", "GBP"), "job", idempotency_key="h")
        kit.account("JPY", "JP")
        report = kit.ledger.audit()
    pounds, yen = report.currencies
    assert (report.accounts, pounds.accounts, yen.accounts) == (2, 1, 1)
    assert (pounds.captured, pounds.taxed, pounds.credited) == (Decimal(12), Decimal(2), Decimal(10))
    assert (pounds.spent, pounds.reversed, pounds.adjusted) == (Decimal("0.13"), Decimal("0.0325"), Decimal(-1))
    assert (pounds.balance, pounds.held) == (Decimal("8.9025"), Decimal(2))
    assert pounds.conserved
    assert yen.balance == 0


def test_the_sums_do_not_depend_on_the_hosts_decimal_context(exercised_file):
    with opened(exercised_file) as kit, localcontext(prec=2):
        assert kit.ledger.audit().findings == ()


def test_progress_is_told_up_to_the_last_event(exercised_file, monkeypatch):
    monkeypatch.setattr(auditor, "_PROGRESS_EVERY", 100)
    told = []
    with opened(exercised_file) as kit:
        report = kit.ledger.audit(on_progress=lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == [*range(100, report.events, 100), report.events]
    assert {of for _, of in told} == {report.events}


def test_writers_go_on_while_a_ledger_is_audited(exercised_file, tampered):
    with opened(tampered.path) as kit:
        accounts = [account.account_id for account in kit.ledger.accounts().accounts]

        def fold_while_others_write(account_id, version):
            kit.ledger.adjust(accounts[0], Money("1", "GBP"), "meanwhile", idempotency_key=account_id)
            return kit.ledger._folded(account_id, version)

        with kit.ledger._log.at_one_moment() as read:
            report = audit(read, fold_while_others_write, lambda _done, _of: None, START)
        assert report.findings == ()
        after = kit.ledger.audit()
    assert after.clean
    assert after.events == report.events + len(accounts)


@pytest.mark.parametrize("amount", ["0.000001", "-0.5", "999999999999999.999999"])
def test_amounts_of_every_size_add_up(amount):
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        kit.ledger.adjust(account_id, Money("1", "GBP"), "start", idempotency_key="1")
        kit.ledger.adjust(account_id, Money(amount, "GBP"), "test", idempotency_key="2")
        report = kit.ledger.audit()
    assert report.clean
    assert report.currencies[0].balance == 1 + Decimal(amount)
