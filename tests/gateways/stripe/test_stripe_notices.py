"""Stripe's webhooks: what is authentic is understood, and nothing else gets in."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import stripe
from moneyed import Money
from stripe_helpers import charge, paid, payment, refund_of, save, saved, saving

from interact_ledger import Ledger, Settings
from interact_ledger.clock import MovableClock
from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.protocol import NoticeSubject, SavedCard, Succeeded
from interact_ledger.gateways.stripe import StripeGateway
from interact_ledger.processes.notices import NoticeOutcome
from servers.stripe import API_KEY, Outcome, Script, StripeServer
from stripe_bench import NOON, OLD_SECRET, SECRET, SECRETS, StripeBench, adapter

FIFTY = Money(50, "GBP")
HEADER = "Stripe-Signature"
FOREIGN_SECRET = "whsec_somebodyelse0123456789abcdefghijk"


@dataclass(frozen=True)
class Request:
    """One webhook request."""

    body: bytes
    headers: dict[str, str]

    def with_header(self, value: str) -> Request:
        return replace(self, headers={HEADER: value})


def signed(body: bytes, secret: str = SECRET, at: float = NOON.timestamp()) -> Request:
    payload = body.decode()
    return Request(body, {HEADER: stripe.WebhookSignature.generate_signature_header(payload, secret, int(at))})


def an_event(about: dict, kind: str = "payment_intent.succeeded", **changes) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "created": int(NOON.timestamp()),
        "data": {"object": about},
        "type": kind,
        **changes,
    }
    return json.dumps(event).encode()


PAYMENT = {"id": "pi_1", "object": "payment_intent", "metadata": {"interact_ledger_operation": "txn_1"}}
AUTHENTIC = an_event(PAYMENT)


@pytest.fixture
def gateway() -> StripeGateway:
    return StripeGateway(API_KEY, webhook_secrets=SECRETS, clock=MovableClock(NOON))


def accepted(gateway: StripeGateway, request: Request):
    (notice,) = gateway.notices(request.body, request.headers)
    return notice


def refused(gateway: StripeGateway, request: Request) -> bool:
    """Say whether a request is refused as it should be; any other exception is an error of the test."""
    try:
        gateway.notices(request.body, request.headers)
    except NoticeRejected:
        return True
    return False


# What is authentic ------------------------------------------------------------------------------------------------


def test_each_kind_of_event_names_what_could_be_looked_up(bench: StripeBench):
    captured = paid(bench, "att_1", save_card=True)
    bench.gateway.refund(refund_of(bench, captured))
    charge(bench, "att_2", "pm_card_chargeDeclined")
    declined = payment(bench, "att_2")
    bench.gateway.cancel(declined)
    kept = saved(bench)
    save(bench, "sav_2", "pm_card_chargeDeclined")
    bench.gateway.forget(SavedCard(kept.token), saving(bench).customer_id)
    bench.server.open_dispute(captured.reference)
    seen = {}
    for event in bench.server.events():
        body, headers = bench.server.delivery(event, SECRET, NOON)
        notice = accepted(bench.gateway, Request(body, headers))
        about = event["data"]["object"]
        assert notice.notice_id == event["id"]
        if not event["type"].startswith("payment_method"):
            assert notice.reference == about.get("payment_intent", about["id"]) or notice.reference == about["id"]
        assert kept.token not in repr(notice)
        seen[event["type"]] = (notice.subject, notice.operation_id, notice.charge_reference, notice.customer_id)
    charge_id, customer = captured.reference, saving(bench).customer_id
    assert seen == {
        "payment_intent.created": (NoticeSubject.CHARGE, "txn_of_att_2", None, None),
        "payment_intent.succeeded": (NoticeSubject.CHARGE, "txn_of_att_1", charge_id, customer),
        "payment_intent.payment_failed": (NoticeSubject.CHARGE, "txn_of_att_2", None, None),
        "payment_intent.canceled": (NoticeSubject.CHARGE, "txn_of_att_2", None, None),
        "setup_intent.created": (NoticeSubject.CARD, "saving_of_sav_2", None, customer),
        "setup_intent.succeeded": (NoticeSubject.CARD, "saving_of_sav_1", None, customer),
        "setup_intent.setup_failed": (NoticeSubject.CARD, "saving_of_sav_2", None, customer),
        "setup_intent.canceled": (NoticeSubject.CARD, "saving_of_sav_2", None, customer),
        "refund.created": (NoticeSubject.REFUND, "refund_of_ref_1", charge_id, None),
        "charge.refunded": (NoticeSubject.CHARGE, "txn_of_att_1", charge_id, customer),
        "charge.dispute.created": (NoticeSubject.DISPUTE, None, charge_id, None),
        "charge.dispute.funds_withdrawn": (NoticeSubject.DISPUTE, None, charge_id, None),
        "payment_method.attached": (NoticeSubject.OTHER, None, None, None),
        "payment_method.detached": (NoticeSubject.CARD, None, None, customer),
    }


def test_a_charge_is_named_by_its_payment_intent(gateway):
    about = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": PAYMENT["metadata"]}
    notice = accepted(gateway, signed(an_event(about, "charge.refunded")))
    assert (notice.subject, notice.reference, notice.operation_id) == (NoticeSubject.CHARGE, "pi_1", "txn_1")


def test_an_object_without_our_metadata_is_foreign(gateway):
    about = {"id": "pi_2", "object": "payment_intent", "metadata": {"order": "7"}}
    assert accepted(gateway, signed(an_event(about))).operation_id is None


@pytest.mark.parametrize("secret", SECRETS)
def test_each_of_several_secrets_may_have_signed(gateway, secret):
    assert accepted(gateway, signed(AUTHENTIC, secret)).reference == "pi_1"


def test_a_header_with_the_signatures_of_two_secrets_is_taken_while_one_is_rotated(gateway):
    other = signed(AUTHENTIC, FOREIGN_SECRET).headers[HEADER].partition(",")[2]
    request = signed(AUTHENTIC)
    assert accepted(gateway, request.with_header(f"{request.headers[HEADER]},{other}")).reference == "pi_1"


def test_a_header_is_found_whatever_the_case_of_its_name(gateway):
    request = signed(AUTHENTIC)
    assert accepted(gateway, replace(request, headers={"stripe-signature": request.headers[HEADER]}))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(gateway, seconds):
    assert accepted(gateway, signed(AUTHENTIC, at=NOON.timestamp() + seconds))


# What is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10 * 365 * 86_400, 10**11])
def test_the_past_and_the_future_are_refused(gateway, seconds):
    assert refused(gateway, signed(AUTHENTIC, at=NOON.timestamp() + seconds))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b"7", b'"event"', b"{", b"[" * 100_000, b'{"data": {"object": 1}}'),
        an_event({"object": "payment_intent", "id": 7}),
        an_event({"object": "payment_intent", "id": ""}),
        an_event({"object": "payment_intent", "id": "pi_1\n"}),
        an_event({"object": "payment_intent", "id": "p" * 501}),
        an_event({"object": "payment_intent", "id": "pi_1", "metadata": "txn_1"}),
        an_event({"object": "payment_intent", "id": "pi_1", "metadata": {"interact_ledger_operation": 7}}),
        an_event({"object": ["payment_intent"], "id": "pi_1"}),
        an_event(PAYMENT, id=None),
        an_event(PAYMENT, created="now"),
        an_event(PAYMENT, created=True),
        an_event(PAYMENT, created=10**30),
        an_event(PAYMENT, created=-(10**30)),
    ],
)
def test_what_is_signed_and_makes_no_sense_is_refused(gateway, body):
    assert refused(gateway, signed(body))


def test_bytes_that_are_no_text_are_refused_although_signed(gateway):
    body = b'\xff\xfe{"id": "evt_1"}'
    stamp = int(NOON.timestamp())
    signature = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert refused(gateway, Request(body, {HEADER: f"t={stamp},v1={signature}"}))


@pytest.mark.parametrize(
    "headers",
    [
        *({}, {HEADER: ""}, {HEADER: "t=,v1="}, {HEADER: "é"}, {HEADER: None}, {HEADER: b"t=1,v1=2"}, {1: "2"}, None),
        {HEADER: "t=" + "9" * 5000},
    ],
)
def test_a_header_that_is_none_is_refused(gateway, headers):
    with pytest.raises(NoticeRejected):
        gateway.notices(AUTHENTIC, headers)


@pytest.mark.parametrize("body", [AUTHENTIC.decode(), bytearray(AUTHENTIC), None])
def test_a_body_that_is_not_raw_bytes_is_refused(gateway, body):
    with pytest.raises(NoticeRejected):
        gateway.notices(body, signed(AUTHENTIC).headers)


def test_two_signature_headers_are_refused_although_both_are_right(gateway):
    request = signed(AUTHENTIC)
    value = request.headers[HEADER]
    assert refused(gateway, replace(request, headers={HEADER: value, HEADER.lower(): value}))
    assert refused(gateway, request.with_header(f"{value},{value}"))


def test_a_test_mode_signature_proves_nothing(gateway):
    request = signed(AUTHENTIC)
    assert refused(gateway, request.with_header(request.headers[HEADER].replace("v1=", "v0=")))


def test_without_secrets_every_notice_is_refused():
    gateway = StripeGateway(API_KEY, clock=MovableClock(NOON))
    assert refused(gateway, signed(AUTHENTIC))
    assert refused(gateway, signed(AUTHENTIC, ""))


# The programme ----------------------------------------------------------------------------------------------------

Alter = Callable[[random.Random, Request], Request]


def _changed(chance: random.Random, content: bytes) -> bytes:
    """Change, insert, delete or repeat a few neighbouring bytes."""
    start = chance.randrange(len(content))
    end = min(len(content), start + chance.randint(0, 3))
    put = bytes(chance.randrange(256) for _ in range(chance.randint(0, 3)))
    return content[:start] + put + content[end:]


def _body(chance: random.Random, request: Request) -> Request:
    return replace(request, body=_changed(chance, request.body))


def _header(chance: random.Random, request: Request) -> Request:
    return request.with_header(_changed(chance, request.headers[HEADER].encode()).decode("latin-1"))


def _forged(chance: random.Random, request: Request) -> Request:
    return signed(request.body, f"whsec_{chance.randbytes(16).hex()}")


def _stale(chance: random.Random, request: Request) -> Request:
    return signed(request.body, at=NOON.timestamp() - 301 - chance.expovariate(1e-5))


def _from_the_future(chance: random.Random, request: Request) -> Request:
    return signed(request.body, at=NOON.timestamp() + 301 + chance.expovariate(1e-5))


def _backdated(chance: random.Random, request: Request) -> Request:
    stale = _stale(chance, request).headers[HEADER]
    return request.with_header(f"t={int(NOON.timestamp())},{stale.partition(',')[2]}")


def _duplicated(chance: random.Random, request: Request) -> Request:
    name = "".join(chance.choice((letter.upper(), letter.lower())) for letter in HEADER)
    value = chance.choice((request, _forged(chance, request))).headers[HEADER]
    if name == HEADER:
        return request.with_header(f"{value},{request.headers[HEADER]}")
    return replace(request, headers={HEADER: request.headers[HEADER], name: value})


def _swapped(chance: random.Random, request: Request) -> Request:
    other = an_event({**PAYMENT, "id": f"pi_{chance.randrange(10**6)}"})
    return replace(request, body=other)


def _other_scheme(chance: random.Random, request: Request) -> Request:
    return request.with_header(request.headers[HEADER].replace("v1=", f"v{chance.choice('023456789')}="))


ALTERATIONS: list[Alter] = [
    *(_body, _header, _forged, _stale, _from_the_future, _backdated, _duplicated, _swapped, _other_scheme),
]


@pytest.mark.programme(row=9, what="altered notices of Stripe refused", ci=20_000, release=1_000_000, each=20_000)
def test_no_altered_notice_is_accepted(gateway, part):
    for number in part:
        chance = random.Random(number)
        original = altered = signed(an_event({**PAYMENT, "id": f"pi_{number}"}), chance.choice(SECRETS))
        while altered == original:
            altered = chance.choice(ALTERATIONS)(chance, original)
        assert refused(gateway, altered), (number, altered)
        if number % 100 == 0:
            assert not refused(gateway, original)


# Through the ledger -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_notices_that_come_late_shuffled_and_several_times_credit_each_payment_once(seed):
    clock, chance = MovableClock(NOON), random.Random(seed)
    settings = Settings.default()
    with StripeServer(clock) as server:
        gateway = adapter(server, clock)
        with Ledger.open("sqlite://", gateways=[gateway], settings=settings, clock=clock) as ledger:
            account = ledger.open_account("customer-1", "GBP", "GB").account_id
            pending = []
            for number in range(4):
                quote = ledger.checkout(account, FIFTY)
                token = server.card(Script(pay=Outcome.PROCESS))
                pending.append(
                    ledger.top_up(account, quote.quote_id, card_token=token, idempotency_key=f"pay-{number}")
                )
            assert {result.status for result in pending} == {"pending"}
            for result in pending[:3]:
                server.settle(result.gateway_reference)
            server.settle(pending[3].gateway_reference, succeed=False)
            events = server.events()
            deliveries = events * 3
            chance.shuffle(deliveries)
            clock.advance(timedelta(hours=5))
            outcomes = []
            for event in deliveries:
                body, headers = server.delivery(event, chance.choice((SECRET, OLD_SECRET)), clock.now())
                outcomes += [received.outcome for received in ledger.receive("stripe", body, headers)]
            assert set(outcomes) == {NoticeOutcome.RECORDED, NoticeOutcome.DUPLICATE}
            assert outcomes.count(NoticeOutcome.RECORDED) == len(events)
            assert ledger.balance(account).available == 3 * FIFTY
            assert ledger.audit().findings == ()


def test_a_customer_who_authenticates_and_closes_the_tab_is_credited_by_the_notice():
    clock = MovableClock(NOON)
    with StripeServer(clock) as server:
        gateway = adapter(server, clock)
        with Ledger.open("sqlite://", gateways=[gateway], settings=Settings.default(), clock=clock) as ledger:
            account = ledger.open_account("customer-1", "GBP", "GB").account_id
            quote = ledger.checkout(account, FIFTY)
            asked = ledger.top_up(
                account, quote.quote_id, card_token="pm_card_authenticationRequired", idempotency_key="pay"
            )
            assert asked.status == "action_required"
            assert asked.client_secret is not None
            server.authenticate(asked.gateway_reference)
            body, headers = server.delivery(server.events()[-1], SECRET, clock.now())
            (received,) = ledger.receive("stripe", body, headers)
            assert received.outcome is NoticeOutcome.RECORDED
            assert ledger.balance(account).available == FIFTY
            found = gateway.find_charge(payment(StripeBench(server, clock), reference=asked.gateway_reference))
            assert isinstance(found.result, Succeeded)
