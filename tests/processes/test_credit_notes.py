"""Every refund gets one credit note that says what it gave back, in a series without gaps, whoever asks and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moneyed import Money

from interact_ledger import CreditNote, Ledger, Receipt, Settings
from interact_ledger.domain import events as e
from interact_ledger.domain.charges import Charge, Parts, fold_charges
from interact_ledger.domain.disputes import record_after_capture
from interact_ledger.domain.refunds import record_refund_result
from interact_ledger.errors import NotRefundable, TransactionNotFound
from interact_ledger.gateways.protocol import AfterCapture, Refunded, RefundMade
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.ids import operation_id
from interact_ledger.processes import invoicing, refunds
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import events_of, gbp, opened, pay, topics


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


def deliver(kit: LedgerKit) -> None:
    for delivery in kit.gateway.notices_due():
        if all(notice.is_acknowledged for notice in kit.ledger.receive("sandbox", delivery.body, delivery.headers)):
            kit.gateway.acknowledge(delivery.notice_id)


def refund(kit: LedgerKit, account_id: str, transaction_id: str, amount: Money | None, key: str = "refund") -> str:
    """Pay back and return the gateway's id of the refund."""
    paid_back = kit.ledger.refund(account_id, transaction_id, amount, "asked", idempotency_key=key)
    return str(paid_back.gateway_reference)


def numbers(kit: LedgerKit, account_id: str) -> list[str]:
    return [note.credit_note_number for note in kit.ledger.credit_notes(account_id)]


def due(kit: LedgerKit) -> list[object]:
    return list(kit.ledger._query("SELECT * FROM credit_notes_due", []))


def total(note: CreditNote) -> tuple[str, ...]:
    return str(note.credit.amount), *(str(tax.amount.amount) for tax in note.taxes), str(note.total.amount)


# What gets one ----------------------------------------------------------------------------------------------------


def test_a_credit_note_names_the_receipt_and_says_what_was_given_back_of_each_part(kit, account_id):
    paid = pay(kit, account_id)
    reference = refund(kit, account_id, paid.transaction_id, gbp("12.01"))
    assert due(kit) == []
    receipt = kit.ledger.receipt(paid.transaction_id)
    (note,) = receipt.credit_notes
    assert (note.credit_note_number, note.invoice_number) == ("interact-gb-CN-000001", "interact-gb-000001")
    assert note.invoice_number == receipt.invoice_number
    assert note.transaction_id == receipt.transaction_id
    assert note.gateway_reference == reference
    assert total(note) == ("10.01", "2.00", "12.01")
    assert (note.seller_name, note.seller_address) == (receipt.seller_name, receipt.seller_address)
    assert (note.cancellation_number, note.cancelled_at) == (None, None)
    assert kit.ledger.credit_note(note.credit_note_id) == note
    assert kit.ledger.credit_notes(account_id) == [note]


def test_a_refund_made_in_the_dashboard_gets_one(kit, account_id):
    paid = pay(kit, account_id)
    kit.gateway.refund_in_dashboard(str(paid.gateway_reference), gbp("6.00"))
    deliver(kit)
    (note,) = kit.ledger.credit_notes(account_id)
    assert total(note) == ("5.00", "1.00", "6.00")


def test_a_refund_made_in_the_dashboard_that_no_notice_told_of_gets_one_once_it_is_looked_for(kit, account_id):
    paid = pay(kit, account_id)
    kit.gateway.refund_in_dashboard(str(paid.gateway_reference), gbp("6.00"))
    kit.ledger.look_again(kit.clock.now(), gateway="sandbox")
    assert due(kit) == []
    assert numbers(kit, account_id) == ["interact-gb-CN-000001"]


def test_a_refund_made_elsewhere_of_what_was_lost_before_gets_none_and_neither_does_its_return(kit, account_id):
    paid = pay(kit, account_id)
    charge = str(paid.gateway_reference)
    kit.gateway.decide_dispute(kit.gateway.open_dispute(charge).reference, won=False)
    deliver(kit)
    for returned in (False, True):
        made = RefundMade(
            reference="rfd_both", amount=gbp("6.00"), refunded_at=kit.clock.now(), operation_id=None, returned=returned
        )
        told = AfterCapture(refunds=(made,), disputes=())
        kit.ledger._context.transact(
            account_id,
            lambda _, history, told=told: record_after_capture(
                fold_charges(history(paid.transaction_id))[charge], told, hold=True
            ),
        )
    assert topics(kit, account_id)[-2:] == ["refund-made-elsewhere", "refund-elsewhere-returned"]
    assert (due(kit), kit.ledger.credit_notes(account_id)) == ([], [])
    assert kit.ledger.audit().clean


