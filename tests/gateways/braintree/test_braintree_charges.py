"""What the adapter sends to be paid, and what it makes of the answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from braintree_helpers import SEND_WITHIN, charged, paid, payment, saved, sent
from moneyed import Money

from braintree_bench import BraintreeBench
from interact_ledger.errors import GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.braintree import sdk
from interact_ledger.gateways.protocol import (
    Advice,
    Cancelled,
    CardDetails,
    CardFunding,
    Declined,
    DeclineReason,
    Found,
    Indeterminate,
    Initiator,
    NewCard,
    NotAttempted,
    NotFound,
    Pending,
    Succeeded,
    Unknown,
)
from servers.braintree import Plan, WireFault

LOST = [
    *(WireFault.BEFORE, WireFault.AFTER, WireFault.AFTER_THEN_REFUSED, WireFault.GARBAGE, WireFault.EMPTY),
    *(WireFault.REQUEST_TIMEOUT, WireFault.ERROR, WireFault.BAD_GATEWAY, WireFault.UNAVAILABLE),
    *(WireFault.GATEWAY_TIMEOUT, WireFault.REDIRECT),
]
REFUSED = [WireFault.REFUSED, WireFault.SLOW_DOWN]
NOT_LET_IN = [WireFault.UNAUTHORIZED, WireFault.FORBIDDEN, WireFault.UPGRADE]


def test_a_new_card_is_charged_with_everything_that_holds_the_attempt_together(bench):
    request = payment(bench)
    nonce = bench.books.nonce()
    bench.gateway.charge(request, NewCard(nonce))
    assert sent(bench, "POST /transactions") == [
        {
            "type": "sale",
            "amount": "12.00",
            "order_id": request.attempt_id,
            "api_request_key": request.attempt_id,
            "customer_id": request.account_id,
            "merchant_account_id": "acme_gbp",
            "payment_method_nonce": nonce,
            "options": {
                "submit_for_settlement": True,
                "store_in_vault_on_success": False,
                "three_d_secure": {"required": True},
            },
        }
    ]


@pytest.mark.parametrize(
    ("initiator", "source"),
    [(Initiator.CUSTOMER, None), (Initiator.UNSCHEDULED, "unscheduled"), (Initiator.RECURRING, "recurring")],
)
def test_a_saved_card_is_charged_saying_who_sets_it_off_and_without_3d_secure(bench, initiator, source):
    card = saved(bench)
    paid(bench, card, initiator=initiator)
    (sale,) = sent(bench, "POST /transactions")
    assert sale["payment_method_token"] == card.token
    assert sale.get("transaction_source") == source
    assert sale["options"] == {"submit_for_settlement": True}


def test_a_new_card_that_the_merchant_charges_needs_no_3d_secure(bench):
    paid(bench, Plan(three_d_secure=False), initiator=Initiator.RECURRING)
    (sale,) = sent(bench, "POST /transactions")
    assert "three_d_secure" not in sale["options"]


def test_a_card_is_kept_if_the_customer_chose_so_and_only_then(bench):
    result = paid(bench, save_card=True)
    assert result.saved_card is not None
    assert [*bench.books.vault] == [result.saved_card.token]
    assert result.saved_card.token not in result.saved_card.reference
    assert paid(bench, name="2").saved_card is None
    assert len(bench.books.vault) == 1


def test_a_result_tells_the_card_and_the_gateways_own_time(bench):
    result = paid(bench, Plan(brand="American Express", last_4="0005", debit="No"))
    assert result.card == CardDetails(
        brand="american_express", last_four="0005", expiry_month=12, expiry_year=2039, funding=CardFunding.CREDIT
    )
    assert result.captured_at == bench.clock.now()


@pytest.mark.parametrize("fault", LOST)
def test_an_answer_that_is_lost_or_makes_no_sense_leaves_it_unknown(bench, fault):
    bench.server.fail_next("charge", fault)
    assert isinstance(charged(bench), Unknown)


@pytest.mark.parametrize("fault", REFUSED)
def test_what_was_refused_outright_was_not_attempted(bench, fault):
    bench.server.fail_next("charge", fault)
    assert isinstance(charged(bench), NotAttempted)
    assert bench.books.transactions == {}


@pytest.mark.parametrize("fault", NOT_LET_IN)
def test_refused_credentials_are_for_an_operator(bench, fault):
    bench.server.fail_next("charge", fault)
    with pytest.raises(GatewayMisconfigured):
        charged(bench)


def test_an_answer_that_takes_too_long_leaves_it_unknown(bench, monkeypatch):
    monkeypatch.setattr(bench.gateway._connection.sdk.config, "timeout", 0.1)
    bench.server.fail_next("charge", WireFault.HANG)
    assert isinstance(charged(bench), Unknown)
    assert len(bench.captured()) == 1


def test_waiting_is_bounded_by_what_braintree_says_it_may_take(bench):
    assert bench.gateway._connection.sdk.config.timeout == sdk.TIMEOUT_SECONDS == 60
    assert bench.gateway.capabilities.safe_delay >= timedelta(seconds=60)


def test_one_call_sends_one_request_whatever_befalls_it(bench):
    bench.server.fail_next("charge", WireFault.BEFORE)
    charged(bench)
    assert len(sent(bench, "POST /transactions")) == 1


@pytest.mark.parametrize("first", [WireFault.BEFORE, WireFault.AFTER])
def test_a_refused_repeat_of_what_may_have_arrived_is_unknown(bench, first):
    request, card = payment(bench), NewCard(bench.books.nonce())
    bench.server.fail_next("charge", first)
    bench.gateway.charge(request, card)
    bench.server.fail_next("charge", WireFault.REFUSED)
    assert isinstance(bench.gateway.charge(request, card), Unknown)
    bench.clock.advance(SEND_WITHIN)
    assert isinstance(bench.gateway.charge(request, card), Unknown)


def test_the_merchant_account_is_the_currencys(bench):
    paid(bench, amount=Money("300", "JPY"))
    assert [(s["amount"], s["merchant_account_id"]) for s in sent(bench, "POST /transactions")] == [("300", "acme_jpy")]
    with pytest.raises(GatewayInvalidRequest):
        charged(bench, amount=Money("12.00", "USD"))


# Repeats and duplicates -----------------------------------------------------------------------------------------


def test_a_merchant_without_request_keys_is_told_so_before_anything_is_charged(bench):
    bench.books.request_keys = False
    with pytest.raises(GatewayMisconfigured, match="request_keys"):
        charged(bench)
    assert bench.books.transactions == {}


@pytest.mark.parametrize("code", ["915233", "915234", "915235"])
def test_a_key_that_is_in_use_or_failed_is_looked_up_and_unknown_until_it_is_found(bench, code):
    request, card = payment(bench), NewCard(bench.books.nonce())
    first = bench.gateway.charge(request, card)
    bench.books.key_error = code
    assert bench.gateway.charge(request, card) == first
    bench.books.search_lag = timedelta(seconds=30)
    assert isinstance(bench.gateway.charge(request, card), Unknown)
    assert len(bench.captured()) == 1


def test_without_request_keys_nothing_is_sent_twice_and_no_replay_is_promised(keyless):
    request, card = payment(keyless), NewCard(keyless.books.nonce())
    assert keyless.gateway.capabilities.replay_window == timedelta(0)
    keyless.server.fail_next("charge", WireFault.AFTER)
    assert isinstance(keyless.gateway.charge(request, card), Unknown)
    assert isinstance(keyless.gateway.charge(request, card), Unknown)
    (sale,) = sent(keyless, "POST /transactions")
    assert "api_request_key" not in sale
    assert isinstance(keyless.gateway.find_charge(request), Found)


def test_a_rejected_duplicate_is_looked_up_and_never_called_a_decline(keyless):
    first = paid(keyless)
    forgetful(keyless)
    assert charged(keyless) == first
    assert [t.rejection for t in keyless.books.transactions.values()] == [None, "duplicate"]
    assert keyless.gateway.find_charge(payment(keyless)) == Found(first)


def test_a_rejected_duplicate_whose_original_is_not_to_be_seen_yet_is_unknown(keyless):
    first = paid(keyless)
    forgetful(keyless)
    keyless.clock.advance(timedelta(seconds=20))
    keyless.books.search_lag = timedelta(seconds=30)
    assert isinstance(charged(keyless), Unknown)
    keyless.books.search_lag = timedelta(0)
    keyless.books.transactions[first.reference].created_at += timedelta(seconds=50)
    keyless.books.search_lag = timedelta(seconds=-1)
    assert isinstance(keyless.gateway.find_charge(payment(keyless)), Indeterminate)


def test_a_nonce_that_was_used_is_looked_up_before_anything_is_said(keyless):
    first, card = payment(keyless), NewCard(keyless.books.nonce())
    assert isinstance(keyless.gateway.charge(first, card), Succeeded)
    forgetful(keyless)
    again = keyless.gateway.charge(first, card)
    assert isinstance(again, Succeeded)
    other = keyless.gateway.charge(payment(keyless, "2"), card)
    assert isinstance(other, Unknown)
    assert len(keyless.captured()) == 1


@pytest.mark.parametrize("fault", [WireFault.UNAUTHORIZED, WireFault.UNAVAILABLE])
def test_a_repeat_that_cannot_be_looked_up_is_unknown_whatever_the_reason(keyless, fault):
    paid(keyless)
    forgetful(keyless)
    keyless.server.fail_next("find_charge", fault)
    assert isinstance(charged(keyless), Unknown)


# Looking up -----------------------------------------------------------------------------------------------------


def test_a_charge_is_found_by_its_order_id_once_the_search_has_caught_up(bench):
    result = paid(bench)
    bench.books.search_lag = bench.gateway.capabilities.lookup_lag
    assert bench.gateway.find_charge(payment(bench)) == NotFound()
    assert bench.gateway.find_charge(payment(bench, reference=result.reference)) == Found(result)
    bench.clock.advance(bench.gateway.capabilities.lookup_lag)
    assert bench.gateway.find_charge(payment(bench)) == Found(result)


def test_only_the_very_order_id_is_found(bench):
    result = paid(bench)
    bench.books.transactions[result.reference].order_id = payment(bench).attempt_id.upper()
    assert bench.gateway.find_charge(payment(bench)) == NotFound()


def test_a_reference_of_another_attempt_is_not_believed(bench):
    first, second = paid(bench), paid(bench, name="2")
    assert bench.gateway.find_charge(payment(bench, reference=second.reference)) == Found(first)
    assert bench.gateway.find_charge(payment(bench, "3", reference=second.reference)) == NotFound()


def test_of_several_sales_of_one_attempt_the_captured_one_counts(bench):
    charged(bench, Plan(code="2001"))
    second = paid(bench, name="2")
    sales = list(bench.books.transactions.values())
    sales[1].order_id = sales[0].order_id
    assert bench.gateway.find_charge(payment(bench)) == Found(second)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *(
            (status, Succeeded)
            for status in ("submitted_for_settlement", "settling", "settled", "settlement_confirmed")
        ),
        *((status, Pending) for status in ("settlement_pending", "authorizing", "authorized")),
        *((status, Cancelled) for status in ("voided", "authorization_expired")),
        *(
            (status, Declined)
            for status in ("settlement_declined", "settlement_failed", "processor_declined", "failed")
        ),
    ],
)
def test_each_status_is_told_as_what_it_is(bench, status, kind):
    result = paid(bench)
    bench.books.transactions[result.reference].status = status
    found = bench.gateway.find_charge(payment(bench))
    assert isinstance(found, Found)
    assert isinstance(found.result, kind)
    assert found.result.reference == result.reference


def test_a_capture_that_settlement_then_declines_is_told_truthfully(bench):
    result = paid(bench)
    bench.books.settle(result.reference, succeed=False)
    assert bench.gateway.find_charge(payment(bench, reference=result.reference)) == Found(
        Declined(
            reason=DeclineReason.DO_NOT_HONOUR,
            advice=Advice.NEW_METHOD,
            raw_code="settlement_declined",
            reference=result.reference,
        )
    )


def test_another_currency_than_asked_for_is_told_as_it_is(bench):
    result = paid(bench)
    bench.books.transactions[result.reference].currency = "EUR"
    found = bench.gateway.find_charge(payment(bench))
    assert isinstance(found, Found)
    assert found.result == replace(result, amount=Money("12.00", "EUR"))


def test_a_part_that_was_approved_is_told_as_its_amount_and_is_unknown_if_the_answer_names_the_whole(bench):
    assert paid(bench, Plan(partly=True)).amount == Money("11.00", "GBP")
    whole = paid(bench, name="2")
    bench.books.transactions[whole.reference].code = "1004"
    found = bench.gateway.find_charge(payment(bench, "2"))
    assert isinstance(found, Found)
    assert isinstance(found.result, Unknown)


@pytest.mark.parametrize("fault", [*LOST, *REFUSED[1:]])
def test_a_look_up_that_fails_is_indeterminate(bench, fault):
    paid(bench)
    bench.server.fail_next("find_charge", fault)
    assert isinstance(bench.gateway.find_charge(payment(bench)), Indeterminate)


# Cancelling -----------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_cancelled_only_once_it_cannot_arrive(bench):
    request = payment(bench)
    assert isinstance(bench.gateway.cancel(request), Unknown)
    bench.clock.set(request.send_before + bench.gateway.capabilities.safe_delay)
    assert isinstance(bench.gateway.cancel(request), Unknown)
    bench.clock.advance(timedelta(minutes=1))
    assert bench.gateway.cancel(request) == Cancelled()


def test_what_is_pending_is_voided(bench):
    result = charged(bench, Plan(pends=True))
    assert isinstance(result, Pending)
    assert bench.gateway.cancel(payment(bench)) == Cancelled(reference=result.reference)
    assert bench.books.transactions[result.reference].status == "voided"


def test_what_is_captured_is_neither_voided_nor_paid_back_by_cancelling(bench):
    result = paid(bench)
    assert bench.gateway.cancel(payment(bench)) == result
    assert bench.books.transactions[result.reference].status == "submitted_for_settlement"


def test_cancelling_without_an_answer_is_unknown(bench):
    charged(bench, Plan(pends=True))
    bench.server.fail_next("cancel", WireFault.AFTER)
    assert isinstance(bench.gateway.cancel(payment(bench)), Unknown)
    bench.server.lookups_available = False
    assert isinstance(bench.gateway.cancel(payment(bench)), Unknown)


def forgetful(bench: BraintreeBench) -> None:
    """Play another process, which did not send what this one sent."""
    bench.gateway._connection._tries = type(bench.gateway._connection._tries)()
