"""Webhooks: what is authentic is understood, and anything else is NoticeRejected and nothing else."""

from __future__ import annotations

import random
import warnings
from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from braintree_helpers import charged, paid, payment, refund_of

from braintree_bench import NOON, gateway_at
from interact_ledger.clock import SystemClock
from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.braintree.notices import FUTURE, PAST, verified_notices
from interact_ledger.gateways.braintree.results import reference_of_card
from interact_ledger.gateways.protocol import Found, Notice, NoticeSubject, Pending, Refunded, Succeeded
from interact_ledger.ids import derived_id
from servers.braintree import PRIVATE_KEY, PUBLIC_KEY, Plan
from servers.braintree.webhooks import fields, signed

SUBJECT = {
    "transaction": {"id": "bt00000001", "order-id": f"{derived_id('txn', '1')}.1", "type": "sale", "amount": "12.00"}
}
BODY = signed("transaction_settled", SUBJECT, NOON)
FIELDS = fields("transaction_settled", SUBJECT, NOON)


def verified(body: bytes, now: datetime = NOON) -> list[Notice]:
    return verified_notices(body, PUBLIC_KEY, PRIVATE_KEY, now)


def is_rejected(body: bytes, now: datetime = NOON) -> bool:
    try:
        verified(body, now)
    except NoticeRejected as rejected:
        return PRIVATE_KEY not in str(rejected) and str(rejected).isprintable()
    return False


# What is authentic ----------------------------------------------------------------------------------------------


def test_a_notice_names_the_transaction_and_our_operation():
    (notice,) = verified(BODY)
    assert notice == Notice(
        notice_id=notice.notice_id,
        subject=NoticeSubject.CHARGE,
        reference="bt00000001",
        operation_id=derived_id("txn", "1"),
        occurred_at=NOON,
        charge_reference="bt00000001",
    )
    assert len(notice.notice_id) == 64


def test_somebody_elses_order_is_no_operation_of_ours():
    subject = {"transaction": {"id": "bt00000001", "order-id": "order 17", "type": "sale"}}
    (notice,) = verified(signed("transaction_settled", subject, NOON))
    assert notice.operation_id is None
    (notice,) = verified(signed("transaction_settled", {"transaction": {"id": "bt1", "order-id": None}}, NOON))
    assert notice.operation_id is None


@pytest.mark.parametrize(
    ("kind", "subject", "told"),
    [
        ("refund_failed", {"transaction": {"id": "bt2"}}, (NoticeSubject.REFUND, "bt2")),
        (
            "transaction_settlement_declined",
            {"transaction": {"id": "bt3", "type": "credit", "refunded-transaction-id": "bt1"}},
            (NoticeSubject.REFUND, "bt3"),
        ),
        ("dispute_opened", {"dispute": {"id": "dp1", "transaction": {"id": "bt1"}}}, (NoticeSubject.DISPUTE, "dp1")),
        (
            "payment_method_revoked_by_customer",
            {"paypal-account": {"token": "tok1"}},
            (NoticeSubject.CARD, reference_of_card("tok1")),
        ),
    ],
)
def test_each_kind_is_about_what_it_is_about(kind, subject, told):
    (notice,) = verified(signed(kind, subject, NOON))
    assert (notice.subject, notice.reference) == told


def test_the_dashboards_test_is_authentic_and_about_nothing():
    assert verified(signed("check", {"check": True}, NOON)) == []


def test_a_kind_that_is_not_known_is_told_as_something_else():
    (notice,) = verified(signed("account_updater_daily_report", {"account-updater-daily-report": {"x": "y"}}, NOON))
    assert notice.subject is NoticeSubject.OTHER


@pytest.mark.parametrize(
    "kind",
    [
        *("check", "transaction_settled", "transaction_settlement_declined", "refund_failed"),
        *("dispute_opened", "dispute_won", "dispute_lost", "dispute_accepted", "dispute_expired"),
        *("payment_method_revoked_by_customer", "account_updater_daily_report", "subscription_canceled"),
    ],
)
def test_the_vendors_own_samples_are_understood(bench, kind):
    gateway = gateway_at(bench.server.port, SystemClock())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK makes its samples with `utcnow`
        sample = gateway._connection.sdk.webhook_testing.sample_notification(kind, "my_id")
    notices = gateway.notices(urlencode(sample).encode(), {})
    assert len(notices) == (0 if kind == "check" else 1)
    for notice in notices:
        assert notice.reference in {"my_id", reference_of_card("my_id"), notice.notice_id}