def test_a_refund_that_comes_back_cancels_its_note_by_the_next_number(kit, account_id):
    paid = pay(kit, account_id)
    returned = refund(kit, account_id, paid.transaction_id, gbp("12.00"), "first")
    refund(kit, account_id, paid.transaction_id, gbp("6.00"), "second")
    kit.gateway.return_refund(returned)
    deliver(kit)
    first, second = kit.ledger.receipt(paid.transaction_id).credit_notes
    assert (first.credit_note_number, first.cancellation_number) == ("interact-gb-CN-000001", "interact-gb-CN-000003")
    assert (second.credit_note_number, second.cancellation_number) == ("interact-gb-CN-000002", None)
    assert kit.ledger.receipt(paid.transaction_id).left == gbp("54.00")
    assert kit.ledger.credit_note(first.credit_note_id) == first


def test_a_refund_made_in_the_dashboard_that_comes_back_cancels_its_note(kit, account_id):
    paid = pay(kit, account_id)
    made = kit.gateway.refund_in_dashboard(str(paid.gateway_reference), gbp("6.00"))
    deliver(kit)
    kit.gateway.return_refund(str(getattr(made, "reference", "")))
    deliver(kit)
    (note,) = kit.ledger.credit_notes(account_id)
    assert note.cancellation_number == "interact-gb-CN-000002"


def test_a_refund_of_another_amount_than_asked_for_gets_a_note_of_what_was_asked_for_and_debited(kit, account_id):
    paid = pay(kit, account_id, card_token="tok_refund_pending")
    refund(kit, account_id, paid.transaction_id, gbp("12.00"))
    assert kit.ledger.credit_notes(account_id) == []
    find_paid(kit, account_id, "rfd_other", gbp("11.99"))
    (note,) = kit.ledger.credit_notes(account_id)
    assert total(note) == ("10.00", "2.00", "12.00")


def find_paid(kit: LedgerKit, account_id: str, reference: str, amount: Money) -> None:
    """Record that the gateway says it paid back what was asked for under the key "refund"."""
    context, refund_id = kit.ledger._context, operation_id(account_id, "refund")
    found = refunds.load(context, account_id, refund_id)
    result = Refunded(reference=reference, amount=amount, refunded_at=kit.clock.now())

    def record(_, history):
        charge = fold_charges(history(found.intent.transaction_id))[found.intent.charge_reference]
        return record_refund_result(found, charge, found.intent.attempt_id, result)

    context.transact(account_id, record)


def test_what_paid_nothing_back_gets_none(kit, account_id):
    paid = pay(kit, account_id, card_token="tok_refund_pending")
    pending = refund(kit, account_id, paid.transaction_id, gbp("12.00"))
    kit.ledger.recover()
    assert numbers(kit, account_id) == []
    kit.gateway.settle(pending, succeed=False)
    deliver(kit)
    assert (numbers(kit, account_id), due(kit)) == ([], [])
    assert kit.ledger.receipt(paid.transaction_id).left == gbp("60.00")


@pytest.mark.parametrize("kind", ["dispute", "settlement"])
def test_what_the_seller_did_not_give_back_gets_none_and_the_receipt_says_it(kit, account_id, kind):
    paid = pay(kit, account_id)
    charge = str(paid.gateway_reference)
    if kind == "dispute":
        kit.gateway.decide_dispute(kit.gateway.open_dispute(charge, gbp("12.00")).reference, won=False)
    else:
        kit.gateway.reverse_settlement(charge)
    deliver(kit)
    receipt = kit.ledger.receipt(paid.transaction_id)
    assert (receipt.credit_notes, due(kit)) == ((), [])
    assert (receipt.dispute, receipt.is_reversed) == (("lost", False) if kind == "dispute" else (None, True))
    assert receipt.left == gbp("48.00" if kind == "dispute" else "0.00")


# What a receipt says ----------------------------------------------------------------------------------------------


