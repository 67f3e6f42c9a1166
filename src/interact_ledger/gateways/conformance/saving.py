"""Cards that the gateway keeps: saved by paying or alone, charged again, and forgotten."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.conformance.bench import Behaviour, Bench
from interact_ledger.gateways.conformance.requests import (
    ACCOUNT,
    OTHER_ACCOUNT,
    begin_and_charge,
    captures,
    found_charge,
    good_card,
    one_of,
    paid,
    payment,
    saved,
    saving,
    seconds,
    told,
    unsupported,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Cancelled,
    CardDetails,
    CardSaved,
    ChargeRequest,
    Declined,
    Forgotten,
    Found,
    Initiator,
    NotAttempted,
    NotFound,
    SavedCard,
    Unknown,
)

__all__ = ["Saving", "SavingAlone", "cannot_save"]


class Saving(Scenarios):
    """Saving a card while paying with it, charging it again, forgetting it."""

    def test_a_saved_card_pays_until_it_is_forgotten(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        paid(bench, payment(bench, 1), kept)
        captures(bench, 2, Rule.SAVED)
        told(Forgotten, bench.gateway.forget(kept, payment(bench).customer_id), "forgetting a card", Rule.FORGOTTEN)
        hold(Rule.FORGOTTEN, not bench.saved_cards(), f"forgotten, and yet it keeps {bench.saved_cards()!r}")
        hold(Rule.FORGOTTEN, not bench.chargeable(), f"this could yet be charged: {bench.chargeable()!r}")
        _refused(bench, payment(bench, 2), kept, "a forgotten card")
        captures(bench, 2, Rule.FORGOTTEN)

    def test_a_saved_card_pays_whoever_initiates(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        for number, initiator in enumerate(Initiator, start=1):
            paid(bench, payment(bench, number, initiator=initiator), kept)
        captures(bench, 1 + len(Initiator), Rule.SAVED)

    def test_a_repeated_saving_charge_keeps_one_card(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        request, card = payment(bench, save_card=True), good_card(bench)
        first, second = paid(bench, request, card), paid(bench, request, card)
        hold(Rule.ONE_CHARGE, first == second, f"a repeat does not tell the present state: {first!r}, then {second!r}")
        hold(Rule.SAVED, len(bench.saved_cards()) == 1, f"the gateway keeps {bench.saved_cards()!r}")
        captures(bench, 1)

    def test_a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        request = payment(bench, save_card=True)
        result = paid(bench, request)
        told(CardSaved, result.saved_card, "saving a card while paying", Rule.SAVED)
        for asked in (request, replace(request, reference=result.reference)):
            found = found_charge(bench, asked)
            hold(Rule.SAVED, found == result, f"charged and saved as {result!r}, it is found as {found!r}")
        over = bench.gateway.cancel(replace(request, reference=result.reference))
        hold(Rule.SAVED, over == result, f"charged and saved as {result!r}, cancelling it came out as {over!r}")

    def test_a_declined_card_is_not_kept(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        request = payment(bench, save_card=True)
        result = told(Declined, begin_and_charge(bench, request, self.declining_card(bench)), "a declining card")
        bench.gateway.cancel(replace(request, reference=result.reference))
        hold(Rule.UNSAVED, not bench.saved_cards(), "a card that was declined was kept")
        hold(Rule.UNSAVED, not bench.chargeable(), f"this could yet be charged: {bench.chargeable()!r}")

    def test_a_charge_with_a_saved_card_saves_no_other(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        result = paid(bench, payment(bench, 1), kept)
        hold(Rule.UNSAVED, result.saved_card is None, "charging a saved card says that it saved one")
        hold(Rule.UNSAVED, len(bench.saved_cards()) == 1, f"the gateway keeps {bench.saved_cards()!r}")

    def test_forgetting_twice_or_what_never_was_is_success(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept, customer_id = saved(bench), payment(bench).customer_id
        for card in (kept, kept, SavedCard("no-such-card")):
            told(Forgotten, bench.gateway.forget(card, customer_id), "forgetting what is gone", Rule.FORGOTTEN)

    def test_another_customers_card_is_not_forgotten(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept, other = saved(bench), bench.gateway.link_customer(OTHER_ACCOUNT)
        with contextlib.suppress(GatewayInvalidRequest):
            bench.gateway.forget(kept, other)
        hold(Rule.SAVED, len(bench.saved_cards()) == 1, "another customer had this one's card forgotten")

    def test_forgetting_one_card_keeps_the_others(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        gone, stays = saved(bench, number=100), saved(bench, number=101)
        bench.gateway.forget(gone, payment(bench).customer_id)
        paid(bench, payment(bench, 1), stays)
        hold(Rule.FORGOTTEN, len(bench.saved_cards()) == 1, f"the gateway keeps {bench.saved_cards()!r}")

    def test_another_customers_saved_card_never_pays(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        _refused(bench, payment(bench, 1, OTHER_ACCOUNT), kept, "another customer's saved card")
        captures(bench, 1, Rule.SAVED)


class SavingAlone(Scenarios):
    """Saving a card without charging it."""

    def test_a_card_saved_alone_is_not_charged_and_pays_later(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request = saving(bench)
        result = told(CardSaved, bench.gateway.save(request, good_card(bench)), "saving a card", Rule.SAVED)
        captures(bench, 0, Rule.OUTCOME)
        hold(Rule.SAVED, isinstance(result.details, CardDetails), "a saved card bears no details")
        paid(bench, payment(bench, 1), SavedCard(result.token))
        captures(bench, 1, Rule.SAVED)

    def test_the_same_saving_twice_keeps_one_card(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request, card = saving(bench), good_card(bench)
        first, second = bench.gateway.save(request, card), bench.gateway.save(request, card)
        hold(Rule.ONE_CHARGE, first == second, f"a repeat does not tell the present state: {first!r}, then {second!r}")
        hold(Rule.SAVED, len(bench.saved_cards()) == 1, f"the gateway keeps {bench.saved_cards()!r}")

    def test_a_saving_attempt_with_another_card_saves_no_other(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request = saving(bench)
        first = told(CardSaved, bench.gateway.save(request, good_card(bench)), "saving a card", Rule.SAVED)
        try:
            second: object = bench.gateway.save(request, self.declining_card(bench))
        except GatewayInvalidRequest:
            second = first
        hold(Rule.SAME_ATTEMPT, second == first, f"with another card the attempt came out as {second!r}")
        hold(Rule.SAME_ATTEMPT, len(bench.saved_cards()) == 1, f"the gateway keeps {bench.saved_cards()!r}")

    def test_a_saving_is_found_by_its_reference_and_by_our_ids(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request = saving(bench)
        result = told(CardSaved, bench.gateway.save(request, good_card(bench)), "saving a card", Rule.SAVED)
        bench.clock.advance(bench.gateway.capabilities.lookup_lag)
        for asked in (request, replace(request, reference=result.reference)):
            found = bench.gateway.find_card(asked)
            hold(Rule.FINDING, found == Found(result), f"saved as {result!r}, it is found as {found!r}")
        absent = bench.gateway.find_card(saving(bench, 2))
        hold(Rule.FINDING, isinstance(absent, NotFound), f"a saving that never was is found as {absent!r}")

    def test_a_forgotten_card_is_not_found_as_saved(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request = saving(bench)
        result = told(CardSaved, bench.gateway.save(request, good_card(bench)), "saving a card", Rule.SAVED)
        told(Forgotten, bench.gateway.forget(SavedCard(result.token), request.customer_id), "forgetting a card")
        found = bench.gateway.find_card(replace(request, reference=result.reference))
        still = isinstance(found, Found) and isinstance(found.result, CardSaved)
        hold(Rule.FORGOTTEN, not still, f"recovery would take it for saved again: {found!r}")

    def test_a_declined_saving_keeps_nothing(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request = saving(bench)
        told(Declined, bench.gateway.save(request, self.declining_card(bench)), "saving a card that is declined")
        one_of((Cancelled, Declined), bench.gateway.cancel_save(request), "cancelling a declined saving")
        hold(Rule.UNSAVED, not bench.chargeable(), f"this could yet be charged: {bench.chargeable()!r}")

    def test_a_saving_that_asks_the_customer_goes_on_or_is_called_off(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        card = self.card(bench, Behaviour.ASKS_CUSTOMER)
        if card is None:
            return
        first, second = saving(bench, 1), saving(bench, 2)
        asked = told(ActionRequired, bench.gateway.save(first, card), "saving a card that asks the customer")
        bench.authenticate(asked.reference)
        first = replace(first, reference=asked.reference)
        told(CardSaved, bench.gateway.complete_save(first), "completing a saving", Rule.SAVED)
        told(CardSaved, bench.gateway.cancel_save(first), "cancelling a saving that is done", Rule.TRUE_CANCEL)
        asked = told(ActionRequired, bench.gateway.save(second, card), "saving a card that asks the customer")
        second = replace(second, reference=asked.reference)
        told(Cancelled, bench.gateway.cancel_save(second), "cancelling a saving", Rule.UNPAYABLE)
        bench.authenticate(asked.reference)
        hold(Rule.UNPAYABLE, len(bench.saved_cards()) == 1, "a saving that was cancelled was completed")

    def test_nothing_is_saved_at_or_after_send_before(self, bench: Bench) -> None:
        if _cannot_save_alone(bench):
            return
        request = saving(bench)
        for late_by in (0, 1):
            bench.clock.set(request.send_before + seconds(late_by))
            one_of((NotAttempted, Unknown), bench.gateway.save(request, good_card(bench)), "too late, saving")
            hold(Rule.SEND_BEFORE, not bench.saved_cards(), "a card was saved too late")


def cannot_save(bench: Bench) -> bool:
    """Check that a gateway without saved cards refuses them, if it is one."""
    if bench.gateway.capabilities.saves_cards:
        return False
    card, link = good_card(bench), bench.gateway.link_customer
    unsupported(bench, "charging with save_card", lambda: begin_and_charge(bench, payment(bench, save_card=True), card))
    unsupported(bench, "charging a saved card", lambda: begin_and_charge(bench, payment(bench), SavedCard("some-card")))
    unsupported(bench, "forget", lambda: bench.gateway.forget(SavedCard("some-card"), link(ACCOUNT)))
    look = bench.gateway.find_saved_card
    unsupported(bench, "find_saved_card", lambda: look(SavedCard("some-card"), link(ACCOUNT)))
    return True


def _cannot_save_alone(bench: Bench) -> bool:
    """Check that a gateway that saves no card without charging it refuses to, if it is one."""
    gateway = bench.gateway
    if gateway.capabilities.saves_without_charging:
        return False
    request = saving(bench)
    unsupported(bench, "save", lambda: gateway.save(request, good_card(bench)))
    unsupported(bench, "complete_save", lambda: gateway.complete_save(request))
    unsupported(bench, "cancel_save", lambda: gateway.cancel_save(request))
    unsupported(bench, "find_card", lambda: gateway.find_card(request))
    return True


def _refused(bench: Bench, request: ChargeRequest, card: SavedCard, what: str) -> None:
    try:
        result: object = begin_and_charge(bench, request, card)
    except GatewayInvalidRequest:
        return
    told(Declined, result, f"charging {what}", Rule.FORGOTTEN)
