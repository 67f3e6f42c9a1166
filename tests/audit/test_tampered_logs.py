"""Somebody with write access to the file changes the log; the audit says what was done to it."""

from __future__ import annotations

import json

import pytest
from moneyed import Money
from tampering import Tampered, chain_value


def edit_an_amount(t: Tampered) -> None:
    t.edit(t.event("spent"), lambda envelope: envelope["event"].update(amount="0.01"))


def swap_two_events(t: Tampered) -> None:
    stream_id, version = t.event("spent", 7)
    for start, end in ((version, -1), (version + 1, version), (-1, version + 1)):
        t.changed(
            "UPDATE stored_events SET originator_version=? WHERE originator_id=? AND originator_version=?",
            end,
            stream_id,
            start,
        )


def delete_one_in_the_middle(t: Tampered) -> None:
    t.delete(*t.event("spent", 7))


def delete_the_first(t: Tampered) -> None:
    t.delete(*t.event("account-opened"))


def delete_one_and_renumber(t: Tampered) -> None:
    stream_id, version = t.event("spent", 7)
    t.delete(stream_id, version)
    t.move(stream_id, version + 1, -1)


def change_a_time(t: Tampered) -> None:
    t.edit(t.event("spent", 7), lambda envelope: envelope.update(recorded_at="2026-11-23T09:31:00.000000Z"))


def set_a_time_back(t: Tampered) -> None:
    place = t.edit(t.event("spent", 7), lambda envelope: envelope.update(recorded_at="2025-11-23T09:31:00.000000Z"))
    t.rechain(place[0])


def change_who_did_it(t: Tampered) -> None:
    t.edit(t.event("balance-adjusted"), lambda envelope: envelope.update(actor="nobody"))


def change_a_topic(t: Tampered) -> None:
    t.changed(
        "UPDATE stored_events SET topic='number-rental-charged' WHERE originator_id=? AND originator_version=?",
        *t.event("spent", 7),
    )


def invent_a_topic(t: Tampered) -> None:
    t.changed(
        "UPDATE stored_events SET topic='os:system' WHERE originator_id=? AND originator_version=?", *t.event("spent")
    )


def chain_only_the_next_anew(t: Tampered) -> None:
    stream_id, version = t.edit(t.event("spent", 7), lambda envelope: envelope["event"].update(amount="0.01"))
    topic, state = t.sql(
        "SELECT topic, state FROM stored_events WHERE originator_id=? AND originator_version=?", stream_id, version
    )[0]
    previous = chain_value(stream_id, version, topic, state)
    t.edit((stream_id, version + 1), lambda envelope: envelope.update(previous=previous))


def repeat_a_row_at_the_end(t: Tampered) -> None:
    stream_id, version = t.event("spent", 7)
    t.changed(
        "INSERT INTO stored_events SELECT originator_id, (SELECT MAX(originator_version) + 1 FROM stored_events"
        " WHERE originator_id=?), topic, state FROM stored_events WHERE originator_id=? AND originator_version=?",
        stream_id,
        stream_id,
        version,
    )


def put_a_row_between_two(t: Tampered) -> None:
    stream_id, version = t.event("spent", 7)
    t.changed(
        "INSERT INTO stored_events SELECT originator_id, ?, topic, state FROM stored_events"
        " WHERE originator_id=? AND originator_version=?",
        version + 0.5,
        stream_id,
        version,
    )


def copy_an_event_into_another_account(t: Tampered) -> None:
    stream_id, version = t.event("payment-captured")
    other = t.event("account-suspended", 1)[0]
    t.changed(
        "INSERT INTO stored_events SELECT ?, (SELECT MAX(originator_version) + 1 FROM stored_events WHERE"
        " originator_id=?), topic, state FROM stored_events WHERE originator_id=? AND originator_version=?",
        other,
        other,
        stream_id,
        version,
    )


def break_the_bytes(t: Tampered) -> None:
    t.changed(
        "UPDATE stored_events SET state=X'7b22' WHERE originator_id=? AND originator_version=?", *t.event("spent", 7)
    )


def keep_the_bytes_as_text(t: Tampered) -> None:
    t.changed(
        "UPDATE stored_events SET state=CAST(state AS TEXT) WHERE originator_id=? AND originator_version=?",
        *t.event("spent", 7),
    )


