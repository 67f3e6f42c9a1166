"""Customers of ours that somebody deletes at the gateway."""

from __future__ import annotations

from collections.abc import Callable

from interact_ledger.errors import GatewayCustomerGone
from interact_ledger.gateways.conformance.bench import Bench, Elsewhere
from interact_ledger.gateways.conformance.requests import (
    ACCOUNT,
    begin_and_charge,
    captures,
    good_card,
    paid,
    payment,
    saved,
    saving,
)
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.conformance.saving import cannot_save
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import NotFound

__all__ = ["Customers"]


class Customers(Scenarios):
    """What a deleted customer leaves: an account that can be paid for again, under another."""

    def test_for_a_deleted_customer_nothing_is_charged_or_saved_and_that_is_said(self, bench: Bench) -> None:
        paid(bench)
        request, to_save, card = payment(bench, 2), saving(bench), good_card(bench)
        if self._deleted(bench) is None:
            return
        _is_told("charging", lambda: begin_and_charge(bench, request, card))
        if bench.gateway.capabilities.saves_without_charging:
            _is_told("saving", lambda: bench.gateway.save(to_save, good_card(bench)))
        captures(bench, 1, Rule.CUSTOMER)

    def test_after_a_deleted_customer_another_is_linked(self, bench: Bench) -> None:
        for number in (2, 3):  # deleted again, it is replaced again
            if self._deleted(bench) is None:
                return
            paid(bench, payment(bench, number))
        captures(bench, 2, Rule.CUSTOMER)

    def test_the_cards_of_a_deleted_customer_are_not_found(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        kept, gone = saved(bench), self._deleted(bench)
        for customer_id in (gone, bench.gateway.link_customer(ACCOUNT)) if gone else ():
            found = bench.gateway.find_saved_card(kept, customer_id)
            hold(Rule.KEPT, isinstance(found, NotFound), f"its customer was deleted, and it is found as {found!r}")

    def _deleted(self, bench: Bench) -> str | None:
        """Have the account's customer deleted and return it; None where nobody can."""
        if bench.others is None:
            return None
        customer_id = bench.gateway.link_customer(ACCOUNT)
        return self.played(Elsewhere.CUSTOMER_DELETED, bench.others.delete_customer(customer_id))


def _is_told(what: str, call: Callable[[], object]) -> None:
    try:
        result = call()
    except GatewayCustomerGone:
        return
    except Exception as raised:
        raise Violation(Rule.CUSTOMER, f"{what} raised {type(raised).__name__}: {raised}") from raised
    raise Violation(Rule.CUSTOMER, f"{what} for a deleted customer came out as {result!r}")
