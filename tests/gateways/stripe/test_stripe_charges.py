"""Charging with Stripe: what is sent, what comes of it, and how it is found again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moneyed import Money
from stripe_helpers import TWELVE, charge, paid, payment, saved

from interact_ledger.errors import GatewayCustomerGone, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Begun,
    Cancelled,
    CardDetails,
    CardFunding,
    Declined,
    DeclineReason,
    Found,
    Initiator,
    NewCard,
    NotAttempted,
    NotFound,
    Pending,
    SavedCard,
    Succeeded,
    Unknown,
)
from servers.stripe import Fault, Outcome, Script
from stripe_bench import StripeBench, adapter


def sent(bench: StripeBench, path_end: str):
    return bench.server.asked("POST", path_end)[-1]


def test_a_payment_intent_is_created_with_what_the_attempt_is_and_no_card(bench):
    bench.gateway.begin(payment(bench))
    exchange = sent(bench, "/payment_intents")
    assert exchange.asked.form == {
        "amount": "1200",
        "currency": "gbp",
        "customer": payment(bench).customer_id,
        "payment_method_types": ["card"],
        "capture_method": "automatic",
        "metadata": {
            "interact_ledger_operation": "txn_of_att_1",
            "interact_ledger_attempt": "att_1",
            "interact_ledger_account": "acct_1",
        },
    }
    assert exchange.asked.key == "att_1:create"


def test_the_version_is_said_and_nothing_about_this_machine(bench):
    paid(bench)
    for exchange in bench.server.exchanges:
        assert exchange.headers["Stripe-Version"] == "2026-10-28.endive"
        assert "X-Stripe-Client-Telemetry" not in exchange.headers
        assert "telemetry_id" not in exchange.headers["X-Stripe-Client-User-Agent"]
        assert "platform" not in exchange.headers["X-Stripe-Client-User-Agent"]


@pytest.mark.parametrize(
    ("initiator", "said"),
    [
        (Initiator.CUSTOMER, {"use_stripe_sdk": "true"}),
        (Initiator.UNSCHEDULED, {"off_session": "one_off"}),
        (Initiator.RECURRING, {"off_session": "recurring"}),
    ],
)
def test_it_is_said_who_initiates(bench, initiator, said):
    card = SavedCard(saved(bench).token)
    paid(bench, source=card, initiator=initiator)
    exchange = sent(bench, "/confirm")
    assert exchange.asked.form == {
        "payment_method": card.token,
        "expand": ["latest_charge", "payment_method"],
        **said,
    }
    assert exchange.asked.key == "att_1:confirm"


def test_a_card_is_kept_only_if_the_customer_chose_so(bench):
    result = paid(bench, save_card=False)
    assert "setup_future_usage" not in sent(bench, "/payment_intents").asked.form
    assert (result.saved_card, bench.saved_cards()) == (None, [])
    result = paid(bench, "att_2", save_card=True)
    assert sent(bench, "/payment_intents").asked.form["setup_future_usage"] == "off_session"
    (kept,) = bench.saved_cards()
    assert (result.saved_card.token, result.saved_card.reference) == (kept["id"], result.reference)


def test_a_card_may_come_as_a_confirmation_token(bench):
    token = bench.server.confirmation_token(Script(brand="mastercard", last4="4444"))
    result = paid(bench, source=token)
    assert sent(bench, "/confirm").asked.form["confirmation_token"] == token
    assert (result.card.last_four, charge(bench, source=token)) == ("4444", result)
    with pytest.raises(GatewayInvalidRequest):
        charge(bench, "att_2", token)


def test_an_unsaved_card_cannot_be_charged_again(bench):
    token = bench.server.card(Script())
    paid(bench, source=token)
    with pytest.raises(GatewayInvalidRequest):
        charge(bench, "att_2", token)


def test_a_success_says_what_was_captured_when_and_from_which_card(bench):
    bench.clock.advance(timedelta(seconds=7))
    result = paid(bench, source="pm_card_amex")
    assert result.amount == TWELVE
    assert result.captured_at == bench.clock.now()
    assert result.card == CardDetails(
        brand="american_express", last_four="8431", expiry_month=12, expiry_year=2039, funding=CardFunding.CREDIT
    )


@pytest.mark.parametrize(
    ("token", "brand", "funding"),
    [
        ("pm_card_visa_debit", "visa", CardFunding.DEBIT),
        ("pm_card_mastercard_prepaid", "mastercard", CardFunding.PREPAID),
        ("pm_card_diners", "diners_club", CardFunding.CREDIT),
        ("pm_card_unionpay", "unionpay", CardFunding.CREDIT),
        ("pm_card_discover", "discover", CardFunding.CREDIT),
        ("pm_card_jcb", "jcb", CardFunding.CREDIT),
    ],
)
def test_brands_and_fundings_are_named_as_the_protocol_names_them(bench, token, brand, funding):
    card = paid(bench, source=token).card
    assert (card.brand, card.funding) == (brand, funding)
    assert brand in bench.gateway.capabilities.brands


def test_a_brand_and_a_funding_that_nobody_knows_are_told_as_they_are(bench):
    card = paid(bench, source=bench.server.card(Script(brand="new_brand", funding="barter"))).card
    assert (card.brand, card.funding) == ("new_brand", CardFunding.UNKNOWN)


@pytest.mark.parametrize(
    "missing", ["latest_charge", "payment_method", "payment_method_details", "card", "last4", "brand"]
)
def test_money_that_was_captured_is_told_whatever_stripe_leaves_out_about_the_card(bench, missing):
    """Each of them may be null, says Stripe's document."""
    request = payment(bench, save_card=True)
    reference = bench.gateway.charge(request, NewCard("pm_card_visa")).reference
    held = bench.server.state.payments[reference]
    charge = bench.server.state.charges[held["latest_charge"]]
    for part in (held, charge, charge["payment_method_details"], charge["payment_method_details"]["card"]):
        if missing in part:
            part[missing] = None
    found = bench.gateway.find_charge(request)
    assert isinstance(found, Found)
    assert isinstance(found.result, Succeeded)
    assert (found.result.reference, found.result.amount) == (reference, request.amount)
    assert (found.result.saved_card is None) == (missing == "payment_method")


