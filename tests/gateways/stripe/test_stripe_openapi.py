"""What the adapter sends, and what the loopback server answers, is what Stripe's own document describes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from moneyed import Money
from stripe_document import DOCUMENT, Document
from stripe_helpers import charge, paid, payment, refund_of, save, saved, saving

from interact_ledger.gateways.protocol import Initiator, NewCard, SavedCard
from servers.stripe import Answered, Asked, Decline, Fault, Outcome, Script
from stripe_bench import StripeBench, stripe_bench

pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason=f"Stripe's OpenAPI document is not at {DOCUMENT}")


def _charges(bench: StripeBench) -> None:
    paid(bench)
    paid(bench, "att_2", amount=Money(1200, "JPY"))
    kept = paid(bench, "att_3", save_card=True).saved_card
    assert kept is not None
    for number, initiator in enumerate(Initiator):
        paid(bench, f"att_4{number}", SavedCard(kept.token), initiator=initiator)
    bench.gateway.forget(SavedCard(kept.token), payment(bench).customer_id)
    charge(bench, "att_5", SavedCard(kept.token))


def _confirmation_tokens(bench: StripeBench) -> None:
    paid(bench, source=bench.server.confirmation_token(Script()))
    saved(bench, token=bench.server.confirmation_token(Script()))


def _declines(bench: StripeBench) -> None:
    for number, token in enumerate(("pm_card_chargeDeclined", "pm_card_chargeDeclinedExpiredCard")):
        charge(bench, f"att_{number}", token)
        bench.gateway.cancel(payment(bench, f"att_{number}"))
    advised = bench.server.card(Script(pay=Decline("card_declined", "generic_decline", "do_not_try_again")))
    charge(bench, "att_3", advised)


def _authentication(bench: StripeBench) -> None:
    for number, succeed in enumerate((True, False)):
        charge(bench, f"att_{number}", "pm_card_authenticationRequired")
        (waiting,) = [i for i in bench.server.open_intents() if i["status"] == "requires_action"]
        bench.gateway.find_charge(payment(bench, f"att_{number}"))
        bench.authenticate(waiting["id"], succeed=succeed)
        bench.gateway.find_charge(payment(bench, f"att_{number}", reference=waiting["id"]))


def _pending(bench: StripeBench) -> None:
    charge(bench, "att_1", bench.server.card(Script(pay=Outcome.PROCESS)))
    bench.gateway.find_charge(payment(bench, "att_1"))
    bench.gateway.cancel(payment(bench, "att_1"))


def _faults(bench: StripeBench) -> None:
    for number, fault in enumerate((Fault.DROP_AFTER, Fault.TOO_MANY, Fault.ERROR, Fault.ERROR_AFTER)):
        bench.server.faults.add("POST", ".*/confirm", fault)
        charge(bench, f"att_{number}")
        charge(bench, f"att_{number}")


def _savings(bench: StripeBench) -> None:
    saved(bench)
    save(bench, "sav_2", "pm_card_chargeDeclined")
    for number, succeed in enumerate((True, False), start=3):
        asked = save(bench, f"sav_{number}", "pm_card_authenticationRequiredOnSetup")
        bench.authenticate(asked.reference, succeed=succeed)
        bench.gateway.complete_save(saving(bench, f"sav_{number}", reference=asked.reference))
    bench.gateway.find_card(saving(bench, "sav_2"))
    bench.gateway.cancel_save(saving(bench, "sav_9"))


def _refunds(bench: StripeBench) -> None:
    first, second = paid(bench), paid(bench, "att_2", "pm_card_pendingRefund")
    half = first.amount / 2
    for attempt in ("ref_1", "ref_1", "ref_2", "ref_3"):
        bench.gateway.refund(refund_of(bench, first, attempt, amount=half))
    bench.gateway.refund(refund_of(bench, second, "ref_4"))
    bench.gateway.find_refund(refund_of(bench, second, "ref_4"))


def _others(bench: StripeBench) -> None:
    first, second = paid(bench, save_card=True), paid(bench, "att_2")
    assert first.saved_card is not None
    card, customer_id = SavedCard(first.saved_card.token), payment(bench).customer_id
    bench.server.refund_in_dashboard(first.reference, 100)
    bench.server.open_dispute(second.reference, 100, status="warning_needs_response")
    bench.server.open_dispute(second.reference, 100, status="prevented")
    for won in (True, False):
        dispute = bench.server.open_dispute(second.reference, 200)
        bench.gateway.find_after_capture(second.reference)
        bench.server.decide_dispute(dispute, won=won)
    for reference in (first.reference, second.reference, "pi_never"):
        bench.gateway.find_after_capture(reference)
    bench.server.pay_in_dashboard(customer_id, 700)
    bench.server.update_card(card.token, last4="0077", exp_year=2044)
    bench.gateway.find_saved_card(card, customer_id)
    bench.server.detach_card(card.token)
    for asked in (card, SavedCard("pm_neverwas")):
        bench.gateway.find_saved_card(asked, customer_id)
    bench.server.delete_customer(customer_id)
    bench.gateway.find_saved_card(SavedCard("pm_neverwas"), customer_id)


def _nonsense(bench: StripeBench) -> None:
    for token in ("never-was", "pm_neverwas"):
        with pytest.raises(Exception, match="refused by Stripe"):
            bench.gateway.charge(payment(bench, f"att_{token}"), NewCard(token))
    bench.gateway.forget(SavedCard("pm_neverwas"), payment(bench).customer_id)
    bench.clock.advance(timedelta(days=1))
    bench.gateway.find_charge(payment(bench, "att_never", reference="pi_never"))


STORIES: list[Callable[[StripeBench], None]] = [
    *(
        _charges,
        _confirmation_tokens,
        _declines,
        _authentication,
        _pending,
        _faults,
        _savings,
        _refunds,
        _others,
        _nonsense,
    ),
]


@pytest.fixture(scope="module")
def document() -> Document:
    return Document()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.strip("_"))
def test_requests_and_answers_are_as_the_document_says(document, bench, story):
    story(bench)
    assert len(bench.server.exchanges) > 3
    for exchange in bench.server.exchanges:
        faults = document.faults_of_request(exchange.asked)
        if exchange.answered is not None:
            faults += document.faults_of_answer(exchange.asked, exchange.answered)
        assert faults == [], exchange


def test_the_stories_together_send_every_request_that_the_adapter_can_make():
    sent = set()
    for story in STORIES:
        with stripe_bench() as bench:
            story(bench)
            sent |= {(e.asked.method, "/".join(e.asked.path.split("/")[2::2])) for e in bench.server.exchanges}
    assert sent == {
        *(("POST", "customers"), ("POST", "payment_intents"), ("GET", "payment_intents")),
        *(("POST", "payment_intents/confirm"), ("POST", "payment_intents/cancel")),
        *(("POST", "setup_intents"), ("GET", "setup_intents"), ("POST", "setup_intents/confirm")),
        *(("POST", "setup_intents/cancel"), ("GET", "payment_methods"), ("POST", "payment_methods/detach")),
        *(("POST", "refunds"), ("GET", "refunds"), ("GET", "disputes"), ("GET", "customers")),
    }


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.strip("_"))
def test_events_and_what_they_are_about_are_as_the_document_says(document, bench, story):
    story(bench)
    assert bench.server.events()
    for event in bench.server.events():
        faults = document.faults_of_object(event)
        faults += document.faults_of_object(event["data"]["object"])
        assert faults == [], event


def test_what_is_wrong_is_found(document):
    """The check itself can fail: on a value, a name, a missing field and a status."""
    form = {"amount": "12.50", "currency": "gbp", "colour": "red"}
    faults = document.faults_of_request(Asked("POST", "/v1/payment_intents", form, None, ""))
    assert len(faults) == 2
    asked = Asked("GET", "/v1/payment_intents/pi_1", {}, None, "")
    answer = {"id": "pi_1", "object": "payment_intent", "status": "paid", "livemode": False, "colour": "red"}
    assert len(document.faults_of_answer(asked, Answered(200, answer))) == 3
    assert len(document.faults_of_object({"object": "refund", "id": "re_1", "amount": 7, "colour": "red"})) == 3
