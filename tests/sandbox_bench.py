"""The sandbox on the bench of the conformance kit: it plays both sides itself, so hardly anything is to be done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from moneyed import Money

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways import conformance, sandbox
from interact_ledger.gateways.conformance import Behaviour
from interact_ledger.gateways.protocol import CardDetails, DeclineReason, Gateway, Notice, NoticeSubject
from interact_ledger.gateways.sandbox.notices import notice_body

__all__ = ["SandboxBench"]

_CARDS = {
    Behaviour.SUCCEEDS: "tok_visa",
    Behaviour.PENDS: "tok_pending",
    Behaviour.ASKS_CUSTOMER: "tok_authentication_required",
    Behaviour.ASKS_WHEN_SAVED: "tok_later_authentication_required",
    Behaviour.CAPTURES_LESS: "tok_captures_less",
    Behaviour.REFUND_PENDS: "tok_refund_pending",
    Behaviour.REFUND_RETURNS: "tok_visa",
    Behaviour.REFUND_DECLINED: "tok_refund_declined",
}
_FAULTS = {
    conformance.Fault.BEFORE: [sandbox.Fault.BEFORE],
    conformance.Fault.AFTER: [sandbox.Fault.AFTER],
    conformance.Fault.REFUSED: [sandbox.Fault.REFUSED],
    # The sandbox's adapter sends once; one that tries again within the call meets the refusal, else the next call does.
    conformance.Fault.AFTER_THEN_REFUSED: [sandbox.Fault.AFTER, sandbox.Fault.REFUSED],
}


class SandboxOthers:
    """Whoever else has a hand on the sandbox."""

    def __init__(self, server: sandbox.SandboxGateway) -> None:
        self._server = server

    def refund_in_dashboard(self, reference: str, amount: Money) -> str | None:
        return self._server.refund_in_dashboard(reference, amount).reference

    def open_dispute(self, reference: str, amount: Money) -> str:
        return self._server.open_dispute(reference, amount).reference

    def decide_dispute(self, reference: str, *, won: bool) -> object:
        return self._server.decide_dispute(reference, won=won)

    def reverse_settlement(self, reference: str) -> str:
        self._server.reverse_settlement(reference)
        return "settlement_declined"

    def pay_in_dashboard(self, customer_id: str, amount: Money) -> str | None:
        return self._server.pay_in_dashboard(customer_id, amount).reference

    def detach_card(self, token: str) -> str:
        self._server.detach_card(token)
        return token

    def update_card(self, token: str) -> CardDetails:
        card = self._server.update_card(token, last_four="0077", expiry_month=7, expiry_year=2044)
        return replace(card.details, last_four="0077", expiry_month=7, expiry_year=2044)

    def delete_customer(self, customer_id: str) -> str:
        self._server.delete_customer(customer_id)
        return customer_id


class SandboxBench:
    """A sandbox, or an adapter around it that is under test in its place."""

    def __init__(self, server: sandbox.SandboxGateway, clock: MovableClock, gateway: Gateway | None = None) -> None:
        self.server = server
        self.clock = clock
        self.gateway: Gateway = gateway or server
        self.others = SandboxOthers(server)

    def restarted(self) -> Gateway:
        """Return another sandbox with the same memory, which is its server."""
        again = type(self.server)(clock=self.clock)
        again._memory.close()
        again._memory = self.server._memory
        return again

    @property
    def secrets(self) -> Collection[str]:
        return self.server._secrets

    @property
    def lookups_available(self) -> bool:
        return self.server.lookups_available

    @lookups_available.setter
    def lookups_available(self, available: bool) -> None:
        self.server.lookups_available = available

    def card(self, kind: Behaviour | DeclineReason) -> str | None:
        return _CARDS[kind] if isinstance(kind, Behaviour) else f"tok_declined_{kind}"

    def fail_next(self, verb: str, fault: conformance.Fault) -> None:
        for each in _FAULTS[fault]:
            self.server.fail_next(verb, each)

    def captured(self) -> Sequence[sandbox.Captured]:
        return self.server.captured()

    def chargeable(self) -> Sequence[sandbox.Chargeable]:
        return self.server.chargeable()

    def saved_cards(self) -> Collection[object]:
        return self.server.saved_cards()

    def authenticate(self, reference: str, *, succeed: bool = True) -> object:
        return self.server.authenticate(reference, succeed=succeed)

    def settle(self, reference: str, *, succeed: bool = True) -> object:
        return self.server.settle(reference, succeed=succeed)

    def pay_in_browser(self, reference: str, token: str) -> object:
        try:
            return self.server.pay_in_browser(reference, token)
        except GatewayInvalidRequest as refused:
            return refused

    def return_refund(self, reference: str) -> object:
        return self.server.return_refund(reference)

    def notices_due(self) -> Sequence[conformance.Delivery]:
        return [_delivery(due) for due in self.server.notices_due()]

    def acknowledge(self, notice_id: str) -> None:
        self.server.acknowledge(notice_id)

    def foreign_notice(self) -> conformance.Delivery:
        notice = Notice(
            notice_id="evt_elsewhere",
            subject=NoticeSubject.CHARGE,
            reference="pay_elsewhere",
            operation_id=None,
            occurred_at=self.clock.now(),
        )
        body = notice_body(notice)
        return conformance.Delivery(notice_id=notice.notice_id, body=body, headers=self.server.signed(body))


def _delivery(due: sandbox.Delivery) -> conformance.Delivery:
    return conformance.Delivery(notice_id=due.notice_id, body=due.body, headers=due.headers)
