"""The notices that tell what others did, as far as the gateway sends any."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.conformance.afterwards import settled_charge
from interact_ledger.gateways.conformance.bench import Bench, Elsewhere
from interact_ledger.gateways.conformance.requests import half, paid, payment, saved, usual_amount
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.conformance.saving import cannot_save
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import Notice, NoticeSubject, Succeeded

__all__ = ["NoticingOthers"]


class NoticingOthers(Scenarios):
    """Each deed of others is told by a notice that names what it was done to, or pinned as untold."""

    def test_what_others_do_to_a_charge_is_noticed_with_its_reference(self, bench: Bench) -> None:
        if settled_charge(bench) is None:
            return
        others = self.others(bench)
        deeds: dict[Elsewhere, Callable[[Succeeded], str | None]] = {
            Elsewhere.REFUND: lambda charge: others.refund_in_dashboard(charge.reference, half(charge.amount)),
            Elsewhere.DISPUTE: lambda charge: others.open_dispute(charge.reference, half(charge.amount)),
            Elsewhere.REVERSAL: lambda charge: others.reverse_settlement(charge.reference),
        }
        for number, (kind, deed) in enumerate(deeds.items(), start=2):
            charge = paid(bench, payment(bench, number))
            bench.settle(charge.reference)
            _acknowledge_all(bench)
            result = self.played(kind, deed(charge))
            about_charge = partial(_is_about, charge.reference)
            self._noticed(bench, kind, result, about_charge)
            if kind is Elsewhere.DISPUTE and result is not None:
                others.decide_dispute(result, won=False)
                self._noticed(bench, kind, result, about_charge)

    def test_what_others_do_to_a_card_is_noticed_with_its_customer(self, bench: Bench) -> None:
        if cannot_save(bench):
            return
        others, customer_id = self.others(bench), payment(bench).customer_id
        deeds: dict[Elsewhere, Callable[[str], object | None]] = {
            Elsewhere.CARD_UPDATED: others.update_card,
            Elsewhere.CARD_DETACHED: others.detach_card,
            Elsewhere.CUSTOMER_DELETED: lambda _token: others.delete_customer(customer_id),
        }
        kept = saved(bench)
        for kind, deed in deeds.items():
            _acknowledge_all(bench)
            result = self.played(kind, deed(kept.token))
            notices = self._noticed(bench, kind, result, lambda notice: _is_card_of(notice, customer_id))
            shown = [notice for notice in notices if kept.token in repr(notice)]
            hold(Rule.SECRET, not shown, f"the card's token shows in {len(shown)} notices")

    def test_a_payment_made_elsewhere_is_noticed_with_its_customer(self, bench: Bench) -> None:
        if settled_charge(bench) is None:
            return
        _acknowledge_all(bench)
        customer_id = payment(bench).customer_id
        reference = self.others(bench).pay_in_dashboard(customer_id, usual_amount(bench))
        self.played(Elsewhere.PAYMENT, reference)
        notices = self._noticed(
            bench, Elsewhere.PAYMENT, reference, lambda notice: _is_charge_of(notice, customer_id, reference)
        )
        ours = [notice for notice in notices if notice.operation_id is not None]
        hold(Rule.AUTHENTIC, not ours, f"a payment by hand is taken for one of ours: {ours!r}")

    def test_whether_every_deed_is_noticed_is_declared(self, bench: Bench) -> None:
        says, untold = bench.gateway.capabilities.sends_every_notice, sorted(self.untold)
        agree = says is not bool(untold)
        hold(Rule.DECLARED, agree, f"sends_every_notice is {says}, and `untold` names {untold!r}")

    def _noticed(
        self, bench: Bench, kind: Elsewhere, result: object | None, fits: Callable[[Notice], bool]
    ) -> Collection[Notice]:
        """Hold the adapter to naming what a deed was done to, if it was done; returns the notices of it."""
        notices = list(_understood(bench))
        _acknowledge_all(bench)
        is_told, untold = any(fits(notice) for notice in notices), kind in self.untold or result is None
        says = "is pinned as untold" if untold else "is told by no notice that names what it was done to"
        hold(Rule.HINTS, is_told is not untold, f"{kind!r} {says}: {notices!r}")
        return notices


def _is_about(charge_reference: str, notice: Notice) -> bool:
    return notice.charge_reference == charge_reference


def _is_card_of(notice: Notice, customer_id: str) -> bool:
    return notice.subject is NoticeSubject.CARD and notice.customer_id == customer_id


def _is_charge_of(notice: Notice, customer_id: str, reference: str | None) -> bool:
    named = (notice.subject, notice.customer_id, notice.reference)
    return named == (NoticeSubject.CHARGE, customer_id, reference)


def _understood(bench: Bench) -> Iterator[Notice]:
    for due in bench.notices_due():
        try:
            yield from bench.gateway.notices(due.body, due.headers)
        except NoticeRejected as rejected:
            raise Violation(Rule.AUTHENTIC, f"an authentic notice was rejected: {rejected}") from None


def _acknowledge_all(bench: Bench) -> None:
    for due in bench.notices_due():
        bench.acknowledge(due.notice_id)
