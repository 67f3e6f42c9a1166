"""What an adapter says of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from interact_ledger.gateways.conformance.bench import Behaviour, Bench
from interact_ledger.gateways.conformance.requests import paid, payment, refund_of, saved, saving
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import DeclineReason, Gateway, Indeterminate

__all__ = ["Declared"]


class Declared(Scenarios):
    """Name, capabilities, and what no card can be brought to do."""

    def test_it_has_every_method_and_a_name_that_events_can_bear(self, bench: Bench) -> None:
        # By asking for each, as the ledger will: a bench may hand out an adapter behind a proxy.
        protocol = [name for name in vars(Gateway) if not name.startswith("_")]
        lacking = [name for name in protocol if not hasattr(bench.gateway, name)]
        hold(Rule.DECLARED, not lacking, f"{bench.gateway!r} lacks of the protocol: {', '.join(lacking)}")
        name = bench.gateway.gateway_id
        fits = re.fullmatch(r"[A-Za-z0-9_]{1,64}", name) is not None
        hold(Rule.DECLARED, fits, f"the gateway_id {name!r} is not of letters, digits and underscores")
        hold(Rule.DECLARED, bench.gateway.gateway_id == name, "the gateway_id changes")

    def test_capabilities_agree_with_each_other(self, bench: Bench) -> None:
        can = bench.gateway.capabilities
        hold(Rule.DECLARED, can.saves_cards or not can.saves_without_charging, "saves cards, and does not")
        hold(Rule.DECLARED, can.refunds or not can.partial_refunds, "pays back in part, and not at all")
        hold(Rule.DECLARED, can.refunds or not can.refunds_before_settlement, "pays back early, and not at all")
        hold(Rule.DECLARED, bool(can.brands), "no brand is declared, so no card is ever offered")
        hold(Rule.DECLARED, all(brand == brand.lower() for brand in can.brands), f"brands: {sorted(can.brands)}")
        codes = can.countries or ()
        hold(Rule.DECLARED, all(re.fullmatch("[A-Z]{2}", code) for code in codes), f"countries: {sorted(codes)}")
        none_negative = min(can.replay_window, can.settles_within, can.lookup_lag) >= timedelta(0)
        hold(Rule.DECLARED, none_negative, "a window of time is negative")

    def test_what_no_card_does_is_pinned(self, bench: Bench) -> None:
        for kind in (*Behaviour, *DeclineReason):
            self.card(bench, kind)
        hold(Rule.BENCH, Behaviour.SUCCEEDS not in self.lacks, "no card succeeds")
        hold(Rule.BENCH, not set(DeclineReason) <= self.lacks, "no card is ever declined")

    def test_every_look_up_that_fails_is_indeterminate(self, bench: Bench) -> None:
        can, charge = bench.gateway.capabilities, paid(bench)
        request, to_save, to_refund = payment(bench), saving(bench), refund_of(bench, charge)
        lookups: dict[str, Callable[[], object]] = {"find_charge": lambda: bench.gateway.find_charge(request)}
        if can.saves_without_charging:
            lookups["find_card"] = lambda: bench.gateway.find_card(to_save)
        if can.refunds:
            lookups["find_refund"] = lambda: bench.gateway.find_refund(to_refund)
        if can.tells_after_capture:
            lookups["find_after_capture"] = lambda: bench.gateway.find_after_capture(charge.reference)
        if can.saves_cards:
            kept, customer_id = saved(bench), request.customer_id
            lookups["find_saved_card"] = lambda: bench.gateway.find_saved_card(kept, customer_id)
        bench.lookups_available = False
        for name, look in lookups.items():
            found = look()
            hold(Rule.INDETERMINATE, isinstance(found, Indeterminate), f"with look-ups down {name} said {found!r}")
