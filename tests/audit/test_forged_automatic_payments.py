"""Somebody forges automatic payments, or their agreements; the audit says what of it was not agreed to."""

from __future__ import annotations

import pytest
from tampering import Tampered
from test_forged_events import event_of, forge


def charge_a_card_for_no_reason(t: Tampered) -> None:
    requested = event_of(t, "top-up-requested") | {"operation_id": "txn_forged", "initiator": "unscheduled"}
    t.append(t.event("top-up-requested")[0], "top-up-requested", requested)


def before(topic: str, what: str, **event: object):
    """Put an event right before the first one with a topic."""

    def put(t: Tampered) -> None:
        stream_id, version = t.event(topic)
        t.insert(stream_id, version, what, event)

    return pytest.param(put, id=f"{what} before {topic}")


def agree_to_less(**terms: object):
    def agree(t: Tampered) -> None:
        stream_id, version = t.event("auto-top-up-started")
        t.insert(stream_id, version - 1, "auto-top-up-enabled", agreed_by(t, "auto-top-up-enabled", stream_id) | terms)

    return pytest.param(agree, id=f"agreed to {' '.join(terms)}")


def agreed_by(t: Tampered, topic: str, stream_id: str) -> dict:
    places = [t.event(topic, nth) for nth in range(len(t.sql("SELECT 1 FROM stored_events WHERE topic=?", topic)))]
    return t.state(*next(place for place in places if place[0] == stream_id))["event"]


def start_without_a_request(t: Tampered) -> None:
    stream_id, version = t.event("auto-top-up-started")
    t.insert(stream_id, version + 1, "auto-top-up-started", event_of(t, "auto-top-up-started"))


def start_while_another_is_in_flight(t: Tampered) -> None:
    stream_id, version = t.event("auto-top-up-started")
    t.insert(stream_id, version + 3, "auto-top-up-started", event_of(t, "auto-top-up-started"))


def recharge_a_month_twice(t: Tampered) -> None:
    stream_id, version = t.event("monthly-recharge-started")
    t.append(stream_id, "monthly-recharge-started", t.state(stream_id, version)["event"])


def agree_to_a_month_again(t: Tampered) -> None:
    stream_id, version = t.event("monthly-recharge-started")
    month = t.state(stream_id, version)["event"]["month"]
    again = agreed_by(t, "monthly-recharge-enabled", stream_id) | {"next_month": month}
    t.append(stream_id, "monthly-recharge-enabled", again)


def pass_a_month_over_in_silence(t: Tampered) -> None:
    next_month = t.state(*t.event("monthly-recharge-started"))["event"]["next_month"]
    year, month = map(int, next_month.split("-"))
    t.forge("monthly-recharge-started", month=next_month, next_month=f"{year + month // 12}-{month % 12 + 1:02}")


def automatic_attempt_of_another_card(t: Tampered) -> None:
    stream_id, version = t.event("auto-top-up-started")
    attempted = t.state(stream_id, version + 2)["event"]
    assert attempted["initiator"] == "unscheduled"
    t.edit((stream_id, version + 2), lambda envelope: envelope["event"].update(card_id="card_forged"))
    t.rechain(stream_id)


STOPPED = {"reason": "failures", "operation_id": None}
WAIT = {"reason": "max_per_month", "next_try_at": "2099-01-01T00:00:00Z"}

