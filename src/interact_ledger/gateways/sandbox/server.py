"""The gateway's side of the sandbox: what moves its payments, what it tells about them, and the world around it.

The customer's browser, the card networks and the gateway's dashboard are played by methods; all that changes
anything goes through one function, `_move`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from moneyed import Money

from interact_ledger.clock import Clock
from interact_ledger.errors import GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import (
    CardResult,
    ChargeResult,
    DisputeStatus,
    Notice,
    NoticeSubject,
    RefundResult,
)
from interact_ledger.gateways.sandbox.memory import Intent, KeptCard, Kind, Memory
from interact_ledger.gateways.sandbox.notices import Delivery, notice_body, signature_headers
from interact_ledger.gateways.sandbox.requests import derived
from interact_ledger.gateways.sandbox.results import (
    RETURN_CODE,
    Captured,
    Chargeable,
    captured,
    captured_amount,
    card_result,
    charge_result,
    chargeable_card,
    chargeable_intent,
    refund_result,
)
from interact_ledger.gateways.sandbox.tokens import Status, Step, script_of

__all__ = ["SandboxServer"]

_SUBJECTS = {
    Kind.PAYMENT: NoticeSubject.CHARGE,
    Kind.SAVING: NoticeSubject.CARD,
    Kind.REFUND: NoticeSubject.REFUND,
}


class SandboxServer:
    """A payment gateway as it stands behind its network. Safe for several threads, and processes on one file."""

    def __init__(self, path: str | Path, clock: Clock, secrets: Sequence[str]) -> None:
        if isinstance(secrets, str) or not secrets or not all(secrets):
            raise GatewayMisconfigured("name at least one webhook secret, none of them empty", field="secrets")
        self._clock = clock
        self._secrets = tuple(secrets)
        self._memory = Memory(path)

    def _now(self) -> datetime:
        return self._clock.now()

    def close(self) -> None:
        """Close the file; the gateway takes no call afterwards."""
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What it can be asked ---------------------------------------------------------------------------------------

    def captured(self) -> list[Captured]:
        """Return every payment that was captured, oldest first, refunded or not."""
        payments = (intent for intent in self._memory.intents() if intent.kind is Kind.PAYMENT)
        return [self._captured(payment) for payment in payments if payment.status is Status.SUCCEEDED]

    def captured_total(self, currency: str, *, account_id: str | None = None) -> Money:
        """Return the gross sum captured in a currency, of one account or of all, before refunds."""
        return sum((c.amount for c in self._captured_in(currency, account_id)), Money(0, currency))

    def refunded_total(self, currency: str, *, account_id: str | None = None) -> Money:
        """Return the sum paid back in a currency, of one account or of all."""
        return sum((c.refunded for c in self._captured_in(currency, account_id)), Money(0, currency))

    def saved_cards(self) -> list[KeptCard]:
        """Return the saved cards that were not forgotten, oldest first."""
        return self._memory.cards()

    def chargeable(self) -> list[Chargeable]:
        """Return everything that can still be charged: open payments and savings, then saved cards.

        A declined payment counts, since its browser may yet pay it; a declined saving is over.
        """
        intents = (i for i in self._memory.intents() if i.can_yet_succeed and i.kind is not Kind.REFUND)
        return [*map(chargeable_intent, intents), *map(chargeable_card, self._memory.cards())]

    def notices_due(self) -> list[Delivery]:
        """Return the webhooks to deliver now, signed now; each comes again until it is acknowledged."""
        return [self._delivery(notice) for notice in self._memory.notices_due()]

    def acknowledge(self, notice_id: str) -> None:
        """Take the receiver's yes: this notice is delivered no more."""
        self._memory.acknowledge(notice_id)

    def signed(self, body: bytes) -> Mapping[str, str]:
        """Return the headers under which the sandbox would send `body` now, for notices of your own making."""
        return signature_headers(body, self._secrets[0], self._now())

    # The world around it ----------------------------------------------------------------------------------------

    def authenticate(self, reference: str, *, succeed: bool = True) -> ChargeResult | CardResult | RefundResult:
        """Play the customer who authenticates, or fails to, in the browser; returns the present state.

        Goes on with what asks for it, and with what was declined off-session for want of it; else changes nothing.

        Raises:
            GatewayInvalidRequest: if there is no such payment or saving.
        """
        return self._play(reference, Status.ACTION_REQUIRED, "authentication_failed", succeed=succeed)

    def settle(self, reference: str, *, succeed: bool = True) -> ChargeResult | CardResult | RefundResult:
        """Play the network that settles or declines what is pending; returns the present state.

        Raises:
            GatewayInvalidRequest: if there is no such payment, saving or refund.
        """
        return self._play(reference, Status.PENDING, "settlement_declined", succeed=succeed)

    def return_refund(self, reference: str) -> RefundResult:
        """Play the customer's bank that sends back what was refunded already; returns the present state.

        Raises:
            GatewayInvalidRequest: if there is no such refund.
        """
        with self._memory.transaction():
            refund = self._known(reference)
            if refund.kind is not Kind.REFUND:
                raise GatewayInvalidRequest("is not a refund", field="reference")
            if refund.status is Status.SUCCEEDED:
                refund = self._move(refund, Step(Status.DECLINED, RETURN_CODE))
        return refund_result(refund)

    def pay_in_browser(self, reference: str, token: str) -> ChargeResult:
        """Play an old browser tab that pays a declined payment with another card; returns the present state.

        Raises:
            GatewayInvalidRequest: if there is no such payment, or no such one-time token.
        """
        script = script_of(token)
        with self._memory.transaction():
            intent = self._known(reference)
            if intent.kind is not Kind.PAYMENT:
                raise GatewayInvalidRequest("is not a payment", field="reference")
            if intent.status is Status.DECLINED:
                intent = self._move(replace(intent, token=token, card_token=None), script.first)
        return self._charge_result(intent)

    def _play(
        self, reference: str, status: Status, failure: str, *, succeed: bool
    ) -> ChargeResult | CardResult | RefundResult:
        with self._memory.transaction():
            intent = self._known(reference)
            unauthenticated = intent.can_yet_succeed and intent.code == "authentication_required"
            if intent.status is status or (unauthenticated and status is Status.ACTION_REQUIRED):
                step = Step(Status.SUCCEEDED) if succeed else Step(Status.DECLINED, failure)
                intent = self._move(intent, self._unusable(intent) or step)
        match intent.kind:
            case Kind.PAYMENT:
                return self._charge_result(intent)
            case Kind.SAVING:
                return self._card_result(intent)
            case Kind.REFUND:
                return refund_result(intent)

    def _known(self, reference: str) -> Intent:
        intent = self._memory.intent_at(reference)
        if intent is None:
            raise GatewayInvalidRequest("names nothing at the sandbox", field="reference")
        return intent

    # What moves an intent ---------------------------------------------------------------------------------------

    def _confirm(self, intent: Intent) -> Intent:
        """Charge or save, once: whatever was confirmed before stays as it is."""
        if intent.status is not Status.CREATED:
            return intent
        return self._move(intent, self._unusable(intent) or _scripted(intent))

    def _close_intent(self, intent: Intent) -> Intent:
        if intent.status is Status.PENDING or not intent.can_yet_succeed:
            return intent
        return self._move(intent, Step(Status.CANCELLED))

    def _pay_back(self, refund: Intent) -> Intent:
        if refund.status is not Status.CREATED:
            return refund
        return self._move(refund, self._refund_step(refund))

    def _refund_step(self, refund: Intent) -> Step:
        assert refund.charge_reference is not None, "a refund names the payment"
        assert refund.amount is not None, "a refund has an amount"
        payment = self._known(refund.charge_reference)
        if payment.status is not Status.SUCCEEDED:
            return Step(Status.DECLINED, "charge_not_captured")
        given = self._memory.refunded(payment.reference, or_pending=True) + self._disputed(payment)
        if payment.reversed_at or given + refund.amount.amount > captured_amount(payment).amount:
            return Step(Status.DECLINED, "refund_exceeds_capture")
        return script_of(refund.token).refunding

    def _disputed(self, payment: Intent) -> Decimal:
        """What of a payment its holder's bank wants back, or has got."""
        disputes = self._memory.disputes(payment.reference)
        return sum((d.amount.amount for d in disputes if d.status is not DisputeStatus.WON), Decimal(0))

    def _unusable(self, intent: Intent) -> Step | None:
        """Why the saved card cannot pay, whatever its script says."""
        if intent.card_token is None:
            return None
        card = self._memory.card(intent.card_token)
        assert card is not None, "an intent never names a card that was not kept"
        if card.customer_id != intent.customer_id:
            return Step(Status.DECLINED, "card_of_another_customer")
        return Step(Status.DECLINED, "card_removed") if card.forgotten else None

    def _move(self, intent: Intent, step: Step) -> Intent:
        """Bring an intent into a status, with all that follows from it."""
        moved = replace(intent, status=step.status, code=step.code, moved_at=self._now())
        self._memory.update_intent(moved)
        if moved.status is Status.SUCCEEDED and moved.keeps_card:
            self._keep_card(moved)
        self._announce(moved)
        return moved

    def _keep_card(self, intent: Intent) -> None:
        assert intent.customer_id is not None, "a card is kept for a customer"
        assert intent.token is not None, "a card has a script"
        card = KeptCard(
            card_token=_kept_token(intent),
            # A saving is the setup object; a payment has none, so there the card is named.
            reference=intent.reference if intent.kind is Kind.SAVING else derived("crd", intent.reference),
            attempt_id=intent.attempt_id,
            account_id=intent.account_id,
            customer_id=intent.customer_id,
            token=intent.token,
        )
        self._memory.add_card(card)

    def _forget(self, card: KeptCard) -> None:
        self._memory.forget_card(card.card_token)
        saving = self._memory.intent_at(card.reference)
        if saving is not None and saving.status is Status.SUCCEEDED:
            # Recovery that looks the saving up must not find the card there again.
            self._move(saving, Step(Status.CANCELLED))

    def _announce(self, intent: Intent) -> None:
        copies = script_of(intent.token).notices if intent.token else 1
        for _ in range(copies):
            number = self._memory.notices_about(intent.reference)
            notice = Notice(
                notice_id=derived("evt", intent.reference, number),
                subject=_SUBJECTS[intent.kind],
                reference=intent.reference,
                operation_id=intent.operation_id or None,
                occurred_at=self._now(),
                charge_reference=intent.reference if intent.kind is Kind.PAYMENT else intent.charge_reference,
                customer_id=intent.customer_id,
            )
            self._memory.add_notice(notice, copies)

    def _delivery(self, notice: Notice) -> Delivery:
        body = notice_body(notice)
        return Delivery(notice_id=notice.notice_id, body=body, headers=self.signed(body))

    # What an intent looks like from outside ---------------------------------------------------------------------

    def _charge_result(self, payment: Intent) -> ChargeResult:
        return charge_result(payment, self._memory.card(_kept_token(payment)))

    def _card_result(self, saving: Intent) -> CardResult:
        return card_result(saving, self._memory.card(_kept_token(saving)))

    def _captured(self, payment: Intent) -> Captured:
        assert payment.amount is not None, "a payment has an amount"
        lost = (d for d in self._memory.disputes(payment.reference) if d.status is DisputeStatus.LOST)
        currency = payment.amount.currency
        return captured(
            payment,
            refunded=Money(self._memory.refunded(payment.reference), currency),
            lost=sum((dispute.amount for dispute in lost), Money(0, currency)),
        )

    def _captured_in(self, currency: str, account_id: str | None) -> list[Captured]:
        payments = (p for p in self.captured() if p.amount.currency.code == currency)
        return [p for p in payments if account_id in (None, p.account_id)]


def _scripted(intent: Intent) -> Step:
    script = script_of(intent.token)
    if intent.card_token is None:
        return script.first
    return script.off_session if intent.off_session else script.later


def _kept_token(intent: Intent) -> str:
    return derived("card", intent.reference)