def test_a_receipt_says_how_a_dispute_of_it_stands(kit, account_id):
    paid, other = pay(kit, account_id), pay(kit, account_id, "other")
    charge = str(paid.gateway_reference)
    first, second = (kit.gateway.open_dispute(charge, gbp(amount)).reference for amount in ("12.00", "6.00"))

    def said() -> tuple[str | None, Money]:
        deliver(kit)
        receipt, untouched = kit.ledger.receipts(account_id)
        assert receipt == kit.ledger.receipt(paid.transaction_id)
        assert (untouched.transaction_id, untouched.dispute, untouched.left) == (
            other.transaction_id,
            None,
            untouched.total,
        )
        return receipt.dispute, receipt.left

    assert said() == ("open", gbp("60.00"))
    kit.gateway.decide_dispute(first, won=False)
    assert said() == ("open", gbp("48.00"))
    kit.gateway.decide_dispute(second, won=True)
    assert said() == ("lost", gbp("48.00"))
    kit.gateway.decide_dispute(first, won=True)
    assert said() == (None, gbp("60.00"))


def test_the_note_of_a_whole_refund_is_the_whole_receipt(kit, account_id):
    paid = pay(kit, account_id)
    refund(kit, account_id, paid.transaction_id, None)
    receipt = kit.ledger.receipt(paid.transaction_id)
    (note,) = receipt.credit_notes
    assert (note.credit, note.taxes, note.total) == (receipt.credit, receipt.taxes, receipt.total)
    assert receipt.left == gbp("0.00")


def test_each_charge_of_a_transaction_has_its_own_notes(kit, account_id):
    kit.gateway.fail_next("charge", Fault.REFUSED)
    quote_id = kit.ledger.checkout(account_id, gbp("50.00")).quote_id
    for _ in range(2):  # the second goes on with a new attempt
        paid = kit.ledger.top_up(account_id, quote_id, card_token="tok_visa", idempotency_key="pay")
    context, transaction_id = kit.ledger._context, paid.transaction_id
    (captured,) = events_of(kit, account_id, e.PaymentCaptured)
    attempt_id = events_of(kit, account_id, e.PaymentAttempted)[0].attempt_id
    first = captured.model_copy(update={"reference": "pay_late", "attempt_id": attempt_id, "late": True})
    context.transact(account_id, lambda *_: [first])
    kit.ledger.refund(
        account_id, transaction_id, gbp("12.00"), "why", idempotency_key="refund", charge=paid.gateway_reference
    )
    one, other = kit.ledger.receipts(account_id)
    assert (one.gateway_reference, len(one.credit_notes), one.left) == (paid.gateway_reference, 1, gbp("48.00"))
    assert (other.gateway_reference, other.credit_notes, other.left) == ("pay_late", (), gbp("60.00"))
    assert one.credit_notes[0].invoice_number == one.invoice_number != other.invoice_number


def test_the_lines_of_a_statement_name_their_documents(kit, account_id, monkeypatch):
    first, second = pay(kit, account_id), pay(kit, account_id, "second")
    returned = refund(kit, account_id, first.transaction_id, gbp("6.00"), "returned")
    kit.gateway.return_refund(returned)
    deliver(kit)
    kit.gateway.refund_in_dashboard(str(second.gateway_reference), gbp("12.00"))
    deliver(kit)
    kit.ledger.adjust(account_id, gbp("1.00"), "why", idempotency_key="adjust")
    with monkeypatch.context() as patch:
        patch.setattr(invoicing, "issue_credit_notes", lambda *_: None)
        refund(kit, account_id, second.transaction_id, gbp("1.20"), "not numbered yet")
    lines = kit.ledger.statement(account_id).lines
    assert [(line.kind, line.document) for line in lines] == [
        ("payment-captured", "interact-gb-000001"),
        ("payment-captured", "interact-gb-000002"),
        ("refunded", "interact-gb-CN-000001"),
        ("refund-returned", "interact-gb-CN-000002"),
        ("refund-made-elsewhere", "interact-gb-CN-000003"),
        ("balance-adjusted", None),
        ("refunded", None),
    ]
    (page,) = kit.ledger.statement(account_id, after=lines[1].version, limit=1).lines
    assert page == lines[2]


def test_credit_notes_come_in_pages(kit, account_id):
    paid = pay(kit, account_id)
    for key in "123":
        refund(kit, account_id, paid.transaction_id, gbp("6.00"), key)
    first, second = kit.ledger.credit_notes(account_id, limit=2)
    (third,) = kit.ledger.credit_notes(account_id, after=second.version, limit=2)
    assert [first, second, third] == kit.ledger.credit_notes(account_id)
    assert kit.ledger.credit_notes(account_id, after=third.version) == []