def test_a_client_secret_is_told_only_when_it_is_needed(bench):
    begun = bench.gateway.begin(payment(bench))
    assert begun.client_secret is None
    asked = charge(bench, source="pm_card_authenticationRequired")
    assert isinstance(asked, ActionRequired)
    assert asked.client_secret.startswith(f"{asked.reference}_secret_")
    found = bench.gateway.find_charge(payment(bench))
    assert found == Found(asked)
    assert asked.client_secret not in repr(asked)


def test_off_session_a_card_that_wants_its_owner_is_declined_and_can_be_paid_on_session(bench):
    card = SavedCard(saved(bench, token=bench.server.card(Script(off_session=Outcome.AUTHENTICATE))).token)
    result = charge(bench, source=card, initiator=Initiator.UNSCHEDULED)
    assert isinstance(result, Declined)
    assert (result.reason, result.advice) == (DeclineReason.AUTHENTICATION_REQUIRED, Advice.CUSTOMER_PRESENT)
    assert (result.raw_code, result.still_payable) == ("authentication_required", True)
    over = bench.gateway.cancel(payment(bench, reference=result.reference))
    assert over == Cancelled(reference=result.reference)


def test_a_customer_who_fails_to_authenticate_is_declined_and_the_charge_can_be_cancelled(bench):
    asked = charge(bench, source="pm_card_authenticationRequired")
    bench.authenticate(asked.reference, succeed=False)
    found = bench.gateway.find_charge(payment(bench))
    assert isinstance(found, Found)
    assert isinstance(found.result, Declined)
    assert found.result.reason is DeclineReason.AUTHENTICATION_FAILED
    assert found.result.still_payable
    assert bench.gateway.cancel(payment(bench)) == Cancelled(reference=asked.reference)