def test_what_the_vendors_check_refuses_is_refused_here(bench):
    parse = bench.gateway._connection.sdk.webhook_notification.parse
    assert parse(FIELDS["bt_signature"], FIELDS["bt_payload"]).kind == "transaction_settled"
    for changed in (FIELDS["bt_payload"] + "AAAA\n", "", FIELDS["bt_payload"][4:]):
        with pytest.raises(Exception, match=r"signature|payload"):
            parse(FIELDS["bt_signature"], changed)
        assert is_rejected(urlencode(FIELDS | {"bt_payload": changed}).encode())


def test_a_notice_is_the_same_with_and_without_the_last_newline_of_its_payload():
    (first,) = verified(BODY)
    (second,) = verified(urlencode(FIELDS | {"bt_payload": FIELDS["bt_payload"].rstrip("\n")}).encode())
    assert first == second


def test_the_order_of_the_fields_does_not_matter_and_other_signatures_may_stand_beside_ours():
    assert verified(urlencode(dict(reversed(FIELDS.items()))).encode()) == verified(BODY)
    both = f"otherkey|{'0' * 40}&{FIELDS['bt_signature']}"
    assert verified(urlencode(FIELDS | {"bt_signature": both}).encode()) == verified(BODY)


# What is not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [PAST + timedelta(seconds=1), timedelta(days=3650), -FUTURE - timedelta(seconds=1)])
def test_what_is_too_old_or_from_the_future_is_rejected(age):
    assert is_rejected(BODY, NOON + age)


@pytest.mark.parametrize("age", [timedelta(0), PAST, -FUTURE])
def test_what_is_recent_is_not(age):
    assert len(verified(BODY, NOON + age)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"&",
        b"bt_signature=",
        BODY + b"&" + BODY,
        BODY + b"&bt_payload=",
        b"bt_signature=x%7Cy&" + BODY,
        BODY + b"&extra=1",
        BODY.replace(b"bt_payload", b"bt_Payload"),
        BODY + b"\xff",
        urlencode(FIELDS | {"bt_signature": "é|1"}).encode(),
        urlencode(FIELDS | {"bt_signature": "&" + FIELDS["bt_signature"]}).encode(),
        urlencode(FIELDS | {"bt_signature": FIELDS["bt_signature"].upper()}).encode(),
        urlencode(FIELDS | {"bt_payload": FIELDS["bt_payload"] + "\n"}).encode(),
        signed("transaction_settled", SUBJECT, NOON, private_key="an old one"),
        signed("transaction_settled", SUBJECT, NOON, public_key="another"),
        signed("transaction_settled", {"transaction": {"amount": "1"}}, NOON),
        signed("transaction_settled", {"transaction": {"id": None}}, NOON),
        signed("dispute_opened", {"dispute": {"id": "dp1"}}, NOON),
        signed("transaction_settled", SUBJECT, "yesterday"),
        signed("transaction_settled", SUBJECT, None),
    ],
)
def test_what_is_malformed_or_signed_with_another_key_is_rejected(body):
    assert is_rejected(body)


@pytest.mark.parametrize("body", [None, "text", 7, [], {}])
def test_what_is_not_bytes_is_rejected(body):
    assert is_rejected(body)


def test_an_authentic_payload_that_is_not_xml_is_rejected(monkeypatch):
    monkeypatch.setattr("servers.braintree.webhooks.write", lambda *_: "no <xml")
    assert is_rejected(signed("transaction_settled", SUBJECT, NOON))


