"""Somebody forges credit notes and writes the whole chain anew; what gives them away is their refund and receipt."""

from __future__ import annotations

from functools import partial

import pytest
from tampering import Tampered
from test_forged_events import event_of, forge

ISSUED, CANCELLED = "credit-note-issued", "credit-note-cancelled"
ZERO_VAT = {"name": "VAT", "rate": "20", "amount": "0.00", "reverse_charge": False}


def name_another(t: Tampered, topic: str, field: str) -> None:
    """Name in one document what another of its topic, or of its book, names."""
    others = {event_of(t, ISSUED, nth)[field] for nth in range(4)}
    t.forge(topic, **{field: min(others - {event_of(t, topic)[field]})})


def name(field: str, topic: str = ISSUED):
    return pytest.param(partial(name_another, topic=topic, field=field), id=f"another {field} in {topic}")


def cancel_what_did_not_come_back(t: Tampered) -> None:
    note = event_of(t, CANCELLED)
    paid = next(
        event["account_version"]
        for event in (event_of(t, ISSUED, nth) for nth in range(20))
        if event["credit_note_id"] == note["credit_note_id"]
    )
    t.forge(CANCELLED, account_version=paid)


def note_what_came_back(t: Tampered) -> None:
    t.forge(ISSUED, account_id=event_of(t, CANCELLED)["account_id"], account_version=returned_at(t))


def returned_at(t: Tampered) -> int:
    return int(event_of(t, CANCELLED)["account_version"])


def issue_once_more(t: Tampered) -> None:
    """Append a note of a refund that has one, with an id of its own, and have the ledger fill its tables."""
    t.append(t.event(ISSUED)[0], ISSUED, event_of(t, ISSUED) | {"credit_note_id": "crn_forged"})
    t.rebuild()


FORGED = [
    (forge(ISSUED, seller_id="another"), "credit_note_wrong"),
    (forge(CANCELLED, seller_id="another"), "credit_note_wrong"),
    (forge(ISSUED, account_id="acct_forged"), "credit_note_without_refund"),
    (forge(ISSUED, account_version=1), "credit_note_without_refund"),
    (name("account_version"), "credit_note_without_refund"),
    (name("refund_id"), "credit_note_without_refund"),
    (name("refund_reference"), "credit_note_without_refund"),
    (note_what_came_back, "credit_note_without_refund"),
    (cancel_what_did_not_come_back, "credit_note_without_refund"),
    (name("transaction_id"), "credit_note_differs"),
    (name("charge_reference"), "credit_note_differs"),
    (name("invoice_number"), "credit_note_differs"),
    (forge(ISSUED, credit="0.01"), "credit_note_differs"),
    (forge(ISSUED, taxes=[ZERO_VAT]), "credit_note_differs"),
    (forge(ISSUED, total="0.01"), "credit_note_differs"),
    (forge(ISSUED, currency="EUR"), "credit_note_differs"),
    (forge(CANCELLED, total="0.01"), "credit_note_differs"),
    (forge(CANCELLED, credit_note_number="interact-gb-CN-000099"), "credit_note_differs"),
    (name("credit_note_id", CANCELLED), "credit_note_differs"),
    (issue_once_more, "credit_notes_due_surplus"),
]


@pytest.mark.parametrize(("tamper", "code"), [
    pytest.param(*case.values, code, id=f"{case.id}: {code}") if hasattr(case, "values")
    else pytest.param(case, code, id=f"{case.__name__}: {code}")
    for case, code in FORGED
])  # fmt: skip
def test_it_is_found(tampered, tamper, code):
    tamper(tampered)
    report = tampered.audit()
    assert code in report.counts
    assert "chain_broken" not in report.counts
    assert not report.clean


def test_each_document_of_the_exercised_ledger_is_as_it_must_be(tampered):
    assert {event_of(tampered, ISSUED)["seller_id"], event_of(tampered, CANCELLED)["seller_id"]} == {"interact-gb"}
    assert not [code for code in tampered.audit().counts if code.startswith("credit_note")]
