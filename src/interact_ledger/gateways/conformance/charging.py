"""One charge, its repeats, and those that are not repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interact_ledger.errors import GatewayInvalidRequest, GatewayUnsupported
from interact_ledger.gateways.conformance.bench import Bench
from interact_ledger.gateways.conformance.requests import (
    ACCOUNT,
    OTHER_ACCOUNT,
    begin_and_charge,
    begun,
    captures,
    good_card,
    half,
    paid,
    payment,
    seconds,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    Begun,
    ChargeRequest,
    ChargeResult,
    Declined,
    NewCard,
    NotAttempted,
    Unknown,
)

__all__ = ["Charging"]


class Charging(Scenarios):
    """One charge, its repeats, and those that are not repeats."""

    def test_a_charge_that_succeeds_is_captured_once_with_what_was_asked_for(self, bench: Bench) -> None:
        request = payment(bench)
        result = paid(bench, request)
        (captured,) = captures(bench, 1)
        hold(Rule.AMOUNT, result.amount == request.amount == captured.amount, f"{request.amount}: {result!r}")
        hold(Rule.FINDING, captured.reference == result.reference, f"{result.reference!r} is not {captured!r}")
        hold(
            Rule.FINDING,
            captured.transaction_id == request.transaction_id,
            f"the gateway's metadata says {captured.transaction_id!r}, which is not our transaction id",
        )
        brands = bench.gateway.capabilities.brands
        hold(Rule.DECLARED, result.card.brand in brands, f"{result.card.brand!r} is not among the declared brands")
        hold(Rule.OUTCOME, len(result.card.last_four) == 4, "a card's last four are four characters")  # noqa: PLR2004 - as they are called
        hold(Rule.OUTCOME, result.captured_at.utcoffset() is not None, "captured_at bears no time zone")

    def test_an_unsaved_card_leaves_nothing_chargeable(self, bench: Bench) -> None:
        result = paid(bench)
        hold(Rule.UNSAVED, result.saved_card is None, "a card was kept that was not to be saved")
        hold(Rule.UNSAVED, not bench.saved_cards(), f"the gateway keeps {bench.saved_cards()!r}")
        hold(Rule.UNSAVED, not bench.chargeable(), f"this could yet be charged: {bench.chargeable()!r}")

    def test_the_same_attempt_twice_is_one_charge(self, bench: Bench) -> None:
        request, card = payment(bench), good_card(bench)
        first = paid(bench, request, card)
        second = begin_and_charge(bench, request, card)
        captures(bench, 1)
        hold(Rule.ONE_CHARGE, second == first, f"a repeat does not tell the present state: {first!r}, then {second!r}")

    def test_two_attempts_are_two_charges(self, bench: Bench) -> None:
        first, second = paid(bench, payment(bench, 1)), paid(bench, payment(bench, 2))
        captures(bench, 2)
        hold(Rule.ONE_CHARGE, first.reference != second.reference, "two charges have one reference")

    def test_the_next_attempt_of_a_top_up_is_a_charge_of_its_own(self, bench: Bench) -> None:
        first = payment(bench)
        declined = begin_and_charge(bench, first, self.declining_card(bench))
        hold(Rule.OUTCOME, isinstance(declined, Declined), f"a declining card came out as {declined!r}")
        second = replace(first, attempt_id=f"{first.transaction_id}.2")
        paid(bench, second)
        captures(bench, 1)

    @pytest.mark.parametrize("changed", ["amount", "account", "saving", "transaction"])
    def test_an_attempt_with_changed_parameters_never_charges(self, bench: Bench, changed: str) -> None:
        request, card = payment(bench), good_card(bench)
        first = paid(bench, request, card)
        other = _changed(bench, request, changed)
        try:
            second: ChargeResult = begin_and_charge(bench, other, card)
        except (GatewayInvalidRequest, GatewayUnsupported):
            second = first
        captures(bench, 1, Rule.SAME_ATTEMPT)
        hold(Rule.SAME_ATTEMPT, second == first, f"with another {changed} the attempt came out as {second!r}")
        hold(Rule.UNSAVED, not bench.saved_cards(), "a changed repeat saved a card")

    def test_an_attempt_with_another_card_never_charges_it(self, bench: Bench) -> None:
        request = payment(bench)
        first = paid(bench, request)
        try:
            second: ChargeResult = begin_and_charge(bench, request, self.declining_card(bench))
        except GatewayInvalidRequest:
            second = first
        hold(Rule.SAME_ATTEMPT, second == first, f"with another card the attempt came out as {second!r}")
        captures(bench, 1, Rule.SAME_ATTEMPT)

    def test_a_token_that_never_was_is_an_invalid_request(self, bench: Bench) -> None:
        try:
            result: object = begin_and_charge(bench, payment(bench), NewCard("no-such-token"))
        except GatewayInvalidRequest:
            result = None
        charged = result is not None and not isinstance(result, Declined)
        hold(Rule.OUTCOME, not charged, f"a token that never was came out as {result!r}")
        captures(bench, 0)

    def test_beginning_charges_and_saves_nothing(self, bench: Bench) -> None:
        request = payment(bench)
        first, second = bench.gateway.begin(request), bench.gateway.begin(request)
        hold(Rule.BEGIN, first is None or isinstance(first, Begun), f"begin came out as {first!r}")
        hold(Rule.ONE_CHARGE, first == second, f"begin is not idempotent: {first!r}, then {second!r}")
        captures(bench, 0, Rule.BEGIN)
        hold(Rule.BEGIN, not bench.saved_cards(), "beginning saved a card")
        if isinstance(first, Begun):
            bench.pay_in_browser(first.reference, good_card(bench).token)
            captures(bench, 0, Rule.BEGIN)

    @pytest.mark.parametrize("late_by", [0, 1, 86_400], ids=["at", "a second after", "a day after"])
    def test_nothing_is_charged_at_or_after_send_before(self, bench: Bench, late_by: int) -> None:
        request = payment(bench)
        ready = begun(bench, request)
        bench.clock.set(request.send_before)
        bench.clock.advance(seconds(late_by))
        result = bench.gateway.charge(ready, good_card(bench))
        captures(bench, 0, Rule.SEND_BEFORE)
        safe = isinstance(result, NotAttempted | Unknown)
        hold(Rule.SEND_BEFORE, safe, f"too late, charge came out as {result!r}")

    def test_the_last_moment_before_send_before_is_in_time(self, bench: Bench) -> None:
        request = payment(bench)
        bench.clock.set(request.send_before - seconds(1))
        paid(bench, request)
        captures(bench, 1, Rule.SEND_BEFORE)

    def test_a_customer_is_linked_once_and_alone(self, bench: Bench) -> None:
        link = bench.gateway.link_customer
        first, again, other = link(ACCOUNT), link(ACCOUNT), link(OTHER_ACCOUNT)
        hold(Rule.ONE_CHARGE, first == again, f"one account has two customers: {first!r}, {again!r}")
        hold(Rule.SAVED, first != other, "two accounts share a customer, and thereby their cards")


def _changed(bench: Bench, request: ChargeRequest, what: str) -> ChargeRequest:
    match what:
        case "amount":
            return replace(request, amount=half(request.amount))
        case "account":
            return replace(request, account_id=OTHER_ACCOUNT, customer_id=bench.gateway.link_customer(OTHER_ACCOUNT))
        case "saving":
            return replace(request, save_card=not request.save_card)
        case _:
            return replace(request, transaction_id=payment(bench, 2).transaction_id)