def mutated(chance: random.Random) -> tuple[bytes, datetime]:
    """Return a request that nobody signed so, or an authentic one at a wrong time, of one of many sorts."""
    text = {**FIELDS}
    match chance.randrange(11):
        case 0:  # a byte of the request changed
            place = chance.randrange(len(BODY))
            wrong = chance.choice([byte for byte in range(256) if byte != BODY[place]])
            body = BODY[:place] + bytes([wrong]) + BODY[place + 1 :]
            return (body, NOON) if not _says_the_same(body) else mutated(chance)
        case 1:  # a character of the payload changed, as form fields go
            place = chance.randrange(len(text["bt_payload"]) - 1)
            wrong = chance.choice("ABCxyz019+/= \n")
            if text["bt_payload"][place] == wrong:
                return mutated(chance)
            text["bt_payload"] = text["bt_payload"][:place] + wrong + text["bt_payload"][place + 1 :]
        case 2:  # another content under the same signature
            content = f"<notification><kind>transaction_settled</kind>{chance.random()}</notification>"
            text["bt_payload"] = encodebytes(content.encode()).decode()
        case 3:  # signed with a key that is not, or no longer, ours
            old = f"{chance.getrandbits(128):032x}"
            return signed("transaction_settled", SUBJECT, NOON, private_key=old), NOON
        case 4:  # a guess
            text["bt_signature"] = f"{PUBLIC_KEY}|{chance.getrandbits(160):040x}"
        case 5:  # stale
            return BODY, NOON + PAST + timedelta(seconds=chance.randrange(1, 10**8))
        case 6:  # from the future
            return BODY, NOON - FUTURE - timedelta(seconds=chance.randrange(1, 10**8))
        case 7:  # a field twice, the good one first or last
            extra = chance.choice(["bt_payload", "bt_signature"])
            pairs = [*text.items(), (extra, chance.choice([text[extra], "", "AAAA\n"]))]
            chance.shuffle(pairs)
            return urlencode(pairs).encode(), NOON
        case 8:  # cut short
            return BODY[: chance.randrange(len(BODY) - len(quote("\n")))], NOON
        case 9:  # nothing but noise
            return chance.randbytes(chance.randrange(200)), NOON
        case 10:  # one digit of the signature wrong
            place = len(PUBLIC_KEY) + 1 + chance.randrange(40)
            wrong = chance.choice([digit for digit in "0123456789abcdef" if digit != text["bt_signature"][place]])
            text["bt_signature"] = text["bt_signature"][:place] + wrong + text["bt_signature"][place + 1 :]
    return urlencode(text).encode(), NOON


def _says_the_same(body: bytes) -> bool:
    """Percent-encoding can say one thing in several ways (%3d and %3D); that is no change."""
    return sorted(parse_qsl(body.decode("latin-1"))) == sorted(parse_qsl(BODY.decode()))


@pytest.mark.programme(row=9, what="braintree notices", ci=20_000, release=1_000_000, each=20_000)
def test_no_altered_notice_is_accepted(part, tried):
    chance = random.Random(part.start)
    accepted = []
    for _ in part:
        body, now = mutated(chance)
        if not is_rejected(body, now):
            accepted.append((body, now))
    tried(len(part))
    assert accepted == []


# With the objects that they are about ---------------------------------------------------------------------------


def test_a_payment_that_settles_later_is_told_by_a_notice_and_then_found(bench):
    pending = charged(bench, Plan(pends=True))
    assert isinstance(pending, Pending)
    bench.settle(pending.reference)
    (delivery,) = bench.notices_due()
    (notice,) = bench.gateway.notices(delivery.body, delivery.headers)
    assert (notice.subject, notice.reference) == (NoticeSubject.CHARGE, pending.reference)
    assert notice.operation_id == payment(bench).transaction_id
    found = bench.gateway.find_charge(payment(bench, reference=notice.reference))
    assert isinstance(found, Found)
    assert isinstance(found.result, Succeeded)


def test_a_refund_that_comes_back_is_told_by_a_notice(bench):
    charge = paid(bench)
    bench.settle(charge.reference)
    request = refund_of(bench, charge)
    refund = bench.gateway.refund(request)
    assert isinstance(refund, Refunded)
    bench.return_refund(refund.reference)
    delivery = bench.notices_due()[-1]
    (notice,) = bench.gateway.notices(delivery.body, delivery.headers)
    assert (notice.subject, notice.reference) == (NoticeSubject.REFUND, refund.reference)
    assert notice.operation_id == request.refund_id
    assert notice.occurred_at.tzinfo is UTC
