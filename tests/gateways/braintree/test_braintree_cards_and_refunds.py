"""Cards that are kept and forgotten, and money that is paid back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from braintree_helpers import ACCOUNT, SEND_WITHIN, TWELVE, charged, paid, payment, refund_of, saved, saving, sent
from moneyed import Money

from interact_ledger.errors import (
    ChargeNotSettled,
    GatewayError,
    GatewayInvalidRequest,
    GatewayMisconfigured,
)
from interact_ledger.gateways.protocol import (
    Advice,
    Cancelled,
    CardSaved,
    Declined,
    DeclineReason,
    Forgotten,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    NotFound,
    Pending,
    Refunded,
    SavedCard,
    Unknown,
)
from interact_ledger.ids import derived_id
from servers.braintree import Plan, WireFault

HALF = Money("6.00", "GBP")


# Keeping and forgetting -----------------------------------------------------------------------------------------


def test_a_card_is_saved_under_a_token_of_our_own_and_verified(bench):
    nonce = bench.books.nonce()
    result = bench.gateway.save(saving(bench), NewCard(nonce))
    assert isinstance(result, CardSaved)
    assert sent(bench, "POST /payment_methods") == [
        {
            "customer_id": ACCOUNT,
            "payment_method_nonce": nonce,
            "token": result.token,
            "options": {"verify_card": True, "verification_merchant_account_id": "acme_gbp"},
        }
    ]
    assert bench.books.verifications == 1
    assert bench.books.transactions == {}


def test_a_card_that_is_not_verified_is_declined_and_not_kept(bench):
    result = bench.gateway.save(saving(bench), NewCard(bench.books.nonce(Plan(code="2010"))))
    assert result == Declined(reason=DeclineReason.INCORRECT_DETAILS, advice=Advice.NEW_METHOD, raw_code="2010")
    result = bench.gateway.save(saving(bench, "2"), NewCard(bench.books.nonce(Plan(rejection="cvv"))))
    assert result == Declined(reason=DeclineReason.INCORRECT_DETAILS, advice=Advice.NEW_METHOD, raw_code="cvv")
    assert bench.books.vault == {}


def test_a_token_in_use_is_the_card_that_this_attempt_saved_and_no_other_customers(bench):
    request, first = saving(bench), saved(bench)
    again = bench.gateway.save(request, NewCard(bench.books.nonce()))
    assert isinstance(again, CardSaved)
    assert again.token == first.token
    other = bench.gateway.link_customer(derived_id("acct", "other"))
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.save(saving(bench, customer_id=other), NewCard(bench.books.nonce()))
    assert len(bench.books.vault) == 1


def test_a_used_nonce_whose_card_is_not_there_leaves_the_saving_unknown(bench):
    nonce = bench.books.nonce()
    paid(bench, NewCard(nonce))
    assert isinstance(bench.gateway.save(saving(bench), NewCard(nonce)), Unknown)


@pytest.mark.parametrize("fault", [WireFault.BEFORE, WireFault.AFTER, WireFault.GARBAGE, WireFault.ERROR])
def test_a_saving_without_an_answer_is_unknown_until_it_is_looked_up(bench, fault):
    bench.server.fail_next("save", fault)
    assert isinstance(bench.gateway.save(saving(bench), NewCard(bench.books.nonce())), Unknown)
    found = bench.gateway.find_card(saving(bench))
    assert isinstance(found, Found) is bool(bench.books.vault)
    assert isinstance(found, Found | NotFound)


def test_a_saving_that_cannot_be_looked_up_is_indeterminate(bench):
    saved(bench)
    bench.server.lookups_available = False
    assert isinstance(bench.gateway.find_card(saving(bench)), Indeterminate)
    assert isinstance(bench.gateway.cancel_save(saving(bench)), Unknown)


def test_completing_a_saving_tells_its_present_state(bench):
    request = saving(bench)
    assert isinstance(bench.gateway.complete_save(request), Unknown)
    saved(bench)
    assert isinstance(bench.gateway.complete_save(request), CardSaved)
    late = saving(bench, "2", send_before=bench.clock.now() - timedelta(hours=1))
    assert isinstance(bench.gateway.complete_save(late), NotAttempted)
    assert bench.gateway.cancel_save(late) == Cancelled()


@pytest.mark.parametrize("fault", [WireFault.BEFORE, WireFault.AFTER, WireFault.ERROR])
def test_forgetting_without_an_answer_is_unknown_and_then_done(bench, fault):
    card = saved(bench)
    bench.server.fail_next("forget", fault)
    assert isinstance(bench.gateway.forget(card, ACCOUNT), Unknown)
    assert bench.gateway.forget(card, ACCOUNT) == Forgotten()
    assert bench.books.vault == {}


def test_a_card_of_another_customer_is_not_forgotten(bench):
    card = saved(bench)
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.forget(card, derived_id("acct", "other"))
    assert len(bench.books.vault) == 1


def test_a_card_that_was_forgotten_or_is_anothers_is_declined_as_unusable(bench):
    card = saved(bench)
    other = bench.gateway.link_customer(derived_id("acct", "other"))
    unusable = {"reason": DeclineReason.METHOD_UNUSABLE, "advice": Advice.NEW_METHOD}
    assert charged(bench, card, customer_id=other) == Declined(**unusable, raw_code="91516")
    bench.gateway.forget(card, ACCOUNT)
    assert charged(bench, card, "2") == Declined(**unusable, raw_code="91518")
    assert charged(bench, SavedCard("no/such"), "3") == Declined(**unusable, raw_code="91518")


def test_a_customer_is_created_once_and_linking_says_if_it_fails(bench):
    assert bench.gateway.link_customer(ACCOUNT) == bench.gateway.link_customer(ACCOUNT) == ACCOUNT
    assert bench.books.customers == {ACCOUNT}
    for fault in (WireFault.BEFORE, WireFault.REFUSED, WireFault.ERROR, WireFault.EMPTY, WireFault.GARBAGE):
        bench.server.fail_next("link_customer", fault)
        with pytest.raises(GatewayError):
            bench.gateway.link_customer(ACCOUNT)
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.link_customer("no such id")
    bench.server.fail_next("link_customer", WireFault.FORBIDDEN)
    with pytest.raises(GatewayMisconfigured):
        bench.gateway.link_customer(ACCOUNT)


def test_a_browsers_token_names_the_merchant_account_and_no_customer(bench):
    assert bench.gateway.client_token("JPY") == "token-for-acme_jpy"
    assert bench.gateway.client_token() == "token-for-acme_gbp"
    assert all("customer_id" not in params for params in sent(bench, "POST /client_token"))
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.client_token("USD")


# Paying back ----------------------------------------------------------------------------------------------------


def test_what_has_settled_is_refunded_in_parts(bench):
    charge = paid(bench)
    bench.settle(charge.reference)
    for name in ("1", "2"):
        result = bench.gateway.refund(refund_of(bench, charge, name, amount=HALF))
        assert isinstance(result, Refunded)
        assert result.amount == HALF
        assert bench.gateway.find_refund(refund_of(bench, charge, name, amount=HALF)) == Found(result)
    over = bench.gateway.refund(refund_of(bench, charge, "3", amount=HALF))
    assert over == Declined(reason=DeclineReason.OTHER, advice=Advice.NEVER, raw_code="91512")
    (first, *_) = sent(bench, f"POST /transactions/{charge.reference}/refund")
    attempt = refund_of(bench, charge, "1").attempt_id
    assert first == {"amount": "6.00", "order_id": attempt, "api_request_key": attempt}


def test_the_whole_of_what_has_not_settled_is_voided_and_found_as_paid_back(bench):
    charge = paid(bench)
    request = refund_of(bench, charge)
    result = bench.gateway.refund(request)
    assert isinstance(result, Refunded)
    assert (result.amount, result.reference) == (TWELVE, f"{charge.reference}.void")
    assert bench.books.transactions[charge.reference].status == "voided"
    assert bench.gateway.refund(request) == result
    assert bench.gateway.find_refund(request) == Found(result)


def test_a_part_of_what_has_not_settled_has_to_wait_and_goes_once_it_has(bench):
    charge = paid(bench)
    request = refund_of(bench, charge, amount=HALF)
    with pytest.raises(ChargeNotSettled):
        bench.gateway.refund(request)
    assert bench.gateway.find_refund(request) == NotFound()
    assert sent(bench, f"PUT /transactions/{charge.reference}/void") == []
    bench.settle(charge.reference)
    assert isinstance(bench.gateway.refund(request), Refunded)


def test_settlement_that_began_meanwhile_is_no_decline(bench):
    charge = paid(bench)
    bench.books.transactions[charge.reference].status = "settlement_confirmed"
    with pytest.raises(ChargeNotSettled):
        bench.gateway.refund(refund_of(bench, charge))


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("fault", [WireFault.BEFORE, WireFault.AFTER, WireFault.GARBAGE, WireFault.ERROR])
def test_a_refund_without_an_answer_is_unknown_and_found_if_it_took_effect(bench, fault, settled):
    charge = paid(bench)
    if settled:
        bench.settle(charge.reference)
    bench.server.fail_next("refund", fault)
    request = refund_of(bench, charge)
    assert isinstance(bench.gateway.refund(request), Unknown)
    took_effect = fault in {WireFault.AFTER, WireFault.GARBAGE}
    assert isinstance(bench.gateway.find_refund(request), Found if took_effect else NotFound)
    assert isinstance(bench.gateway.refund(request), Refunded)
    (captured,) = bench.captured()
    assert captured.refunded == TWELVE


def test_a_refund_that_was_not_sent_was_not_attempted(bench):
    charge = paid(bench)
    bench.server.fail_next("refund", WireFault.REFUSED)
    assert isinstance(bench.gateway.refund(refund_of(bench, charge)), NotAttempted)
    bench.server.lookups_available = False
    assert isinstance(bench.gateway.refund(refund_of(bench, charge)), NotAttempted)
    assert isinstance(bench.gateway.find_refund(refund_of(bench, charge)), Indeterminate)
    bench.server.lookups_available = True
    bench.clock.advance(SEND_WITHIN)
    late = refund_of(bench, charge, send_before=bench.clock.now())
    assert isinstance(bench.gateway.refund(late), NotAttempted)
    assert bench.books.transactions[charge.reference].status == "submitted_for_settlement"


def test_without_request_keys_a_refund_is_known_by_its_order_id(keyless):
    charge = paid(keyless)
    keyless.settle(charge.reference)
    request = refund_of(keyless, charge, amount=HALF)
    keyless.server.fail_next("refund", WireFault.AFTER)
    assert isinstance(keyless.gateway.refund(request), Unknown)
    assert isinstance(keyless.gateway.refund(request), Refunded)
    assert len(sent(keyless, f"POST /transactions/{charge.reference}/refund")) == 1


def test_a_refund_can_pend_be_declined_and_come_back(bench):
    charge = paid(bench, Plan(refund="pends"))
    bench.settle(charge.reference)
    pending = bench.gateway.refund(refund_of(bench, charge))
    assert isinstance(pending, Pending)
    bench.settle(pending.reference)
    found = bench.gateway.find_refund(refund_of(bench, charge))
    assert isinstance(found, Found)
    assert isinstance(found.result, Refunded)
    bench.return_refund(pending.reference)
    found = bench.gateway.find_refund(refund_of(bench, charge))
    assert isinstance(found, Found)
    assert isinstance(found.result, Declined)
    other = paid(bench, Plan(refund="declines"), "2")
    bench.settle(other.reference)
    assert isinstance(bench.gateway.refund(refund_of(bench, other, "2")), Declined)


def test_what_was_not_captured_or_is_not_there_cannot_be_paid_back(bench):
    charge = paid(bench)
    bench.books.settle(charge.reference, succeed=False)
    result = bench.gateway.refund(refund_of(bench, charge))
    assert isinstance(result, Declined)
    assert result.raw_code == "charge_settlement_declined"
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.refund(refund_of(bench, charge, charge_reference="bt00000000"))
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.refund(refund_of(bench, paid(bench, name="2"), amount=Money("12.00", "EUR")))
    assert payment(bench).customer_id == ACCOUNT