FORGED = [
    (charge_a_card_for_no_reason, "automatic_unexplained", "right before says"),
    (start_without_a_request, "automatic_unexplained", "started and not requested"),
    (start_while_another_is_in_flight, "automatic_forbidden", "another automatic payment was in flight"),
    (automatic_attempt_of_another_card, "automatic_unexplained", "was requested otherwise"),
    (forge("payment-attempted", initiator="unscheduled"), "automatic_unexplained", "was requested otherwise"),
    (forge("auto-top-up-started", total="1.00"), "automatic_unexplained", "right before says"),
    (forge("monthly-recharge-started", total="1.00"), "automatic_unexplained", "right before says"),
    (forge("auto-top-up-started", operation_id="txn_forged"), "automatic_unexplained", "right before says"),
    (forge("auto-top-up-started", available="1.00"), "automatic_forbidden", "it says that 1.00 was there"),
    (forge("auto-top-up-started", threshold="10.00"), "automatic_forbidden", "another threshold"),
    (forge("auto-top-up-started", day="2026-01-01"), "automatic_forbidden", "its day is not in its month"),
    (forge("auto-top-up-started", 1, month="2026-01", day="2026-01-01"), "automatic_forbidden", "that is over"),
    (agree_to_less(ceiling="23.99"), "automatic_forbidden", "above the ceiling"),
    (agree_to_less(threshold="10.00"), "automatic_forbidden", "the balance was not low"),
    (agree_to_less(max_per_month=0), "automatic_forbidden", "as many this month"),
    (agree_to_less(max_value_per_day="23.99"), "automatic_forbidden", "max_value_per_day is passed"),
    (agree_to_less(max_value_per_month="23.99"), "automatic_forbidden", "max_value_per_month is passed"),
    (agree_to_less(card_id="card_forged"), "automatic_forbidden", "its card was removed"),
    (before("auto-top-up-started", "auto-top-up-paused", **STOPPED), "automatic_forbidden", "it is paused"),
    (before("auto-top-up-started", "account-suspended", reason="why"), "automatic_forbidden", "is suspended"),
    (before("auto-top-up-started", "auto-top-up-postponed", **WAIT), "automatic_forbidden", "it was too early"),
    (before("auto-top-up-started", "auto-top-up-disabled", reason="requested"), "agreement_unknown", "no auto top-up"),
    (before("monthly-recharge-started", "monthly-recharge-disabled", **STOPPED), "agreement_unknown", "no monthly"),
    (before("monthly-recharge-started", "account-suspended", reason="why"), "automatic_forbidden", "is suspended"),
    (before("auto-top-up-enabled", "auto-top-up-resumed", operation_id=None), "agreement_unknown", "no auto top-up"),
    (before("card-expiry-announced", "monthly-recharge-disabled", **STOPPED), "agreement_unknown", "no monthly"),
    (forge("auto-top-up-failed", failures=2), "agreement_unknown", "counted wrongly"),
    (forge("auto-top-up-failed", operation_id="txn_forged"), "agreement_unknown", "no failure of the latest"),
    (forge("monthly-recharge-enabled", ceiling="1.00"), "automatic_forbidden", "above the ceiling"),
    (forge("monthly-recharge-called-off", operation_id="txn_forged"), "recharge_wrong", "does not wait"),
    (agree_to_a_month_again, "recharge_wrong", "was charged before"),
    (pass_a_month_over_in_silence, "recharge_wrong", "not the month that was due"),
    (recharge_a_month_twice, "recharge_wrong", "not the month that was due"),
    (forge("monthly-recharge-started", month="2026-01"), "recharge_wrong", "not the month that was due"),
    (forge("monthly-recharge-started", due_at="2026-11-24T00:00:00Z"), "recharge_wrong", "not the month that was due"),
    (forge("monthly-recharge-started", next_month="2026-11"), "recharge_wrong", "not the month that was due"),
    (forge("monthly-recharge-started", next_due_at="2099-01-01T00:00:00Z"), "recharge_wrong", "not the month"),
    (forge("card-expiry-announced", card_id="card_forged"), "agreement_unknown", "the card will be good"),
    (forge("card-expiry-announced", expiry_year=2099), "agreement_unknown", "the card will be good"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "code", "why"), [
    pytest.param(*(tamper.values if hasattr(tamper, "values") else (tamper,)), code, why,
                 id=f"{getattr(tamper, 'id', None) or tamper.__name__}: {code}")
    for tamper, code, why in FORGED
])  # fmt: skip
def test_it_is_found_for_what_it_is(tampered, tamper, code, why):
    tamper(tampered)
    report = tampered.audit()
    assert [finding for finding in report.findings if finding.code == code and why in finding.message]
    assert "chain_broken" not in report.counts
    assert not report.clean