def claim_a_newer_version(t: Tampered) -> None:
    place = t.edit(t.event("spent", 7), lambda envelope: envelope.update(event_version=2))
    t.rechain(place[0])


def lose_a_field(t: Tampered) -> None:
    place = t.edit(t.event("spent", 7), lambda envelope: envelope["event"].pop("lines"))
    t.rechain(place[0])


def write_a_number_where_a_text_belongs(t: Tampered) -> None:
    t.forge("spent", 7, amount=0.0325)


def add_to_the_envelope(t: Tampered) -> None:
    place = t.edit(t.event("spent", 7), lambda envelope: envelope.update(note="x"))
    t.rechain(place[0])


def write_a_time_of_no_calendar(t: Tampered) -> None:
    place = t.edit(t.event("spent", 7), lambda envelope: envelope.update(recorded_at="yesterday"))
    t.rechain(place[0])


def make_the_actor_a_number(t: Tampered) -> None:
    place = t.edit(t.event("spent", 7), lambda envelope: envelope.update(actor=7))
    t.rechain(place[0])


def open_an_account_twice(t: Tampered) -> None:
    stream_id, version = t.event("account-opened")
    t.append(stream_id, "account-opened", t.state(stream_id, version)["event"])


def spend_before_the_opening(t: Tampered) -> None:
    stream_id = t.event("spent")[0]
    t.changed("UPDATE stored_events SET topic='tax-number-withdrawn' WHERE originator_id=? AND originator_version=1",
              stream_id)  # fmt: skip


def number_an_invoice_in_an_account(t: Tampered) -> None:
    issued = t.state(*t.event("invoice-issued"))["event"]
    t.append(t.event("spent")[0], "invoice-issued", issued)


def give_a_credit_note_in_an_account(t: Tampered) -> None:
    issued = t.state(*t.event("credit-note-issued"))["event"]
    t.append(t.event("spent")[0], "credit-note-issued", issued)


def spend_in_a_book_of_credit_notes(t: Tampered) -> None:
    spent = t.state(*t.event("spent"))["event"]
    t.append(t.event("credit-note-issued")[0], "spent", spent)


def spend_in_an_invoice_book(t: Tampered) -> None:
    spent = t.state(*t.event("spent"))["event"]
    t.append(t.event("invoice-issued")[0], "spent", spent)


def start_a_stream_of_bytes(t: Tampered) -> None:
    t.changed("INSERT INTO stored_events VALUES (X'00', 1, 'account-opened', X'00')")


LOG = [
    (edit_an_amount, "chain_broken"),
    (swap_two_events, "chain_broken"),
    (delete_one_in_the_middle, "version_gap"),
    (delete_the_first, "version_gap"),
    (delete_one_and_renumber, "chain_broken"),
    (change_a_time, "chain_broken"),
    (set_a_time_back, "time_reversed"),
    (change_who_did_it, "chain_broken"),
    (change_a_topic, "chain_broken"),
    (invent_a_topic, "topic_unknown"),
    (chain_only_the_next_anew, "chain_broken"),
    (repeat_a_row_at_the_end, "chain_broken"),
    (put_a_row_between_two, "version_gap"),
    (copy_an_event_into_another_account, "chain_broken"),
    (break_the_bytes, "event_unreadable"),
    (keep_the_bytes_as_text, "event_unreadable"),
    (claim_a_newer_version, "event_unreadable"),
    (lose_a_field, "event_unreadable"),
    (write_a_number_where_a_text_belongs, "event_unreadable"),
    (add_to_the_envelope, "event_unreadable"),
    (write_a_time_of_no_calendar, "event_unreadable"),
    (make_the_actor_a_number, "event_unreadable"),
    (open_an_account_twice, "event_misplaced"),
    (spend_before_the_opening, "event_misplaced"),
    (number_an_invoice_in_an_account, "event_misplaced"),
    (spend_in_an_invoice_book, "event_misplaced"),
    (give_a_credit_note_in_an_account, "event_misplaced"),
    (spend_in_a_book_of_credit_notes, "event_misplaced"),
    (start_a_stream_of_bytes, "event_misplaced"),
]