def test_what_is_pending_cannot_be_cancelled_and_says_so(bench):
    pending = charge(bench, source=bench.server.card(Script(pay=Outcome.PROCESS)))
    assert bench.gateway.cancel(payment(bench)) == pending == Pending(reference=pending.reference)


def test_a_decline_can_be_paid_by_a_browser_until_it_is_cancelled(bench):
    declined = charge(bench, source="pm_card_chargeDeclined")
    assert declined.still_payable
    bench.pay_in_browser(declined.reference, bench.server.card(Script()))
    assert isinstance(bench.gateway.cancel(payment(bench, reference=declined.reference)), Succeeded)


def test_a_charge_begins_by_itself_if_the_ledger_has_no_reference(bench):
    result = bench.gateway.charge(payment(bench), NewCard("pm_card_visa"))
    assert isinstance(result, Succeeded)
    assert len(bench.server.asked("POST", "/payment_intents")) == 1


def test_an_attempt_is_found_by_our_ids_among_a_hundred_and_more(bench):
    wanted = paid(bench, "att_wanted")
    for number in range(101):
        bench.gateway.begin(payment(bench, f"att_{number}"))
    assert bench.gateway.find_charge(payment(bench, "att_wanted")) == Found(wanted)
    asked = bench.server.asked("GET", "/payment_intents")[-1].asked.form
    request = payment(bench, "att_wanted")
    assert asked["customer"] == request.customer_id
    assert int(asked["created"]["gte"]) <= (request.send_before - timedelta(days=30)).timestamp()


def test_a_reference_that_stripe_does_not_know_is_looked_for_by_our_ids(bench):
    result = paid(bench)
    assert bench.gateway.find_charge(payment(bench, reference="pi_unknown")) == Found(result)
    assert bench.gateway.find_charge(payment(bench, "att_2", reference="pi_unknown")) == NotFound()


def test_cancelling_what_was_never_begun_stops_whoever_still_means_to(bench):
    assert isinstance(bench.gateway.cancel(payment(bench)), Cancelled)
    begun = bench.gateway.begin(payment(bench))
    assert isinstance(begun, Begun)
    result = bench.gateway.charge(payment(bench, reference=begun.reference), NewCard("pm_card_visa"))
    assert result == Cancelled(reference=begun.reference)
    assert bench.captured() == []


def test_cancelling_what_nobody_can_begin_any_more_makes_nothing(bench):
    request = payment(bench)
    bench.clock.set(request.send_before + timedelta(minutes=4))
    assert bench.gateway.cancel(request) == Cancelled()
    assert bench.server.state.payments == {}


def test_cancelling_finds_what_was_begun_without_an_answer(bench):
    bench.server.faults.add("POST", "/v1/payment_intents", Fault.ERROR_AFTER)
    assert isinstance(bench.gateway.begin(payment(bench)), Unknown)
    assert isinstance(bench.gateway.cancel(payment(bench)), Cancelled)
    assert [intent["status"] for intent in bench.server.state.payments.values()] == ["canceled"]


def test_cancelling_says_that_it_did_not_if_nothing_can_be_looked_up(bench):
    request = payment(bench)
    bench.lookups_available = False
    assert isinstance(bench.gateway.cancel(request), NotAttempted)


def test_cancelling_under_a_reference_that_stripe_does_not_know_is_an_invalid_request(bench):
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.cancel(payment(bench, reference="pi_unknown"))


@pytest.mark.parametrize("status", ["requires_capture", "requires_confirmation", "something_new"])
def test_a_status_that_this_adapter_never_makes_is_no_success_and_no_no(bench, status):
    reference = paid(bench).reference
    bench.server.state.payments[reference]["status"] = status
    result = bench.gateway.find_charge(payment(bench, reference=reference))
    assert not isinstance(getattr(result, "result", None), Succeeded | Declined | Cancelled)
    assert not isinstance(result, NotFound)


