"""Cards that Stripe keeps: saved alone, completed, called off, found again and forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stripe_helpers import paid, payment, save, saved, saving

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Cancelled,
    Declined,
    DeclineReason,
    Forgotten,
    Found,
    NotAttempted,
    NotFound,
    Pending,
    SavedCard,
    Unknown,
)
from servers.stripe import Fault, Outcome, Script

ASKING = "pm_card_authenticationRequiredOnSetup"


def test_a_setup_intent_is_created_and_then_confirmed(bench):
    result = saved(bench)
    created, confirmed = (bench.server.asked("POST", end)[-1].asked for end in ("/setup_intents", "/confirm"))
    assert created.form == {
        "customer": payment(bench).customer_id,
        "usage": "off_session",
        "payment_method_types": ["card"],
        "metadata": {
            "interact_ledger_operation": "saving_of_sav_1",
            "interact_ledger_attempt": "sav_1",
            "interact_ledger_account": "acct_1",
        },
    }
    assert confirmed.form == {"payment_method": "pm_card_visa", "use_stripe_sdk": "true", "expand": ["payment_method"]}
    assert (created.key, confirmed.key) == ("sav_1:create", "sav_1:confirm")
    assert (result.reference[:5], result.token[:3], result.details.last_four) == ("seti_", "pm_", "4242")
    assert bench.captured() == []


def test_a_card_may_come_as_a_confirmation_token(bench):
    card = saved(bench, token=bench.server.confirmation_token(Script(last4="4444")))
    assert (card.token[:3], card.details.last_four) == ("pm_", "4444")


def test_a_saving_that_is_declined_is_closed_so_that_no_browser_goes_on_with_it(bench):
    result = save(bench, token="pm_card_chargeDeclinedExpiredCard")
    assert isinstance(result, Declined)
    assert (result.reason, result.raw_code) == (DeclineReason.EXPIRED_CARD, "expired_card")
    assert bench.chargeable() == []
    bench.pay_in_browser(result.reference, bench.server.card(Script()))
    assert bench.saved_cards() == []
    assert bench.gateway.find_card(saving(bench)) == Found(result)
    assert save(bench, token="pm_card_chargeDeclinedExpiredCard") == result


def test_a_declined_saving_that_could_not_be_closed_is_not_over(bench):
    bench.server.faults.add("POST", ".*/cancel", Fault.DROP_BEFORE, times=3)
    assert isinstance(save(bench, token="pm_card_chargeDeclined"), Unknown)
    found = bench.gateway.find_card(saving(bench))
    assert isinstance(found, Found)
    assert isinstance(found.result, ActionRequired)
    assert isinstance(bench.gateway.cancel_save(saving(bench)), Cancelled | Declined)
    assert bench.chargeable() == []


@pytest.mark.parametrize("succeed", [True, False])
def test_a_saving_goes_on_after_the_customer_answered(bench, succeed):
    asked = save(bench, token=ASKING)
    assert isinstance(asked, ActionRequired)
    request = saving(bench, reference=asked.reference)
    assert bench.gateway.complete_save(request) == asked
    bench.authenticate(asked.reference, succeed=succeed)
    result = bench.gateway.complete_save(request)
    if succeed:
        assert bench.gateway.find_card(request) == Found(result)
        assert [card["id"] for card in bench.saved_cards()] == [result.token]
    else:
        assert isinstance(result, Declined)
        assert result.reason is DeclineReason.AUTHENTICATION_FAILED
        assert bench.chargeable() == []


def test_a_saving_that_the_networks_still_think_about_is_pending(bench):
    saved(bench)
    next(iter(bench.server.state.savings.values()))["status"] = "processing"
    found = bench.gateway.find_card(saving(bench))
    assert isinstance(found, Found)
    assert isinstance(found.result, Pending)


def test_a_saving_that_was_created_and_never_confirmed_is_not_found(bench):
    """Nothing was ever sent that could save; until that is proven, its sender may be asleep."""
    bench.server.faults.add("POST", ".*/confirm", Fault.TOO_MANY, times=3)
    assert isinstance(save(bench), NotAttempted)
    assert bench.gateway.find_card(saving(bench)) == NotFound()
    assert bench.chargeable() == []


def test_cancelling_a_saving_that_never_arrived_stops_whoever_still_means_to(bench):
    assert isinstance(bench.gateway.cancel_save(saving(bench)), Cancelled)
    assert isinstance(save(bench), Cancelled)
    assert bench.saved_cards() == []


def test_cancelling_a_saving_that_never_arrived_ends_it_when_the_customer_was_deleted(bench):
    request = saving(bench)
    bench.server.delete_customer(request.customer_id)
    assert bench.gateway.cancel_save(request) == Cancelled()


def test_completing_what_never_was_says_so(bench):
    assert isinstance(bench.gateway.complete_save(saving(bench)), NotAttempted)


def test_completing_while_nothing_can_be_looked_up_is_unknown(bench):
    asked = save(bench, token=ASKING)
    request = saving(bench, reference=asked.reference)
    bench.lookups_available = False
    assert bench.gateway.complete_save(request).reference == asked.reference
    assert isinstance(bench.gateway.complete_save(request), Unknown)
    assert isinstance(bench.gateway.cancel_save(replace(request, reference=None)), NotAttempted)


def test_a_token_that_never_was_saves_nothing(bench):
    for token in ("pm_unknown", ""):
        with pytest.raises(GatewayInvalidRequest) as refused:
            save(bench, f"sav_{token}", token)
        assert "pm_unknown" not in str(refused.value)


def test_a_saving_under_another_card_is_refused(bench):
    saved(bench)
    with pytest.raises(GatewayInvalidRequest):
        save(bench, token="pm_card_mastercard")


def test_forgetting_detaches(bench):
    card = saved(bench)
    customer = saving(bench).customer_id
    assert bench.gateway.forget(SavedCard(card.token), customer) == Forgotten()
    assert bench.saved_cards() == []
    assert bench.gateway.find_card(saving(bench)) == Found(Cancelled(reference=card.reference))
    assert bench.gateway.forget(SavedCard(card.token), customer) == Forgotten()
    assert len(bench.server.asked("POST", "/detach")) == 1


def test_another_customers_card_is_not_forgotten(bench):
    card = saved(bench)
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.forget(SavedCard(card.token), bench.gateway.link_customer("acct_2"))
    assert len(bench.saved_cards()) == 1
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.forget(SavedCard(""), saving(bench).customer_id)


def test_forgetting_what_somebody_else_detaches_at_the_same_moment_is_success(bench):
    card = SavedCard(saved(bench).token)
    customer = saving(bench).customer_id
    detach = bench.server.api._detach_method

    def twice(form, name):
        detach(form, name)
        return detach(form, name)

    bench.server.api._detach_method = twice
    assert bench.gateway.forget(card, customer) == Forgotten()


def test_a_card_that_was_forgotten_is_not_told_of_a_charge_that_kept_it(bench):
    result = paid(bench, save_card=True)
    assert result.saved_card is not None
    bench.gateway.forget(SavedCard(result.saved_card.token), payment(bench).customer_id)
    found = bench.gateway.find_charge(payment(bench, save_card=True))
    assert found == Found(replace(result, saved_card=None))


def test_a_card_may_be_saved_that_pays_later_only_with_its_owner(bench):
    token = bench.server.card(Script(save=Outcome.SUCCEED, pay=Outcome.AUTHENTICATE))
    card = saved(bench, token=token)
    result = bench.gateway.charge(payment(bench), SavedCard(card.token))
    assert isinstance(result, ActionRequired)


@pytest.mark.parametrize("fault", [Fault.NONSENSE_AFTER, Fault.GARBAGE_AFTER, Fault.LIST_AFTER, Fault.ERROR])
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/payment_methods/[^/]+"), ("POST", ".*/detach")])
def test_a_card_is_forgotten_only_if_stripe_says_so_of_that_card(bench, method, path, fault):
    card, customer = SavedCard(saved(bench).token), saving(bench).customer_id
    bench.server.faults.add(method, path, fault)
    result = bench.gateway.forget(card, customer)
    assert result != Forgotten() or bench.saved_cards() == []
    assert bench.gateway.forget(card, customer) == Forgotten()
    assert bench.saved_cards() == []
