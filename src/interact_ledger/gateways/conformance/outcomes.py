"""Every outcome that a charge can have, said as what it is."""

from __future__ import annotations

import pytest

from interact_ledger.gateways.conformance.bench import Behaviour, Bench
from interact_ledger.gateways.conformance.requests import begin_and_charge, captures, found_charge, payment, saved, told
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Declined,
    DeclineReason,
    Initiator,
    Pending,
    Succeeded,
)

__all__ = ["Outcomes"]

_ADVICE = {
    DeclineReason.LOST_OR_STOLEN: {Advice.NEVER},
    DeclineReason.FRAUD: {Advice.NEVER},
    DeclineReason.EXPIRED_CARD: {Advice.NEW_METHOD, Advice.NEVER},
    DeclineReason.INCORRECT_DETAILS: {Advice.NEW_METHOD, Advice.NEVER},
    DeclineReason.METHOD_UNUSABLE: {Advice.NEW_METHOD, Advice.NEVER},
    DeclineReason.AUTHENTICATION_REQUIRED: {Advice.CUSTOMER_PRESENT},
    DeclineReason.INSUFFICIENT_FUNDS: {Advice.LATER, Advice.NEW_METHOD},
}


class Outcomes(Scenarios):
    """Every outcome that a charge can have, said as what it is."""

    @pytest.mark.parametrize("reason", list(DeclineReason))
    def test_a_decline_says_why_and_what_may_be_tried_next(self, bench: Bench, reason: DeclineReason) -> None:
        card = self.card(bench, reason)
        if card is None:
            return
        request = payment(bench)
        result = told(Declined, begin_and_charge(bench, request, card), f"a card declined for {reason}")
        captures(bench, 0, Rule.OUTCOME)
        hold(Rule.VOCABULARY, result.reason is reason, f"a card declined for {reason} came out as {result!r}")
        allowed = _ADVICE.get(reason, set(Advice))
        hold(Rule.VOCABULARY, result.advice in allowed, f"after {reason} the advice is {result.advice!r}")
        hold(Rule.VOCABULARY, bool(result.raw_code), "a decline bears no code of the gateway's own")
        hold(Rule.ONE_CHARGE, begin_and_charge(bench, request, card) == result, "a repeated decline differs")
        open_payments = [item for item in bench.chargeable() if item.kind == "payment"]
        honest = result.still_payable or not open_payments
        hold(Rule.UNPAYABLE, honest, f"said to be not payable any more, and yet there is {open_payments!r}")

    @pytest.mark.parametrize("succeed", [True, False], ids=["captured", "declined"])
    def test_a_pending_charge_is_pending_until_it_settles(self, bench: Bench, *, succeed: bool) -> None:
        card = self.card(bench, Behaviour.PENDS)
        if card is None:
            return
        request = payment(bench)
        result = told(Pending, begin_and_charge(bench, request, card), "a charge that pends")
        captures(bench, 0, Rule.OUTCOME)
        told(Pending, found_charge(bench, request), "looking up a charge that pends", Rule.FINDING)
        bench.settle(result.reference, succeed=succeed)
        captures(bench, 1 if succeed else 0, Rule.OUTCOME)
        found = found_charge(bench, request)
        hold(Rule.FINDING, isinstance(found, Succeeded if succeed else Declined), f"settled, it is found as {found!r}")

    @pytest.mark.parametrize("succeed", [True, False], ids=["authenticates", "fails to"])
    def test_a_charge_that_asks_the_customer_waits_for_the_customer(self, bench: Bench, *, succeed: bool) -> None:
        card = self.card(bench, Behaviour.ASKS_CUSTOMER)
        if card is None:
            return
        request = payment(bench)
        result = told(ActionRequired, begin_and_charge(bench, request, card), "a charge that asks the customer")
        captures(bench, 0, Rule.OUTCOME)
        told(ActionRequired, found_charge(bench, request), "looking up a charge that asks the customer", Rule.FINDING)
        bench.authenticate(result.reference, succeed=succeed)
        found = found_charge(bench, request)
        hold(Rule.FINDING, isinstance(found, Succeeded if succeed else Declined), f"then it is found as {found!r}")
        captures(bench, 1 if succeed else 0, Rule.OUTCOME)

    def test_a_saved_card_that_wants_its_owner_is_declined_off_session(self, bench: Bench) -> None:
        card = self.card(bench, Behaviour.ASKS_WHEN_SAVED)
        if card is None:
            return
        kept = saved(bench, card.token)
        for number, initiator in ((1, Initiator.UNSCHEDULED), (2, Initiator.RECURRING)):
            result = begin_and_charge(bench, payment(bench, number, initiator=initiator), kept)
            wanted = isinstance(result, Declined) and result.reason is DeclineReason.AUTHENTICATION_REQUIRED
            hold(Rule.VOCABULARY, wanted, f"off-session ({initiator}), without its owner, it came out as {result!r}")
        captures(bench, 1, Rule.OUTCOME)

    def test_a_capture_of_another_amount_is_told_as_it_is(self, bench: Bench) -> None:
        card = self.card(bench, Behaviour.CAPTURES_LESS)
        if card is None:
            return
        request = payment(bench)
        result = begin_and_charge(bench, request, card)
        (captured,) = captures(bench, 1)
        for said in (result, found_charge(bench, request)):
            true = isinstance(said, Succeeded) and said.amount == captured.amount != request.amount
            hold(Rule.TRUE_CAPTURE, true, f"{request.amount} asked for, {captured.amount} captured, and said: {said!r}")