def test_an_unknown_credit_note_is_not_found(kit, account_id):
    paid = pay(kit, account_id)
    returned = refund(kit, account_id, paid.transaction_id, None)
    kit.gateway.return_refund(returned)
    deliver(kit)
    (row,) = kit.ledger._query("SELECT document_id FROM credit_notes WHERE cancels IS NOT NULL", [])
    for unknown in ("crn_unknown", paid.transaction_id, account_id, row["document_id"]):
        with pytest.raises(TransactionNotFound) as refused:
            kit.ledger.credit_note(unknown)
        assert refused.value.field == "credit_note_id"


# Once, without gaps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["receipt", "receipts", "credit_notes", "recover", "run_due"])
def test_a_refund_whose_process_died_before_its_note_gets_it_later(kit, account_id, monkeypatch, ask):
    paid = pay(kit, account_id)
    with monkeypatch.context() as patch:
        patch.setattr(invoicing, "issue_credit_notes", lambda *_: None)
        returned = refund(kit, account_id, paid.transaction_id, gbp("12.00"))
        kit.gateway.return_refund(returned)
        deliver(kit)
    assert len(due(kit)) == 2
    arguments = {"receipt": [paid.transaction_id], "receipts": [account_id], "credit_notes": [account_id]}
    getattr(kit.ledger, ask)(*arguments.get(ask, []))
    assert due(kit) == []
    (note,) = kit.ledger.receipt(paid.transaction_id).credit_notes
    assert (note.credit_note_number, note.cancellation_number) == ("interact-gb-CN-000001", "interact-gb-CN-000002")


def test_a_note_waits_for_the_invoice_that_it_names(kit, account_id, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(invoicing, "issue_invoices", lambda *_: None)
        paid = pay(kit, account_id)
        refund(kit, account_id, paid.transaction_id, gbp("12.00"))
        assert len(due(kit)) == 1
    assert kit.ledger.receipt(paid.transaction_id).credit_notes[0].invoice_number == "interact-gb-000001"


def test_a_note_is_of_the_seller_of_its_day_and_names_the_invoice_of_the_other_series(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_id = kit.account().account_id
        paid = pay(kit, account_id)
        refund(kit, account_id, paid.transaction_id, gbp("6.00"))
        seller = Settings.default().seller.model_copy(update={"id": "interact-fr"})
        renamed = Settings.default().model_copy(update={"seller": seller})
        with Ledger.open(url, gateways=[kit.gateway], settings=renamed, clock=kit.clock) as other:
            refund(replace(kit, ledger=other), account_id, paid.transaction_id, gbp("12.00"), "again")
            first, second = other.receipt(paid.transaction_id).credit_notes
            assert (first.credit_note_number, first.invoice_number) == ("interact-gb-CN-000001", "interact-gb-000001")
            assert (second.credit_note_number, second.invoice_number) == ("interact-fr-CN-000001", "interact-gb-000001")
            assert other.audit().clean


def test_threads_of_several_ledgers_give_each_refund_one_note_without_gaps(store_url):
    with ledger_kit(store_url) as kit:
        paid = [(one, pay(kit, one)) for one in (opened(kit, f"customer-{n}").account_id for n in range(4))]
        ledgers = [Ledger.open(store_url, gateways=[kit.gateway], clock=kit.clock) for _ in range(2)]

        def pay_back(n: int) -> None:
            account_id, payment = paid[n % 4]
            ledger = ledgers[n % 2]
            ledger.refund(account_id, payment.transaction_id, gbp("1.20"), "asked", idempotency_key=f"k{n}")
            ledger.recover()

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(pay_back, range(24)))
        for ledger in ledgers:
            ledger.close()
        given = [number for account_id, _ in paid for number in numbers(kit, account_id)]
        assert sorted(given) == [f"interact-gb-CN-{number:06d}" for number in range(1, 25)]
        assert kit.ledger.audit().clean


def test_a_note_that_is_given_during_a_rebuild_is_due_no_more_after_it(kit, account_id):
    paid = pay(kit, account_id)
    told = []

    def pay_back_once(_done: int, _of: int) -> None:
        if not told:
            told.append(refund(kit, account_id, paid.transaction_id, gbp("6.00")))

    kit.ledger.rebuild(pay_back_once)

    assert (due(kit), numbers(kit, account_id)) == ([], ["interact-gb-CN-000001"])
    assert kit.ledger.audit().clean


def test_notes_that_come_to_more_than_their_receipt_are_for_a_person(kit, account_id, monkeypatch):
    paid = pay(kit, account_id)
    kit.gateway.fail_next("refund", Fault.BEFORE)
    kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="refund")
    kit.gateway.refund_in_dashboard(str(paid.gateway_reference), gbp("59.00"))
    deliver(kit)
    assert "credit_note_exceeds" not in kit.ledger.audit().counts
    with monkeypatch.context() as as_it_once_was:
        as_it_once_was.setattr(Charge, "taken_by", lambda _, intent: Parts.of(intent))
        find_paid(kit, account_id, "rfd_paid_twice", gbp("60.00"))
    kit.ledger.recover()
    assert len(kit.ledger.credit_notes(account_id)) == 2
    report = kit.ledger.audit()
    assert (report.counts["credit_note_exceeds"], report.clean) == (1, True)


