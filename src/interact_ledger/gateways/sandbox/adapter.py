"""A payment gateway for development, tests and simulation: no network, no money, no chance.

It plays both sides. As a *gateway* it keeps payments, savings, refunds and cards in an SQLite file of its own, which
outlives our process and can be asked what it really captured. As an *adapter* it follows the protocol over a
network that fails on request. Every answer is scripted by a well-known token (`SANDBOX_TOKENS`), and every reference
is derived from the attempt's id, so that the same calls give the same bytes on every run and machine.

What the protocol leaves to a gateway, here:

- A declined payment can still be paid by the browser (`pay_in_browser`) until it is cancelled; a declined saving is
  over. What is pending cannot be cancelled, and `cancel` and `cancel_save` then say so.
- Past `send_before` a request changes nothing: an attempt that was confirmed before tells its present state, one that
  may have been sent is `Unknown`, any other is `NotAttempted`. Cancelling and looking up are always allowed.
- The card is first seen by `charge`: what was begun takes any, and from then on the attempt keeps to that one.
- Another customer's saved card is declined as unusable; a saved token that never existed is an invalid request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Self

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import ChargeNotSettled, GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    AfterCapture,
    Begun,
    Capabilities,
    CardDetails,
    CardRequest,
    CardResult,
    ChargeRequest,
    ChargeResult,
    ForgetResult,
    Forgotten,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    NotFound,
    Notice,
    PaymentSource,
    RefundRequest,
    RefundResult,
    SavedCard,
    Unknown,
)
from interact_ledger.gateways.sandbox.amounts import CURRENCIES
from interact_ledger.gateways.sandbox.memory import Intent, KeptCard, Kind
from interact_ledger.gateways.sandbox.network import SandboxNetwork
from interact_ledger.gateways.sandbox.notices import verified_notice
from interact_ledger.gateways.sandbox.requests import (
    derived,
    payment_intent,
    payment_tombstone,
    refund_intent,
    saving_intent,
    saving_tombstone,
    with_source,
)
from interact_ledger.gateways.sandbox.results import after_capture, begun, refund_result
from interact_ledger.gateways.sandbox.tokens import SANDBOX_TOKENS, Status, script_of

__all__ = ["SandboxGateway"]

REPLAY_WINDOW = timedelta(days=3650)
SETTLES_WITHIN = timedelta(seconds=60)
LOOKUP_LAG = timedelta(0)


class SandboxGateway(SandboxNetwork):
    """The sandbox as the ledger sees it: an adapter that follows the protocol of `gateways.protocol`.

    Its server's side comes with it (`captured`, `chargeable`, `authenticate`, `settle`, `notices_due`, …), and
    `fail_next` and `lookups_available` make the network between the two fail.
    """

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        clock: Clock | None = None,
        secrets: Sequence[str] = ("whsec_sandbox",),
        replay_window: timedelta = REPLAY_WINDOW,
        settles_within: timedelta = SETTLES_WITHIN,
        lookup_lag: timedelta = LOOKUP_LAG,
    ) -> None:
        """Open the sandbox.

        Args:
            path: the SQLite file that it remembers in; by default it remembers until it is closed.
            clock: where it takes the time from; the system's if None.
            secrets: webhook secrets, newest first: the first signs, all are accepted.
            replay_window: how long it says that repeating an attempt is safe (it always is).
            settles_within: how long it says that a timed-out request may still work (none does).
            lookup_lag: how far it says that look-ups lag (none do).

        Raises:
            GatewayMisconfigured: if the file cannot be used or a secret is empty.
        """
        super().__init__(path, clock or SystemClock(), secrets)
        self._capabilities = Capabilities(
            currencies=CURRENCIES,
            countries=None,
            brands=frozenset(script.card.brand for script in SANDBOX_TOKENS.values()),
            saves_cards=True,
            saves_without_charging=True,
            refunds=True,
            partial_refunds=True,
            refunds_before_settlement=True,
            tells_after_capture=True,
            sends_every_notice=True,
            replay_window=replay_window,
            settles_within=settles_within,
            lookup_lag=lookup_lag,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Open the sandbox that remembers in the file INTERACT_LEDGER_SANDBOX_FILE (`sandbox.db` if unset)."""
        return cls(environ.get("INTERACT_LEDGER_SANDBOX_FILE", "sandbox.db"))

    @property
    def gateway_id(self) -> str:
        """The name under which events know the sandbox."""
        return "sandbox"

    @property
    def capabilities(self) -> Capabilities:
        """What the sandbox can do: everything, in many currencies."""
        return self._capabilities

    # The protocol -----------------------------------------------------------------------------------------------

    def link_customer(self, account_id: str) -> str:
        """Return the customer's id, which follows from the account's, and from how many of its were deleted."""
        if self._queued_fault("link_customer"):
            raise GatewayError("the sandbox could not be reached")
        ids = (derived("cus", account_id, *filter(None, [number])) for number in count())
        return next(customer_id for customer_id in ids if not self._memory.is_deleted(customer_id))

    def begin(self, request: ChargeRequest) -> Begun | NotAttempted | Unknown:
        """Create an unconfirmed payment, which nobody can pay before `charge` confirms it.

        Raises:
            GatewayInvalidRequest: for an amount or currency that the sandbox does not take, or if the attempt was
                begun with other parameters.
        """
        return self._send("begin", payment_intent(request, self._now()), request.send_before, _unchanged, begun)

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Confirm the payment, creating it if need be; a repeat charges nothing and tells the present state.

        Raises:
            GatewayInvalidRequest: as `begin`, for an unknown token, or if the attempt was charged to another card.
        """
        wanted = with_source(payment_intent(request, self._now()), source, self._kept(source))
        return self._send("charge", wanted, request.send_before, self._confirm, self._charge_result)

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Make sure that the attempt cannot be paid, even if it never arrived: a stray `charge` is then `Cancelled`."""
        wanted = payment_tombstone(request, self._now())
        return self._send("cancel", wanted, None, self._close_intent, self._charge_result)

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        """Tell the present state of the attempt, or else of the payment under `request.reference`."""
        return self._find("find_charge", Kind.PAYMENT, request.attempt_id, request.reference, self._present_charge)

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Save a card, following the same script as a payment with its token would.

        Raises:
            GatewayInvalidRequest: for an unknown token, or if the attempt had other parameters before.
        """
        wanted = saving_intent(request, card, self._now())
        return self._send("save", wanted, request.send_before, self._confirm, self._card_result)

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return the saving's present state: `authenticate` has already gone on with it."""
        known = self._memory.intent(Kind.SAVING, request.attempt_id, request.reference)
        if known is None:
            return self._not_sent("complete_save", Kind.SAVING, request.attempt_id, "there is no such saving")
        fault = self._queued_fault("complete_save")
        return self._over_network(
            "complete_save", known.kind, known.attempt_id, fault, lambda: self._card_result(known)
        )

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Make sure that the saving cannot be completed, even if it never arrived: a stray `save` is `Cancelled`."""
        wanted = saving_tombstone(request, self._now())
        return self._send("cancel_save", wanted, None, self._close_intent, self._card_result)

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Tell the present state of the saving; `Cancelled` once its card was forgotten."""
        return self._find("find_card", Kind.SAVING, request.attempt_id, request.reference, self._card_result)

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Make the saved card unusable; one that is gone or never was is `Forgotten` too.

        Raises:
            GatewayInvalidRequest: if the card is another customer's.
        """
        with self._memory.transaction():
            kept = self._memory.card(card.token)
            if kept is not None and kept.customer_id != customer_id:
                raise GatewayInvalidRequest("is not this customer's", field="card")
            fault = self._queued_fault("forget")
            return self._over_network("forget", "card", card.token, fault, lambda: self._forgotten(kept))

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Found[CardDetails] | NotFound | Indeterminate:
        """Tell what the sandbox now knows of a saved card; `NotFound` once it was forgotten or detached."""

        def look() -> CardDetails | None:
            kept = self._memory.card(card.token)
            return None if kept is None or kept.forgotten or kept.customer_id != customer_id else kept.details

        return self._look_up("find_saved_card", look)

    def refund(self, request: RefundRequest) -> RefundResult:
        """Pay back, never more in all than was captured.

        Raises:
            GatewayInvalidRequest: if there is no such payment, the amount cannot be paid back in its currency, or
                the attempt had other parameters before.
            ChargeNotSettled: if the payment cannot be paid back yet.
        """
        payment, now = self._paid(request), self._now()
        settles_in = script_of(payment.token).settles_in
        if settles_in and now < payment.moved_at + settles_in:
            raise ChargeNotSettled("the payment has to settle first", field="charge_reference")
        wanted = refund_intent(request, payment, now)
        return self._send("refund", wanted, request.send_before, self._pay_back, refund_result)

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Tell the present state of the refund."""
        return self._find("find_refund", Kind.REFUND, request.attempt_id, None, refund_result)

    def find_after_capture(self, charge_reference: str) -> Found[AfterCapture] | NotFound | Indeterminate:
        """Tell all that left a captured payment again."""
        return self._look_up("find_after_capture", lambda: self._after_capture(charge_reference))

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """Verify a webhook over its raw body; any of the secrets may have signed it, within five minutes of now.

        Raises:
            NoticeRejected: for anything else.
        """
        return [verified_notice(body, headers, self._secrets, self._now())]

    # What the gateway has already -------------------------------------------------------------------------------

    def _kept(self, source: PaymentSource) -> KeptCard | None:
        """The saved card that is to pay, or None for a new one."""
        if isinstance(source, NewCard):
            script_of(source.token)
            return None
        kept = self._memory.card(source.token)
        if kept is None:
            raise GatewayInvalidRequest("is no card that the sandbox ever saved", field="source")
        return kept

    def _present_charge(self, payment: Intent) -> ChargeResult | Begun:
        return begun(payment) if payment.status is Status.CREATED else self._charge_result(payment)

    def _paid(self, request: RefundRequest) -> Intent:
        payment = self._memory.intent_at(request.charge_reference)
        if payment is None or payment.kind is not Kind.PAYMENT:
            raise GatewayInvalidRequest("names no payment at the sandbox", field="charge_reference")
        return payment

    def _after_capture(self, charge_reference: str) -> AfterCapture | None:
        payment = self._memory.intent_at(charge_reference)
        if payment is None or payment.kind is not Kind.PAYMENT or payment.status is not Status.SUCCEEDED:
            return None
        return after_capture(payment, self._memory.refunds(charge_reference), self._memory.disputes(charge_reference))

    def _forgotten(self, kept: KeptCard | None) -> Forgotten:
        if kept is not None and not kept.forgotten:
            self._forget(kept)
        return Forgotten()


def _unchanged(intent: Intent) -> Intent:
    return intent
