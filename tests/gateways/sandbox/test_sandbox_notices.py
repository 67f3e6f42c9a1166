"""The sandbox's notices: what they tell, and that no other is taken for one."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sandbox_helpers import NOON, charge, one_delivery, paid, payment, refund_of, save

from interact_ledger.clock import MovableClock
from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.protocol import NoticeSubject
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.gateways.sandbox.notices import SIGNATURE_HEADER, signature_headers


def test_a_notice_tells_of_each_change_until_it_is_acknowledged(gateway: SandboxGateway, clock: MovableClock) -> None:
    delivery = one_delivery(gateway)
    clock.advance(timedelta(days=1))
    (again,) = gateway.notices_due()
    assert (again.notice_id, again.body) == (delivery.notice_id, delivery.body)
    (notice,) = gateway.notices(again.body, again.headers)
    assert (notice.subject, notice.operation_id, notice.occurred_at) == (NoticeSubject.CHARGE, "txn_1", NOON)
    assert notice.reference == gateway.captured()[0].reference
    gateway.acknowledge(delivery.notice_id)
    assert gateway.notices_due() == []


def test_notices_tell_of_savings_and_refunds_too(gateway: SandboxGateway) -> None:
    gateway.refund(refund_of(paid(gateway).reference))
    save(gateway)
    notices = [gateway.notices(due.body, due.headers)[0] for due in gateway.notices_due()]
    assert [n.subject for n in notices] == [NoticeSubject.CHARGE, NoticeSubject.REFUND, NoticeSubject.CARD]
    assert [n.operation_id for n in notices] == ["txn_1", "refund_1", "saving_1"]


def test_a_repeat_that_changes_nothing_is_not_told(gateway: SandboxGateway) -> None:
    gateway.begin(payment())
    assert gateway.notices_due() == []
    one_delivery(gateway)
    charge(gateway)
    gateway.cancel(payment())
    assert len(gateway.notices_due()) == 1


def test_duplicate_notices_come_under_two_ids_twice_each(gateway: SandboxGateway) -> None:
    charged = paid(gateway, source="tok_duplicate_notices")
    due = gateway.notices_due()
    assert len(due) == 4
    assert len({delivery.notice_id for delivery in due}) == 2
    assert {gateway.notices(d.body, d.headers)[0].reference for d in due} == {charged.reference}
    for delivery in due:
        gateway.acknowledge(delivery.notice_id)
    assert gateway.notices_due() == []


@pytest.mark.parametrize("way", [1, -1], ids=["past", "future"])
def test_a_notice_is_taken_up_to_five_minutes_from_now(gateway: SandboxGateway, clock: MovableClock, way: int) -> None:
    delivery = one_delivery(gateway)
    clock.advance(way * timedelta(minutes=5))
    assert gateway.notices(delivery.body, delivery.headers)
    clock.advance(way * timedelta(seconds=1))
    with pytest.raises(NoticeRejected):
        gateway.notices(delivery.body, delivery.headers)


def test_secrets_can_be_rotated(tmp_path: Path, clock: MovableClock) -> None:
    path = tmp_path / "sandbox.db"
    with SandboxGateway(path, clock=clock, secrets=["old"]) as gateway:
        delivery = one_delivery(gateway)
    with SandboxGateway(path, clock=clock, secrets=["new", "old"]) as gateway:
        assert gateway.notices(delivery.body, delivery.headers)
        (fresh,) = gateway.notices_due()
    with SandboxGateway(path, clock=clock, secrets=["new"]) as gateway:
        assert gateway.notices(fresh.body, fresh.headers)
        with pytest.raises(NoticeRejected):
            gateway.notices(delivery.body, delivery.headers)


def test_header_names_are_read_in_any_case_but_only_once(gateway: SandboxGateway) -> None:
    delivery = one_delivery(gateway)
    value = delivery.headers[SIGNATURE_HEADER]
    assert gateway.notices(delivery.body, {"sandbox-signature": value, "Host": "x"})
    with pytest.raises(NoticeRejected):
        gateway.notices(delivery.body, {"sandbox-signature": value, SIGNATURE_HEADER: value})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE_HEADER: ""},
        {SIGNATURE_HEADER: "é" * 100},
        {SIGNATURE_HEADER: "t=1,v1=" + "é" * 64},
        {SIGNATURE_HEADER: "t=\u0661\u0662,v1=" + "a" * 64},
        {SIGNATURE_HEADER: "t=" + "9" * 12 + ",v1=" + "a" * 64},
        {SIGNATURE_HEADER: "t=" + "9" * 5000 + ",v1=" + "a" * 64},
        {SIGNATURE_HEADER: "t=1,v1=" + "a" * 64 + "\n"},
        {SIGNATURE_HEADER: None},
        {SIGNATURE_HEADER: b"t=1"},
        {None: "x", 7: "y"},
        None,
        "headers",
    ],
    ids=repr,
)
@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"{}", "text", None, 7], ids=repr)
def test_malformed_notices_are_rejected_and_nothing_else(gateway: SandboxGateway, body: Any, headers: Any) -> None:
    with pytest.raises(NoticeRejected):
        gateway.notices(body, headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        "é".encode(),
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'"id"',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        json.dumps({"id": "e", "subject": "other", "reference": "r", "operation_id": 1, "occurred_at": "x"}).encode(),
        json.dumps(
            {"id": 1, "subject": "other", "reference": "r", "operation_id": None, "occurred_at": "2027-03-01T12:00Z"}
        ).encode(),
        json.dumps(
            {"id": "e", "subject": "other", "reference": "r", "operation_id": None, "occurred_at": "2027-03-01"}
        ).encode(),
        json.dumps(
            {"id": "e", "subject": "gift", "reference": "r", "operation_id": None, "occurred_at": "2027-03-01T12:00Z"}
        ).encode(),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_signed_and_is_no_notice_is_rejected_too(gateway: SandboxGateway, body: bytes) -> None:
    with pytest.raises(NoticeRejected):
        gateway.notices(body, gateway.signed(body))


def test_no_altered_notice_is_accepted(gateway: SandboxGateway) -> None:
    delivery = one_delivery(gateway)
    chance = random.Random(1)
    value = delivery.headers[SIGNATURE_HEADER].encode()
    for _ in range(3000):
        parts = [bytearray(delivery.body), bytearray(value)]
        part = chance.choice(parts)
        part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
        with pytest.raises(NoticeRejected):
            gateway.notices(bytes(parts[0]), {SIGNATURE_HEADER: parts[1].decode("latin-1")})


def test_a_foreign_notice_bears_no_operation(gateway: SandboxGateway) -> None:
    body = json.dumps(
        {
            "id": "evt_1",
            "subject": "dispute",
            "reference": "dsp_1",
            "operation_id": None,
            "occurred_at": NOON.isoformat(),
        }
    ).encode()
    (notice,) = gateway.notices(body, gateway.signed(body))
    assert (notice.subject, notice.operation_id) == (NoticeSubject.DISPUTE, None)
    with pytest.raises(NoticeRejected):
        gateway.notices(body, signature_headers(body, "another", NOON))
