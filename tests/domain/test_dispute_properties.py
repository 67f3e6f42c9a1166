"""Whatever leaves a charge in whatever sequence, no penny is made or lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from domain_helpers import CARD, NOW, QUOTE, REQUEST, SOON, account, past, request
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from interact_ledger.domain import disputes, refunds
from interact_ledger.domain import events as e
from interact_ledger.domain import top_up as life
from interact_ledger.domain.charges import Charge, fold_charges
from interact_ledger.domain.fold import fold_refund, fold_top_up
from interact_ledger.errors import NotRefundable
from interact_ledger.gateways.protocol import (
    Advice,
    AfterCapture,
    Declined,
    DeclineReason,
    Dispute,
    DisputeStatus,
    Initiator,
    Refunded,
    RefundMade,
    RefundResult,
    Succeeded,
)

D = Decimal
PENNY = D("0.01")


@dataclass
class World:
    """One charge, at the ledger and at a gateway that never pays back more than it captured."""

    events: list[e.Event]
    hold: bool
    after: AfterCapture = field(default_factory=AfterCapture)
    next: int = 2
    under_way: dict[int, Money] = field(default_factory=dict)
    failed: dict[int, Money] = field(default_factory=dict)
    hours: int = 0

    def charge(self) -> Charge:
        return fold_charges(past(*self.events, of="txn_1"))["pay_1"]

    def ask_refund(self, pennies: int) -> None:
        try:
            asked = refunds.request_refund(
                account(*self.events), request(self.next), self.charge(), pennies * PENNY, "asked", SOON
            )
        except NotRefundable:
            return
        self.events += asked
        self.under_way[self.next] = Money(pennies * PENNY, "GBP")
        self.next += 1

    def answer_refund(self, which: int, *, succeeds: bool) -> None:
        if not self.under_way:
            return
        number = list(self.under_way)[which % len(self.under_way)]
        amount = self.under_way.pop(number)
        if succeeds and self._can_pay_back(amount):
            self._paid_back(number, amount)
        else:
            self.failed[number] = amount
            self.ours(number, Declined(reason=DeclineReason.OTHER, advice=Advice.NEVER, raw_code="no"))

    def make_refund_after_all(self, which: int) -> None:
        """Have the gateway pay back what it had said it would not."""
        number = list(self.failed)[which % len(self.failed)] if self.failed else 0
        if number and self._can_pay_back(self.failed[number]):
            self._paid_back(number, self.failed.pop(number))

    def _can_pay_back(self, amount: Money) -> bool:
        return self.refunded_at_gateway() + amount.amount <= self.charge().captured.total

    def _paid_back(self, number: int, amount: Money) -> None:
        reference = f"rfd_{number}"
        self.ours(number, Refunded(reference=reference, amount=amount, refunded_at=NOW))
        made = RefundMade(reference=reference, amount=amount, refunded_at=NOW, operation_id=f"txn_{number}")
        self.after = replace(self.after, refunds=(*self.after.refunds, made))

    def ours(self, number: int, result: RefundResult) -> None:
        """Record what became of a refund of ours, and what others then take of what it gave back."""
        refund = fold_refund(past(*self.events, of=f"txn_{number}"))
        self.events += refunds.record_refund_result(refund, self.charge(), f"txn_{number}.1", result)
        self.events += disputes.claim_again(self.charge())

    def refunded_at_gateway(self) -> Decimal:
        return sum((made.amount.amount for made in self.after.refunds if not made.returned), D(0))

    def refund_elsewhere(self, pennies: int) -> None:
        if self.refunded_at_gateway() + pennies * PENNY <= self.charge().captured.total:
            made = RefundMade(
                reference=f"re_{len(self.after.refunds)}",
                amount=Money(pennies * PENNY, "GBP"),
                refunded_at=self._moment(),
                operation_id=None,
            )
            self.after = replace(self.after, refunds=(*self.after.refunds, made))

    def return_elsewhere(self, which: int) -> None:
        made = [refund for refund in self.after.refunds if refund.operation_id is None]
        if made:
            chosen = made[which % len(made)]
            returned = (replace(one, returned=True) if one is chosen else one for one in self.after.refunds)
            self.after = replace(self.after, refunds=tuple(returned))

    def dispute(self, pennies: int) -> None:
        opened = Dispute(
            reference=f"dp_{len(self.after.disputes)}",
            status=DisputeStatus.OPEN,
            amount=Money(min(pennies * PENNY, self.charge().captured.total), "GBP"),
            reason="fraudulent",
            opened_at=self._moment(),
        )
        self.after = replace(self.after, disputes=(*self.after.disputes, opened))

    def decide(self, which: int, status: DisputeStatus) -> None:
        known = list(self.after.disputes)
        if known:
            place = which % len(known)
            known[place] = replace(known[place], status=status, decided_at=self._moment())
            self.after = replace(self.after, disputes=tuple(known))

    def reverse(self) -> None:
        self.after = replace(self.after, reversed_at=self.after.reversed_at or self._moment())

    def look(self) -> None:
        self.events += disputes.record_after_capture(self.charge(), self.after, hold=self.hold)

    def _moment(self):
        self.hours += 1
        return NOW + timedelta(hours=self.hours)


def world(credit: int, taxes: list[int], hold: bool) -> World:
    lines = tuple(e.TaxLine(name=f"T{n}", rate=D(1), amount=tax * PENNY) for n, tax in enumerate(taxes))
    total = (credit + sum(taxes)) * PENNY
    quote = QUOTE.model_copy(update={"credit": credit * PENNY, "taxes": lines, "total": total})
    how = {"gateway": "sandbox", "card_id": None, "save_card": False, "initiator": Initiator.CUSTOMER}
    asked = [quote, *life.request_top_up(account(), REQUEST, quote, **how, send_before=SOON)]
    top_up = fold_top_up(past(*asked, of="txn_1"))
    paid = Succeeded(reference="pay_1", amount=Money(total, "GBP"), captured_at=NOW, card=CARD)
    captured = life.record_result(account(*asked), top_up, top_up.intent, paid, action_expires_at=SOON)
    return World([*asked, *captured], hold)


PENNIES = st.sampled_from([1_000, 3_000, 8_000]) | st.integers(1, 8_000)
DECIDED = st.sampled_from([DisputeStatus.WON, DisputeStatus.LOST])
STEPS = st.one_of(
    st.tuples(st.just("ask_refund"), PENNIES),
    st.tuples(st.just("answer_refund"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("make_refund_after_all"), st.integers(0, 3)),
    st.tuples(st.just("refund_elsewhere"), PENNIES),
    st.tuples(st.just("return_elsewhere"), st.integers(0, 3)),
    st.tuples(st.just("dispute"), PENNIES),
    st.tuples(st.just("decide"), st.integers(0, 3), DECIDED),
    st.tuples(st.just("reverse")),
    *[st.tuples(st.just("look"))] * 3,  # the others say what is at the gateway, and this has us know it
)


def play(world: World, step: tuple) -> None:
    name, *arguments = step
    if name == "answer_refund":
        world.answer_refund(arguments[0], succeeds=arguments[1])
    else:
        getattr(world, name)(*arguments)


CREDIT = st.integers(1, 6_000)
FAILED_BEFORE_A_DISPUTE = [
    *[("ask_refund", 1_000), ("answer_refund", 0, False)],
    *[("dispute", 8_000), ("decide", 0, DisputeStatus.LOST), ("look",), ("make_refund_after_all", 0)],
]
"""Rare by chance."""
STORY = st.builds(
    lambda beginning, steps: [*beginning, *steps],
    st.sampled_from([[], FAILED_BEFORE_A_DISPUTE]),
    st.lists(STEPS, min_size=8, max_size=30),
)
TAXES = st.lists(st.integers(0, 1_500), max_size=2)


@given(credit=CREDIT, taxes=TAXES, hold=st.booleans(), steps=STORY)
def test_money_is_conserved_after_every_sequence(credit, taxes, hold, steps):
    one = world(credit, taxes, hold)
    whole = one.charge().captured
    for step in [*steps, ("look",)]:
        play(one, step)
        charge, state = one.charge(), account(*one.events)
        # The balance is what no fact has taken of the only charge, and all its parts come to what was captured.
        assert state.balance == charge.kept.credit
        gone = sum((d.takes.total for d in charge.disputes.values() if d.status is DisputeStatus.LOST), D(0))
        gone += sum((made.takes.total for made in charge.elsewhere.values()), D(0))
        gone += sum((x.total for x in one.events if isinstance(x, e.Refunded | e.PaymentReversed)), D(0))
        assert charge.kept.total + gone == whole.total
        if step == ("look",):  # before, what came back at the gateway may not be known yet
            assert gone <= whole.total
        holds = (d.opened.held for d in charge.disputes.values() if d.status is DisputeStatus.OPEN)
        assert state.held == sum(holds, charge.under_way.credit)
        if not hold:
            assert state.held == charge.under_way.credit


@given(credit=CREDIT, taxes=TAXES, steps=STORY)
def test_what_lacks_something_takes_all_that_is_left_for_it(credit, taxes, steps):
    one = world(credit, taxes, hold=True)
    for step in steps:
        play(one, step)
        charge = one.charge()
        lost = [dispute for dispute in charge.disputes.values() if dispute.status is DisputeStatus.LOST]
        if charge.reversal is not None or any(dispute.takes.total < dispute.claimed for dispute in lost):
            assert charge.claimable.at_most(charge.captured.total, "GBP").total == 0


@given(credit=CREDIT, taxes=TAXES, steps=STORY)
def test_a_look_leaves_nothing_to_tell_and_the_gateways_word_is_ours(credit, taxes, steps):
    one = world(credit, taxes, hold=True)
    for step in [*steps, ("look",)]:
        play(one, step)
    charge, told = one.charge(), list(one.events)
    one.look()
    assert one.events == told
    assert {d.opened.reference: d.status for d in charge.disputes.values()} == {
        d.reference: d.status for d in one.after.disputes
    }
    assert (charge.reversal is not None) is (one.after.reversed_at is not None)


@given(credit=CREDIT, taxes=TAXES, steps=STORY, order=st.randoms(use_true_random=False))
def test_in_whatever_order_an_answer_lists_them_the_same_facts_are_recorded(credit, taxes, steps, order):
    one = world(credit, taxes, hold=True)
    for step in steps:
        if step[0] != "look":
            play(one, step)
    shuffled = replace(
        one.after,
        refunds=tuple(order.sample(one.after.refunds, len(one.after.refunds))),
        disputes=tuple(order.sample(one.after.disputes, len(one.after.disputes))),
    )
    listed = disputes.record_after_capture(one.charge(), one.after, hold=True)
    assert disputes.record_after_capture(one.charge(), shuffled, hold=True) == listed