@pytest.mark.parametrize(("tamper", "code"), LOG, ids=lambda value: getattr(value, "__name__", value))
def test_it_is_found(tampered, tamper, code):
    tamper(tampered)
    report = tampered.audit()
    assert code in report.counts
    assert not report.clean


def test_the_finding_names_the_event(tampered):
    stream_id, version = tampered.event("spent", 7)
    edit_place = tampered.edit((stream_id, version), lambda envelope: envelope.update(actor="nobody"))
    (finding,) = tampered.audit().findings
    assert (finding.code, finding.account_id) == ("chain_broken", edit_place[0])
    assert finding.version == version + 1
    assert str(version) in finding.message


# The end of a stream -----------------------------------------------------------------------------------------------


def adjusted_last(t: Tampered) -> tuple[str, int]:
    """Adjust a balance; return where that stands, which is the end of its stream."""
    stream_id = t.event("spent")[0]
    t.use(lambda ledger: ledger.adjust(stream_id, Money("5", "GBP"), "test", idempotency_key="test"))
    return stream_id, t.use(lambda ledger: ledger.account(stream_id)).version


def test_a_missing_end_is_found_by_the_rows_that_it_left(tampered):
    tampered.delete(*adjusted_last(tampered))
    codes = tampered.codes()
    assert {"operations_surplus", "statement_lines_surplus"} <= codes


def test_a_missing_account_is_found_by_the_rows_that_it_left(tampered):
    stream_id = tampered.event("spent")[0]
    tampered.sql("DELETE FROM stored_events WHERE originator_id=?", stream_id)
    assert {"accounts_surplus", "receipts_surplus", "operations_surplus", "snapshots_surplus"} <= tampered.codes()


def test_a_missing_end_without_any_row_is_not_found_without_an_anchor_kept_elsewhere(tampered):
    """Nothing in a database vouches for its own end: this is what only a copy of the chain's last value finds."""
    tampered.delete(*adjusted_last(tampered))
    tampered.rebuild()
    assert tampered.audit().findings == ()


def test_a_missing_account_without_any_row_is_not_found_without_an_anchor_kept_elsewhere(tampered):
    stream_id = tampered.event("account-suspended", 1)[0]
    tampered.sql("DELETE FROM stored_events WHERE originator_id=?", stream_id)
    tampered.rebuild()
    assert tampered.audit().findings == ()


def test_a_last_event_that_no_row_follows_from_can_vanish_without_an_anchor_kept_elsewhere(tampered):
    with_tax_number = tampered.event("account-suspended", 1)[0]
    tampered.append(
        with_tax_number,
        "tax-number-verified",
        {
            "number": "GB980780684",
            "country": "GB",
            "verified_by": "HMRC",
            "verified_at": "2026-11-23T09:30:00Z",
            "reference": "1",
        },
    )
    assert tampered.audit().findings == ()
    tampered.delete(*tampered.event("tax-number-verified", 1))
    assert tampered.audit().findings == ()


def test_who_did_the_last_thing_can_be_changed_without_an_anchor_kept_elsewhere(tampered):
    tampered.edit(adjusted_last(tampered), lambda envelope: envelope.update(actor="nobody"))
    assert tampered.audit().findings == ()


def test_what_the_last_thing_was_cannot_be_changed(tampered):
    tampered.edit(adjusted_last(tampered), lambda envelope: envelope["event"].update(amount="6"))
    assert tampered.codes() == {"statement_lines_differs"}


def test_a_whole_chain_written_anew_is_found_where_a_snapshot_remembers_it(tampered):
    place = tampered.edit(tampered.event("spent"), lambda envelope: envelope.update(actor="nobody"))
    tampered.rechain(place[0])
    assert tampered.codes() == {"snapshots_differs"}


def test_a_whole_chain_written_anew_is_not_found_elsewhere_without_an_anchor(tampered):
    place = tampered.edit(tampered.event("account-opened"), lambda envelope: envelope.update(actor="nobody"))
    tampered.rechain(place[0])
    assert json.loads(tampered.sql("SELECT state FROM stored_events LIMIT 1")[0][0])["actor"] == "nobody"
    assert tampered.audit().findings == ()
