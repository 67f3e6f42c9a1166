"""Requests of strangers to where a gateway sends its notices: each costs little, leaves nothing, and is a plain no."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from interact_ledger.errors import ConfigurationError, LedgerError, NoticeRejected
from interact_ledger.gateways.sandbox.notices import SIGNATURE_HEADER
from interact_ledger.processes.notices import HEADERS_MAX, NOTICE_BYTES_MAX
from interact_ledger.testing import LedgerKit
from ledger_helpers import at_gateway, funded, pay, stored

SIZE = NOTICE_BYTES_MAX
CPU_SECONDS_EACH = 0.2

BODIES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no JSON": lambda: b"\xff" * SIZE,
    "as long as may be": lambda: b"x" * SIZE,
    "longer than may be": lambda: b"x" * (SIZE + 1),
    "fifty megabytes": lambda: b"x" * 50_000_000,
    "arrays in arrays": lambda: b"[" * SIZE,
    "tables in tables": lambda: b'{"a":' * (SIZE // 5),
    "a long number": lambda: b"9" * SIZE,
    "an exponent": lambda: b"1E999999999",
    "many names": lambda: bytes("{" + ",".join(f'"k{n}":1' for n in range(SIZE // 14)) + "}", "ascii"),
}
NO_BODIES: dict[str, Callable[[], Any]] = {
    "text": lambda: "{}",
    "None": lambda: None,
    "a list": lambda: [b"{}"],
}

FIELDS: dict[str, Any] = {
    "a number": 7,
    "a list": ["x"],
    "a table": {},
    "true": True,
    "NUL": "a\0b",
    "half a surrogate pair": "\ud800",
    "an escape sequence": "\x1b[2J",
    "a long text": "x" * 900_000,
    "nothing": "",
    "null": None,
}


@pytest.fixture
def body(kit: LedgerKit) -> dict[str, Any]:
    """What an authentic notice says."""
    funded(kit)
    return json.loads(kit.gateway.notices_due()[0].body)


def is_a_plain_no(kit: LedgerKit, body: Any, headers: Any) -> None:
    before = stored(kit), at_gateway(kit)
    started = time.process_time()
    with pytest.raises(LedgerError) as refused:
        kit.ledger.receive("sandbox", body, headers)
    assert time.process_time() - started < CPU_SECONDS_EACH
    assert type(refused.value) is NoticeRejected
    assert len(str(refused.value)) < 200
    assert (stored(kit), at_gateway(kit)) == before


@pytest.mark.parametrize("what", BODIES | NO_BODIES)
def test_a_body_of_a_stranger_is_rejected(kit: LedgerKit, what: str):
    funded(kit)
    made = (BODIES | NO_BODIES)[what]()
    is_a_plain_no(kit, made, {SIGNATURE_HEADER: f"t=1,v1={'0' * 64}"})
    is_a_plain_no(kit, made, {})


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_is_signed_and_is_no_notice_is_rejected_too(kit: LedgerKit, what: str):
    made = BODIES[what]()
    is_a_plain_no(kit, made, kit.gateway.signed(made))


WRONG_FIELDS = set(product(["id", "subject", "reference", "operation_id", "occurred_at"], FIELDS))
WRONG_FIELDS.remove(("operation_id", "null"))  # a foreign object has none


@pytest.mark.parametrize(("field", "what"), sorted(WRONG_FIELDS))
def test_a_signed_notice_with_a_field_that_cannot_be_is_rejected(kit: LedgerKit, body, field: str, what: str):
    made = json.dumps(body | {field: FIELDS[what]}).encode()
    is_a_plain_no(kit, made, kit.gateway.signed(made))


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        "t=1",
        {7: 7},
        {SIGNATURE_HEADER: None},
        {SIGNATURE_HEADER: b"t=1"},
        {SIGNATURE_HEADER: "t=1,v1=" + "0" * 10_000_000},
        {SIGNATURE_HEADER: "t=" + "9" * 10_000_000},
        {SIGNATURE_HEADER: "\u00e9\ud800\0"},
        {SIGNATURE_HEADER: "t=1,v1=00", SIGNATURE_HEADER.lower(): "t=1,v1=00"},
        {f"X-{number}": "x" for number in range(100_000)},
        {"x" * 10_000_000: "x" * 10_000_000},
    ],
    ids=range(12),
)
def test_headers_of_a_stranger_are_rejected(kit: LedgerKit, headers):
    is_a_plain_no(kit, b"{}", headers)


def test_an_authentic_notice_is_taken_with_what_may_be_beside_it_and_not_with_more(kit: LedgerKit):
    funded(kit)
    delivery = kit.gateway.notices_due()[0]
    padded = delivery.body.ljust(NOTICE_BYTES_MAX + 1)
    is_a_plain_no(kit, padded, kit.gateway.signed(padded))
    crowd = {f"X-{number}": "x" for number in range(HEADERS_MAX)}
    is_a_plain_no(kit, delivery.body, crowd | delivery.headers)
    fits = padded[:NOTICE_BYTES_MAX]
    crowd.popitem()
    assert kit.ledger.receive("sandbox", fits, crowd | kit.gateway.signed(fits))


def test_a_flood_of_rejected_notices_costs_no_read_and_no_write(kit: LedgerKit, monkeypatch: pytest.MonkeyPatch):
    """Whoever has no secret never gets as far as the database."""
    funded(kit)
    asked = []
    monkeypatch.setattr(kit.ledger._log.recorder, "transaction", lambda **_: asked.append(1))
    monkeypatch.setattr(kit.ledger._log.recorder, "select_events", lambda *_, **__: asked.append(1))
    started = time.process_time()
    for number in range(1000):
        with pytest.raises(NoticeRejected):
            kit.ledger.receive("sandbox", b"x" * 2000, {SIGNATURE_HEADER: f"t={number},v1={number:064x}"})
    assert time.process_time() - started < 2.0
    assert not asked


@pytest.mark.parametrize("gateway_id", ["nobody", "../sandbox", "sandbox\0", "x" * 10_000_000, None, ["sandbox"]])
def test_a_notice_for_no_gateway_of_ours_is_refused(kit: LedgerKit, gateway_id):
    pay(kit, funded(kit))
    delivery = kit.gateway.notices_due()[0]
    before = stored(kit)
    with pytest.raises(LedgerError) as refused:
        kit.ledger.receive(gateway_id, delivery.body, delivery.headers)
    assert isinstance(refused.value, ConfigurationError) or refused.value.field == "gateway_id"
    assert stored(kit) == before
