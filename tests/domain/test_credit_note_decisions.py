"""Which document answers a fact about a refund: given these events, this is in it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain.credit_notes import credit_note_number, entry, invoice_number

ACCOUNT, NOW = "acct_1", datetime(2026, 11, 23, tzinfo=UTC)
SELLER = {"seller_id": "me", "seller_name": "Me", "seller_address": "1 Road", "seller_tax_number": None}
REFUND = {"operation_id": "txn_2", "transaction_id": "txn_1", "gateway": "sandbox"}


def attempted(number: int, credit: str, tax: str) -> e.RefundAttempted:
    vat = e.TaxLine(name="VAT", rate=Decimal(20), amount=Decimal(tax))
    return e.RefundAttempted(
        **REFUND,
        attempt_id=f"txn_2.{number}",
        number=number,
        charge_reference="pay_1",
        credit=Decimal(credit),
        taxes=(vat,),
        total=Decimal("1.00"),
        currency="GBP",
        send_before=NOW,
    )


def mismatched(number: int) -> e.RefundMismatched:
    return e.RefundMismatched(
        **REFUND,
        attempt_id=f"txn_2.{number}",
        reference=f"rfd_{number}",
        credit=Decimal("0.83"),
        expected_amount=Decimal("1.00"),
        expected_currency="GBP",
        refunded_amount=Decimal("0.99"),
        refunded_currency="GBP",
        refunded_at=NOW,
        late=False,
    )


def answered(version: int, *events: e.Event, number: str | None = "me-000007") -> e.CreditNoteEntry | None:
    refund = [e.Recorded(ACCOUNT, at, NOW, "test", None, event) for at, event in enumerate(events, 1)]
    return entry(ACCOUNT, refund, version, lambda _: number, SELLER)


def test_a_note_is_split_as_the_attempt_was_that_paid_back():
    first, second = attempted(1, "0.83", "0.17"), attempted(2, "0.84", "0.16")
    for paid, split in ((1, ("0.83", "0.17")), (2, ("0.84", "0.16"))):
        fact = mismatched(paid).model_copy(update={"credit": Decimal(split[0])})
        note = answered(3, first, second, fact)
        assert isinstance(note, e.CreditNoteIssued)
        assert (note.credit, *(tax.amount for tax in note.taxes)) == tuple(map(Decimal, split))
        assert (note.refund_reference, note.account_version) == (f"rfd_{paid}", 3)


def test_a_cancellation_names_the_note_of_the_refund_that_came_back():
    events = (attempted(1, "0.83", "0.17"), mismatched(1), attempted(2, "0.84", "0.16"), mismatched(2))
    back = {**REFUND, "attempt_id": "txn_2.1", "reference": "rfd_1", "credit": "0.83", "total": "1.00"}
    returned = e.RefundReturned(**back, currency="GBP", reason="other", detail="why")
    notes = [answered(version, *events) for version in (2, 4)]
    cancellation = answered(5, *events, returned)
    assert isinstance(cancellation, e.CreditNoteCancelled)
    assert cancellation.credit_note_id == notes[0].credit_note_id != notes[1].credit_note_id
    assert (cancellation.credit, cancellation.total) == (notes[0].credit, notes[0].total)


def test_nothing_is_issued_before_what_it_names_has_a_number_or_where_there_is_no_refund():
    events = (attempted(1, "0.83", "0.17"), mismatched(1))
    assert answered(2, *events, number=None) is None
    assert answered(1, *events) is None
    assert answered(9, *events) is None


def test_no_credit_note_is_written_as_an_invoice_is():
    assert invoice_number("me", 7) == "me-000007"
    assert credit_note_number("me", 7) == "me-CN-000007"
    assert credit_note_number("me", 1_000_000) == "me-CN-1000000"
