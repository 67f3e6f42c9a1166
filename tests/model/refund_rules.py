"""Money going back to cards, and notices of what happened at the gateway, each with whatever can go wrong beside it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import invariant, rule
from machine import CRASHED
from payment_rules import PICKS, PaymentRules, faults, troubles
from simple_model import DECIMALS, ModelAccount, ModelRefund

D = Decimal
REFUND_FAULTS = faults("refund", "find_refund")
REFUND_TROUBLE = troubles("refund")
PAYING = ("tok_visa", "tok_refund_pending", "tok_refund_declined")
SHARES = st.sampled_from([D("0.01"), D("0.33"), D("0.5"), D("0.9"), D(1), D("1.01"), None])


class RefundRules(PaymentRules):
    """Rules about money going back, and about notices."""

    def _some_paid(self, pick: int) -> tuple[ModelAccount, str]:
        choices = [(a, t) for a in self.accounts for t, top_up in a.top_ups.items() if top_up.status == "succeeded"]
        if not choices:
            self.top_up(pick, PAYING[pick % len(PAYING)], False, None, [], None, True)
            return self._some_paid(pick)
        return choices[-1 - pick % len(choices)]

    def _some_refund(self, pick: int) -> tuple[ModelAccount, str] | None:
        """Return a refund, made now if there is none; None if nothing can be paid back."""
        if not any(account.refunds for account in self.accounts):
            self.refund(pick, D("0.01"), [], None)
        choices = [(account, refund_id) for account in self.accounts for refund_id in account.refunds]
        return choices[-1 - pick % min(3, len(choices))] if choices else None

    @rule(pick=PICKS, share=SHARES, fault=REFUND_FAULTS, trouble=REFUND_TROUBLE)
    def refund(self, pick: int, share: Decimal | None, fault: list[Any], trouble: tuple[str, str] | None) -> None:
        account, transaction_id = self._some_paid(pick)
        left = account.left_of(transaction_id)
        unit = DECIMALS[account.currency]
        amount = None if share is None else max(unit, (left.total * share).quantize(unit))
        parts = left.share(left.total if amount is None else amount, unit)
        key, refund_id = self.key(), None
        arguments = {"amount": None if amount is None else self.money(amount, account), "reason": "asked"}
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(
            lambda: self.ledger.refund(account.account_id, transaction_id, **arguments, idempotency_key=key)
        )
        if parts is None or parts.credit > account.purchased:
            assert answer == "not_refundable"
            return
        refund_id = next(x.operation_id for x in reversed(self.events(account)) if x.TOPIC == "refund-requested")
        account.refunds[refund_id] = ModelRefund(
            transaction_id, parts.credit, parts.total, "requested", {**arguments, "idempotency_key": key}
        )
        self.follow(account)
        if not fault and trouble is None:
            outcomes = {"tok_refund_pending": "pending", "tok_refund_declined": "declined"}
            expected = outcomes.get(self.tokens[transaction_id], "succeeded")
            promised_elsewhere = transaction_id in self.pending_elsewhere and answer.status == "declined"
            assert answer.status == expected or promised_elsewhere

    @rule(pick=PICKS, fault=REFUND_FAULTS, trouble=REFUND_TROUBLE)
    def repeat_refund(self, pick: int, fault: list[Any], trouble: tuple[str, str] | None) -> None:
        found = self._some_refund(pick)
        if found is None:
            return
        account, refund_id = found
        refund = account.refunds[refund_id]
        before, expected = refund.status, None
        if before == "not_attempted":
            left, unit = account.left_of(refund.transaction_id), DECIMALS[account.currency]
            expected = left.share(refund.total, unit)
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(lambda: self.ledger.refund(account.account_id, refund.transaction_id, **refund.repeat))
        if before == "not_attempted" and (expected is None or expected.credit > account.purchased):
            assert answer == "not_refundable"
            return
        if expected is not None:
            refund.credit = expected.credit
        self.follow(account)
        if before in {"succeeded", "declined"} and answer != CRASHED:
            assert answer.status == refund.status == before

    @rule(pick=PICKS, act=st.sampled_from(["settle", "fail", "return"]))
    def play_the_bank_of_a_refund(self, pick: int, act: str) -> None:
        found = self._some_refund(pick)
        if found is None:
            return
        account, refund_id = found
        reference = self.ledger.refund_result(account.account_id, refund_id).gateway_reference
        if reference is None:
            return
        if act == "return":
            self.world.sandbox.return_refund(reference)
            self.deliver_everything()
        else:
            self.world.sandbox.settle(reference, succeed=act == "settle")

    @rule(pick=PICKS, first=st.sampled_from(["before", "after"]), then=st.sampled_from(["before", "after", "refused"]))
    def lose_the_answer_and_repeat(self, pick: int, first: str, then: str) -> None:
        self.refund(pick, D("0.01"), [("refund", first)], None)
        self.repeat_refund(0, [], ("refund", then))

    @rule(picks=st.lists(PICKS, min_size=1, max_size=6), outage=st.booleans(), acknowledge=st.booleans())
    def deliver_notices(self, picks: list[int], *, outage: bool, acknowledge: bool) -> None:
        self.world.sandbox.lookups_available = not outage
        for pick in picks:
            due = self.world.sandbox.notices_due()
            if due:
                delivery = due[pick % len(due)]
                (received,) = self.ledger.receive("sandbox", delivery.body, delivery.headers)
                assert received.account_id in {account.account_id for account in self.accounts}
                if acknowledge and received.is_acknowledged:
                    self.world.sandbox.acknowledge(delivery.notice_id)
        self.world.sandbox.lookups_available = True
        for account in self.accounts:
            self.follow(account)

    @invariant()
    def no_more_is_paid_back_than_was_captured(self) -> None:
        for captured in self.world.sandbox.captured():
            assert captured.refunded <= captured.amount

    def let_recovery_have_its_time(self) -> None:
        """Then what the gateway paid back for good is what the model debited, once the notices are here, too."""
        super().let_recovery_have_its_time()
        self.deliver_everything()
        paid_back: dict[str, Decimal] = defaultdict(Decimal)
        for account in self.accounts:
            for refund in account.refunds.values():
                if refund.status == "succeeded":
                    paid_back[refund.transaction_id] += refund.total
            for taken in account.taken.values():
                if taken.what == "refund":
                    paid_back[taken.transaction_id] += taken.claimed
        for captured in self.world.sandbox.captured():
            assert captured.refunded.amount == paid_back[captured.transaction_id], captured

    def deliver_everything(self) -> None:
        for delivery in self.world.sandbox.notices_due():
            self.ledger.receive("sandbox", delivery.body, delivery.headers)
            self.world.sandbox.acknowledge(delivery.notice_id)
        for account in self.accounts:
            self.follow(account)