def test_a_saved_card_that_was_detached_elsewhere_is_declined_as_unusable(bench):
    card = SavedCard(saved(bench).token)
    bench.gateway.forget(card, payment(bench).customer_id)
    result = charge(bench, source=card, initiator=Initiator.RECURRING)
    assert isinstance(result, Declined)
    assert (result.reason, result.advice) == (DeclineReason.METHOD_UNUSABLE, Advice.NEW_METHOD)
    assert result.still_payable


def test_another_customers_card_is_declined_as_unusable(bench):
    card = SavedCard(saved(bench).token)
    other = payment(bench, customer_id=bench.gateway.link_customer("acct_2"))
    result = bench.gateway.charge(other, card)
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.METHOD_UNUSABLE


@pytest.mark.parametrize("source", [NewCard("pm_unknown"), SavedCard("pm_unknown"), NewCard(""), SavedCard("")])
def test_a_card_that_never_was_is_an_invalid_request(bench, source):
    with pytest.raises(GatewayInvalidRequest) as refused:
        charge(bench, source=source)
    assert "pm_unknown" not in str(refused.value)


@pytest.mark.parametrize(
    "amount",
    [
        *(Money("0.29", "GBP"), Money("0", "GBP"), Money("-5", "GBP"), Money("10.005", "GBP"), Money("NaN", "GBP")),
        *(Money("1000000", "GBP"), Money("100.5", "JPY"), Money("10.50", "ISK"), Money("1.005", "KWD")),
        *(Money("10", "KPW"), Money("Infinity", "USD")),
    ],
)
def test_an_amount_that_stripe_does_not_take_is_refused_unsent(bench, amount):
    request = payment(bench, amount=amount)
    before = len(bench.server.exchanges)
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.begin(request)
    assert len(bench.server.exchanges) == before


def test_an_amount_that_stripe_refuses_after_all_is_an_invalid_request(bench):
    """The minimum depends on the currency in which the account settles."""
    bench.server.state.least["amd"] = 15_000
    with pytest.raises(GatewayInvalidRequest, match=r"amount: .*amount_too_small"):
        bench.gateway.begin(payment(bench, amount=Money("1", "AMD")))


def test_a_customer_is_made_once_and_bears_nothing_but_our_account(bench):
    first = bench.gateway.link_customer("acct_7")
    exchange = sent(bench, "/customers")
    assert exchange.asked.form == {"metadata": {"interact_ledger_account": "acct_7"}}
    assert exchange.asked.key == "acct_7:customer"
    assert adapter(bench.server, bench.clock).link_customer("acct_7") == first
    assert len(bench.server.state.customers) == 1


# A customer that is not there ------------------------------------------------------------------------------------


def test_a_deleted_customer_is_told_apart_and_nothing_is_created(bench):
    request = payment(bench)
    bench.server.delete_customer(request.customer_id)
    for call in (lambda: bench.gateway.begin(request), lambda: bench.gateway.charge(request, NewCard("pm_card_visa"))):
        with pytest.raises(GatewayCustomerGone):
            call()
    assert bench.server.state.payments == {}


def test_a_customer_of_another_account_is_not_taken_for_deleted(bench):
    """With another account's key nobody is known, and every account would be given a new customer."""
    with pytest.raises(GatewayMisconfigured):
        bench.gateway.begin(payment(bench, customer_id="cus_elsewhere"))


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.GARBAGE_AFTER, Fault.NONSENSE_AFTER])
def test_a_customer_who_cannot_be_looked_up_is_not_taken_for_deleted(bench, fault):
    request = payment(bench)
    bench.server.delete_customer(request.customer_id)
    bench.server.faults.add("GET", "/v1/customers/[^/]+", fault, times=None)
    assert isinstance(bench.gateway.begin(request), NotAttempted)


def test_cancelling_what_was_never_begun_ends_it_when_the_customer_was_deleted(bench):
    request = payment(bench)
    bench.server.delete_customer(request.customer_id)
    assert bench.gateway.cancel(request) == Cancelled()
