"""What others do at the sandbox without the ledger: cardholders' banks, card networks, a person in the dashboard.

All of it happens to what the sandbox has already, and each thing queues its notice, as a gateway's does.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from moneyed import Money

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import ChargeResult, Dispute, DisputeStatus, Notice, NoticeSubject, RefundResult
from interact_ledger.gateways.sandbox.amounts import check_chargeable
from interact_ledger.gateways.sandbox.memory import Intent, KeptCard, Kind
from interact_ledger.gateways.sandbox.requests import derived
from interact_ledger.gateways.sandbox.results import captured_amount, refund_result
from interact_ledger.gateways.sandbox.server import SandboxServer
from interact_ledger.gateways.sandbox.tokens import Status

__all__ = ["SandboxWorld"]

EVIDENCE_WITHIN = timedelta(days=7)
_YEARS = range(2000, 2100)
_FOUR_DIGITS = re.compile(r"[0-9]{4}")


class SandboxWorld(SandboxServer):
    """The sandbox's server with the world around it."""

    def open_dispute(
        self,
        charge_reference: str,
        amount: Money | None = None,
        reason: str = "fraudulent",
        *,
        evidence_due_by: datetime | None = None,
        fee: Money | None = None,
    ) -> Dispute:
        """Play the cardholder's bank that wants (part of) a captured payment back.

        Args:
            charge_reference: the payment.
            amount: how much of it, gross; None for all that was not yet paid back or disputed.
            reason: what the bank says.
            evidence_due_by: until when evidence is taken; a week from now if None.
            fee: what the sandbox says that it takes for it.

        Raises:
            GatewayInvalidRequest: if nothing was captured there, or not as much.
        """
        with self._memory.transaction():
            payment = self._captured_payment(charge_reference)
            amount = amount if amount is not None else self._left(payment)
            if not 0 < amount.amount <= captured_amount(payment).amount:
                raise GatewayInvalidRequest("is not within what was captured", field="amount")
            dispute = Dispute(
                reference=derived("dp", charge_reference, len(self._memory.disputes(charge_reference))),
                status=DisputeStatus.OPEN,
                amount=amount,
                reason=reason,
                opened_at=self._now(),
                evidence_due_by=evidence_due_by or self._now() + EVIDENCE_WITHIN,
                fee=fee,
            )
            self._put_dispute(payment, dispute)
        return dispute

    def decide_dispute(self, reference: str, *, won: bool) -> Dispute:
        """Play the card network that decides a dispute, also against what it decided before.

        Raises:
            GatewayInvalidRequest: if there is no such dispute.
        """
        return self._change_dispute(
            reference, status=DisputeStatus.WON if won else DisputeStatus.LOST, decided_at=self._now()
        )

    def move_evidence_date(self, reference: str, evidence_due_by: datetime) -> Dispute:
        """Play the bank that takes evidence until another date.

        Raises:
            GatewayInvalidRequest: if there is no such dispute.
        """
        return self._change_dispute(reference, evidence_due_by=evidence_due_by)

    def refund_in_dashboard(self, charge_reference: str, amount: Money | None = None) -> RefundResult:
        """Play a person who pays back at the gateway, without the ledger; all that is left if `amount` is None.

        Raises:
            GatewayInvalidRequest: if nothing was captured there.
        """
        with self._memory.transaction():
            payment = self._captured_payment(charge_reference)
            reference = derived("rfd", "dashboard", charge_reference, len(self._memory.refunds(charge_reference)))
            refund = Intent(
                kind=Kind.REFUND,
                reference=reference,
                attempt_id=reference,
                account_id=payment.account_id,
                operation_id="",
                amount=amount if amount is not None else self._left(payment),
                token=payment.token,
                charge_reference=charge_reference,
                moved_at=self._now(),
            )
            self._memory.add_intent(refund)
            return refund_result(self._pay_back(refund))

    def pay_in_dashboard(self, customer_id: str, amount: Money, token: str = "tok_visa") -> ChargeResult:  # noqa: S107 - a name in the sandbox's script
        """Play a person who charges a customer at the gateway, without the ledger.

        Raises:
            GatewayInvalidRequest: for an amount that the sandbox does not take, or no such token.
        """
        check_chargeable(amount)
        with self._memory.transaction():
            reference = derived("pay", "dashboard", customer_id, len(self._memory.intents()))
            payment = Intent(
                kind=Kind.PAYMENT,
                reference=reference,
                attempt_id=reference,
                account_id="",
                operation_id="",
                customer_id=customer_id,
                amount=amount,
                token=token,
                moved_at=self._now(),
            )
            self._memory.add_intent(payment)
            return self._charge_result(self._confirm(payment))

    def reverse_settlement(self, charge_reference: str) -> ChargeResult:
        """Play the network that declines to settle what was captured; returns the present state.

        Raises:
            GatewayInvalidRequest: if nothing was captured there.
        """
        with self._memory.transaction():
            payment = self._captured_payment(charge_reference)
            if payment.reversed_at is None:
                payment = replace(payment, reversed_at=self._now())
                self._memory.update_intent(payment)
                self._announce(payment)
            return self._charge_result(payment)

    def detach_card(self, card_token: str) -> None:
        """Play a person who takes a saved card off its customer at the gateway.

        Raises:
            GatewayInvalidRequest: if the sandbox keeps no such card.
        """
        with self._memory.transaction():
            card = self._kept_card(card_token)
            self._forget(card)
            self._announce_card(card)

    def delete_customer(self, customer_id: str) -> None:
        """Play a person who deletes a customer at the gateway, with its cards."""
        with self._memory.transaction():
            self._memory.delete_customer(customer_id)
            for card in self._memory.cards():
                if card.customer_id == customer_id:
                    self._forget(card)
            self._tell(NoticeSubject.CARD, derived("gone", customer_id), None, customer_id)

    def update_card(
        self,
        card_token: str,
        *,
        last_four: str | None = None,
        expiry_month: int | None = None,
        expiry_year: int | None = None,
    ) -> KeptCard:
        """Play the card network that tells of a renewed card; what is None stays as it is.

        Raises:
            GatewayInvalidRequest: if the sandbox keeps no such card, or what it is renewed to is on no card.
        """
        if last_four is not None and not _FOUR_DIGITS.fullmatch(last_four):
            raise GatewayInvalidRequest("is not four digits", field="last_four")
        if expiry_year is not None and expiry_year not in _YEARS:
            raise GatewayInvalidRequest("is no year that a card is valid until", field="expiry_year")
        with self._memory.transaction():
            card = self._kept_card(card_token)
            card = replace(
                card,
                last_four=last_four or card.last_four,
                expiry_month=expiry_month or card.expiry_month,
                expiry_year=expiry_year or card.expiry_year,
            )
            self._memory.update_card(card)
            self._announce_card(card)
        return card

    # What they need ---------------------------------------------------------------------------------------------

    def _captured_payment(self, reference: str) -> Intent:
        payment = self._known(reference)
        if payment.kind is not Kind.PAYMENT or payment.status is not Status.SUCCEEDED:
            raise GatewayInvalidRequest("names no captured payment", field="charge_reference")
        return payment

    def _left(self, payment: Intent) -> Money:
        """What was neither paid back nor is disputed or lost."""
        whole = captured_amount(payment)
        gone = self._memory.refunded(payment.reference, or_pending=True) + self._disputed(payment)
        return Money(max(whole.amount - gone, Decimal(0)), whole.currency)

    def _change_dispute(self, reference: str, **changes: DisputeStatus | datetime) -> Dispute:
        with self._memory.transaction():
            known = self._memory.dispute_at(reference)
            if known is None:
                raise GatewayInvalidRequest("names no dispute at the sandbox", field="reference")
            charge_reference, dispute = known
            changed: Dispute = replace(dispute, **changes)  # type: ignore[arg-type] # each by its own name
            self._put_dispute(self._known(charge_reference), changed)
        return changed

    def _put_dispute(self, payment: Intent, dispute: Dispute) -> None:
        self._memory.put_dispute(payment.reference, dispute)
        self._tell(NoticeSubject.DISPUTE, dispute.reference, payment.reference, payment.customer_id)

    def _kept_card(self, card_token: str) -> KeptCard:
        card = self._memory.card(card_token)
        if card is None or card.forgotten:
            raise GatewayInvalidRequest("is no card that the sandbox keeps", field="card_token")
        return card

    def _announce_card(self, card: KeptCard) -> None:
        self._tell(NoticeSubject.CARD, derived("pm", card.card_token), None, card.customer_id)

    def _tell(
        self, subject: NoticeSubject, reference: str, charge_reference: str | None, customer_id: str | None
    ) -> None:
        """Queue a notice that bears no metadata: what happens behind our back has none."""
        number = self._memory.notices_about(reference)
        notice = Notice(
            notice_id=derived("evt", reference, number),
            subject=subject,
            reference=reference,
            operation_id=None,
            occurred_at=self._now(),
            charge_reference=charge_reference,
            customer_id=customer_id,
        )
        self._memory.add_notice(notice, 1)