def test_a_note_is_of_no_more_than_a_refund_took_of_its_charge(kit, account_id):
    paid = pay(kit, account_id)
    kit.gateway.fail_next("refund", Fault.BEFORE)
    kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="refund")
    kit.gateway.refund_in_dashboard(str(paid.gateway_reference), gbp("59.00"))
    deliver(kit)
    find_paid(kit, account_id, "rfd_paid_twice", gbp("60.00"))
    kit.ledger.recover()
    assert [total(note) for note in kit.ledger.credit_notes(account_id)] == [
        ("49.17", "9.83", "59.00"),
        ("0.83", "0.17", "1.00"),
    ]
    told = []
    kit.ledger.deliver_notifications("mail", told.append)
    assert [one.get_data()["total"] for one in told] == ["59.00", "60.00"]
    report = kit.ledger.audit()
    assert (report.counts, report.clean) == ({"refund_exceeds": 1}, True)


# Any sequence -----------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["refund", "refund", "dashboard", "return"]), st.integers(1, 4_000)), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, where=st.sampled_from([("GBP", "GB", None), ("USD", "CA", "BC"), ("JPY", "JP", None)]))
def test_the_notes_that_hold_come_to_what_was_given_back_of_each_part(steps, where):
    with ledger_kit() as kit:
        account_id = kit.account(*where).account_id
        currency = where[0]
        unit = Money(1 if currency == "JPY" else "0.01", currency)
        payments = [kit.top_up(account_id, Money("3000" if currency == "JPY" else "20.00", currency)) for _ in range(2)]
        sent: list[str] = []
        for n, (what, size) in enumerate(steps):
            payment = payments[size % 2]
            if what == "return" and sent:
                kit.gateway.return_refund(sent.pop(size % len(sent)))
            elif what == "dashboard":
                made = kit.gateway.refund_in_dashboard(str(payment.gateway_reference), unit * size)
                sent.append(str(getattr(made, "reference", "")))
            elif what == "refund":
                try:
                    sent.append(refund(kit, account_id, payment.transaction_id, unit * size, f"k{n}"))
                except NotRefundable:
                    continue
            deliver(kit)
        for payment in payments:
            assert_notes_come_to_what_left(kit, kit.ledger.receipt(payment.transaction_id))
        assert due(kit) == []
        report = kit.ledger.audit()
        assert set(report.counts) <= {"refund_returned"}


def assert_notes_come_to_what_left(kit: LedgerKit, receipt: Receipt) -> None:
    holding = [note for note in receipt.credit_notes if note.cancelled_at is None]
    given = sum((note.total for note in holding), receipt.total * 0)
    assert given == receipt.total - receipt.left
    (payment,) = (one for one in kit.gateway.captured() if one.reference == receipt.gateway_reference)
    assert given == min(payment.refunded, payment.amount)
    for n, tax in enumerate(receipt.taxes):
        of_it = sum((note.taxes[n].amount for note in holding), tax.amount * 0)
        assert of_it <= tax.amount
        assert receipt.left.amount or of_it == tax.amount, "the last refund gives back exactly what is left"
    assert all(note.credit + sum(tax.amount for tax in note.taxes) == note.total for note in holding)
