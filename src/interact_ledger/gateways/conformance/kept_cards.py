"""What became of cards that the gateway keeps: renewed by their network, forgotten, detached by somebody."""

from __future__ import annotations

import pytest

from interact_ledger.gateways.conformance.bench import Bench, Elsewhere, Fault
from interact_ledger.gateways.conformance.requests import OTHER_ACCOUNT, answer, paid, payment, saved, told
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.saving import cannot_save
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    CardDetails,
    CardSaved,
    Forgotten,
    Found,
    Indeterminate,
    NotFound,
    SavedCard,
)

__all__ = ["KeptCards"]


class KeptCards(Scenarios):
    """What became of cards that the gateway keeps for us."""

    def test_a_saved_card_is_told_with_its_details(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        result = paid(bench, payment(bench, save_card=True))
        kept = told(CardSaved, result.saved_card, "saving a card while paying", Rule.SAVED)
        found = _found_card(bench, SavedCard(kept.token))
        hold(Rule.KEPT, found == Found(kept.details), f"saved as {kept.details!r}, it is found as {found!r}")

    def test_a_card_that_is_gone_or_anothers_is_not_found(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept, stays = saved(bench, number=100), saved(bench, number=101)
        told(Forgotten, bench.gateway.forget(kept, payment(bench).customer_id), "forgetting a card", Rule.FORGOTTEN)
        anothers = bench.gateway.find_saved_card(stays, bench.gateway.link_customer(OTHER_ACCOUNT))
        looked_up = {
            "a forgotten card": _found_card(bench, kept),
            "a card that never was": _found_card(bench, SavedCard("no-such-card")),
            "another customer's card": anothers,
        }
        for what, found in looked_up.items():
            hold(Rule.KEPT, isinstance(found, NotFound), f"{what} is found as {found!r}")

    def test_a_card_that_somebody_detached_is_not_found(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        if self.played(Elsewhere.CARD_DETACHED, self.others(bench).detach_card(kept.token)) is not None:
            found = _found_card(bench, kept)
            hold(Rule.KEPT, isinstance(found, NotFound), f"detached, it is found as {found!r}")

    def test_a_card_that_the_network_renewed_is_told_with_its_new_details(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        details = self.played(Elsewhere.CARD_UPDATED, self.others(bench).update_card(kept.token))
        if details is not None:
            found = _found_card(bench, kept)
            hold(Rule.KEPT, found == Found(details), f"renewed to {details!r}, it is found as {found!r}")

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_card_that_could_not_be_looked_up_is_not_gone(self, bench: Bench, fault: Fault) -> None:
        if cannot_save(bench):
            return
        kept = saved(bench)
        bench.fail_next("find_saved_card", fault)
        found = answer(f"{fault}: find_saved_card", lambda: _found_card(bench, kept))
        is_gone = isinstance(found, NotFound)
        hold(Rule.INDETERMINATE, not is_gone, f"{fault}: the card is kept, and it said {found!r}")


def _found_card(bench: Bench, card: SavedCard) -> Found[CardDetails] | NotFound | Indeterminate:
    return bench.gateway.find_saved_card(card, payment(bench).customer_id)
