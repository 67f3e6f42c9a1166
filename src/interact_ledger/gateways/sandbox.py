"""A payment gateway for development, tests and simulation: no network, no money, no chance.

It plays both sides. As a *gateway* it keeps payments, savings, refunds and cards in an SQLite file of its own, which
outlives our process and can be asked what it really captured. As an *adapter* it follows the protocol over a
network that fails on request. Every answer is scripted by a well-known token (`SANDBOX_TOKENS`), and every reference
is derived from the attempt's id, so that the same calls give the same bytes on every run and machine.

What the protocol leaves to a gateway, here:

- A declined payment can still be paid by the browser (`pay_in_browser`) until it is cancelled; a pending one cannot be
  cancelled, and `cancel` then says so.
- Past `send_before` a request changes nothing: an attempt that was confirmed before tells its present state, one that
  may have been sent is `Unknown`, any other is `NotAttempted`. Cancelling and looking up are always allowed.
- A payment that was begun and not confirmed is found as `NotAttempted`.
- Another customer's saved card is declined as unusable; a saved token that never existed is an invalid request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from interact_ledger.clock import Clock
from interact_ledger.errors import GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    Begun,
    Capabilities,
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
from interact_ledger.gateways.sandbox_memory import Intent, KeptCard, Kind
from interact_ledger.gateways.sandbox_notices import Delivery, verified_notice
from interact_ledger.gateways.sandbox_requests import (
    client_secret_of,
    derived,
    payment_intent,
    refund_intent,
    sandbox_capabilities,
    saving_intent,
    tombstone,
)
from interact_ledger.gateways.sandbox_server import Captured, Chargeable, SandboxServer
from interact_ledger.gateways.sandbox_tokens import SANDBOX_TOKENS, Fault, Script, Status, script_of

__all__ = [
    "SANDBOX_TOKENS",
    "Captured",
    "Chargeable",
    "Delivery",
    "Fault",
    "KeptCard",
    "SandboxGateway",
    "Script",
]

Result = TypeVar("Result")
Lookup = TypeVar("Lookup", ChargeResult, CardResult, RefundResult)

VERBS = frozenset(
    {
        *("link_customer", "begin", "charge", "cancel", "save", "complete_save", "forget", "refund"),
        *("find_charge", "find_card", "find_refund"),
    }
)
REPLAY_WINDOW = timedelta(days=3650)
SETTLES_WITHIN = timedelta(seconds=60)
LOOKUP_LAG = timedelta(0)


class SandboxGateway(SandboxServer):
    """The sandbox as the ledger sees it: an adapter that follows the protocol of `gateways.protocol`.

    Its server's side comes with it (`captured`, `chargeable`, `authenticate`, `settle`, `notices_due`, …), and
    `fail_next` and `lookups_available` make the network between the two fail.
    """

    lookups_available: bool
    """Set to False for an outage: every look-up is `Indeterminate` until it is set to True again."""

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
            clock: where it takes the time from; the operating system by default.
            secrets: webhook secrets, newest first: the first signs, all are accepted.
            replay_window: how long it says that repeating an attempt is safe (it always is).
            settles_within: how long it says that a timed-out request may still work (none does).
            lookup_lag: how far it says that look-ups lag (none do).

        Raises:
            GatewayMisconfigured: if the file cannot be used or a secret is empty.
        """
        super().__init__(path, clock, secrets)
        self._capabilities = sandbox_capabilities(replay_window, settles_within, lookup_lag)
        self._faults: dict[str, deque[Fault]] = {verb: deque() for verb in VERBS}
        self.lookups_available = True

    @property
    def gateway_id(self) -> str:
        """The name under which events know the sandbox."""
        return "sandbox"

    @property
    def capabilities(self) -> Capabilities:
        """What the sandbox can do: everything, in many currencies."""
        return self._capabilities

    def fail_next(self, verb: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next calls of a method fail; several such wishes queue up.

        A look-up that fails is `Indeterminate`, whatever the fault; `link_customer` raises.

        Args:
            verb: the method's name, for example `charge`.
            fault: how it fails.
            times: how many calls.
        """
        if verb not in VERBS:
            raise GatewayInvalidRequest(f"is not one of {', '.join(sorted(VERBS))}", field="verb")
        self._faults[verb].extend([fault] * times)

    # The protocol -----------------------------------------------------------------------------------------------

    def link_customer(self, account_id: str) -> str:
        """Return the customer's id, which follows from the account's."""
        if self._queued_fault("link_customer"):
            raise GatewayError("the sandbox could not be reached")
        return derived("cus", account_id)

    def begin(self, request: ChargeRequest) -> Begun | NotAttempted | Unknown:
        """Create an unconfirmed payment, which nobody can pay before `charge` confirms it.

        Raises:
            GatewayInvalidRequest: for a token, amount or currency that the sandbox does not take, or if the attempt
                was begun with other parameters.
        """
        return self._send(
            "begin",
            payment_intent(request, self._kept(request.source), self._now()),
            request.send_before,
            _unchanged,
            _begun,
        )

    def charge(self, request: ChargeRequest) -> ChargeResult:
        """Confirm the payment, creating it if need be; a repeat charges nothing and tells the present state.

        Raises:
            GatewayInvalidRequest: as `begin`.
        """
        return self._send(
            "charge",
            payment_intent(request, self._kept(request.source), self._now()),
            request.send_before,
            self._confirm,
            self._charge_result,
        )

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Make sure that the attempt cannot be paid, even if it never arrived: a stray `charge` is then `Cancelled`.

        `request.source` may hold an empty token.
        """
        return self._send("cancel", tombstone(request, self._now()), None, self._close_intent, self._charge_result)

    def find_charge(self, request: ChargeRequest) -> Found | NotFound | Indeterminate:
        """Tell the present state of the attempt, or else of the payment under `request.reference`."""
        return self._find("find_charge", Kind.PAYMENT, request.attempt_id, request.reference, self._charge_result)

    def save(self, request: CardRequest) -> CardResult:
        """Save a card, following the same script as a payment with its token would.

        Raises:
            GatewayInvalidRequest: for an unknown token, or if the attempt had other parameters before.
        """
        return self._send(
            "save", saving_intent(request, self._now()), request.send_before, self._confirm, self._card_result
        )

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return the saving's present state: `authenticate` has already gone on with it."""
        known = self._memory.intent(Kind.SAVING, request.attempt_id, request.reference)
        if known is None:
            return self._not_sent("complete_save", Kind.SAVING, request.attempt_id, "there is no such saving")
        fault = self._queued_fault("complete_save")
        return self._over_network(
            "complete_save", known.kind, known.attempt_id, fault, lambda: self._card_result(known)
        )

    def find_card(self, request: CardRequest) -> Found | NotFound | Indeterminate:
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

    def refund(self, request: RefundRequest) -> RefundResult:
        """Pay back, never more in all than was captured.

        Raises:
            GatewayInvalidRequest: if there is no such payment, the amount cannot be paid back in its currency, or
                the attempt had other parameters before.
        """
        return self._send(
            "refund",
            refund_intent(request, self._paid(request), self._now()),
            request.send_before,
            self._pay_back,
            self._refund_result,
        )

    def find_refund(self, request: RefundRequest) -> Found | NotFound | Indeterminate:
        """Tell the present state of the refund."""
        return self._find("find_refund", Kind.REFUND, request.attempt_id, None, self._refund_result)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """Verify a webhook over its raw body; any of the secrets may have signed it, within five minutes of now.

        Raises:
            NoticeRejected: for anything else.
        """
        return [verified_notice(body, headers, self._secrets, self._now())]

    # The network ------------------------------------------------------------------------------------------------

    def _send(
        self,
        verb: str,
        wanted: Intent,
        send_before: datetime | None,
        effect: Callable[[Intent], Intent],
        result: Callable[[Intent], Result],
    ) -> Result | NotAttempted | Unknown:
        """Send one request that may change an intent; the intent, the try and the effect commit together."""
        with self._memory.transaction():
            known = self._repeated(wanted)
            if send_before is not None and self._now() >= send_before and _would_change(verb, known):
                return self._not_sent(verb, wanted.kind, wanted.attempt_id, "send_before has passed")
            fault = self._queued_fault(verb) or _scripted_fault(verb, known or wanted)
            return self._over_network(
                verb,
                wanted.kind,
                wanted.attempt_id,
                fault,
                lambda: result(effect(known or self._memory.add_intent(wanted))),
                reference=known.reference if known else None,
            )

    def _over_network(
        self,
        verb: str,
        kind: str,
        attempt_id: str,
        fault: Fault | None,
        act: Callable[[], Result],
        *,
        reference: str | None = None,
    ) -> Result | NotAttempted | Unknown:
        if fault is Fault.REFUSED:
            return self._not_sent(verb, kind, attempt_id, "the connection was refused")
        self._memory.add_try(kind, attempt_id, verb)
        if fault is Fault.BEFORE:
            return Unknown(why="the request timed out", reference=reference)
        answer = act()
        return Unknown(why="the answer timed out", reference=reference) if fault is Fault.AFTER else answer

    def _not_sent(self, verb: str, kind: str, attempt_id: str, why: str) -> NotAttempted | Unknown:
        """Nothing was sent now, but an earlier try may have arrived, and that is what counts.

        For `charge`, having begun is no such try: beginning charges nothing.
        """
        if self._memory.was_tried(kind, attempt_id, not_counting="begin" if verb == "charge" else ""):
            return Unknown(why=f"{why}, and an earlier try may have arrived")
        return NotAttempted(why=why)

    def _queued_fault(self, verb: str) -> Fault | None:
        try:
            return self._faults[verb].popleft()
        except IndexError:
            return None

    def _find(
        self,
        verb: str,
        kind: Kind,
        attempt_id: str,
        reference: str | None,
        result: Callable[[Intent], Lookup],
    ) -> Found | NotFound | Indeterminate:
        if not self.lookups_available or self._queued_fault(verb):
            return Indeterminate(why="the sandbox's look-ups are not available")
        intent = self._memory.intent(kind, attempt_id, reference)
        return NotFound() if intent is None else Found(result(intent))

    # What the gateway has already -------------------------------------------------------------------------------

    def _repeated(self, wanted: Intent) -> Intent | None:
        known = self._memory.intent(wanted.kind, wanted.attempt_id)
        fingerprints = {known.fingerprint, wanted.fingerprint} - {None} if known else set()
        if len(fingerprints) > 1:
            raise GatewayInvalidRequest("was used before with other parameters", field="attempt_id")
        return known

    def _kept(self, source: PaymentSource) -> KeptCard | None:
        """The saved card that is to pay, or None for a new one."""
        if isinstance(source, NewCard):
            script_of(source.token)
            return None
        kept = self._memory.card(source.token)
        if kept is None:
            raise GatewayInvalidRequest("is no card that the sandbox ever saved", field="source")
        return kept

    def _paid(self, request: RefundRequest) -> Intent:
        payment = self._memory.intent_at(request.charge_reference)
        if payment is None or payment.kind is not Kind.PAYMENT:
            raise GatewayInvalidRequest("names no payment at the sandbox", field="charge_reference")
        return payment

    def _forgotten(self, kept: KeptCard | None) -> Forgotten:
        if kept is not None and not kept.forgotten:
            self._forget(kept)
        return Forgotten()


def _unchanged(intent: Intent) -> Intent:
    return intent


def _begun(intent: Intent) -> Begun:
    return Begun(reference=intent.reference, client_secret=client_secret_of(intent.reference))


def _would_change(verb: str, known: Intent | None) -> bool:
    """Whether sending this would do more than tell the present state."""
    return known is None or (known.status is Status.CREATED and verb != "begin")


def _scripted_fault(verb: str, intent: Intent) -> Fault | None:
    """What the token says befalls the request; only the one that confirms, once, and only with a new card."""
    if intent.token is None or intent.card_token is not None or intent.status is not Status.CREATED:
        return None
    fault = SANDBOX_TOKENS[intent.token].fault
    confirms = verb in ("charge", "save")
    return fault if confirms or (verb == "begin" and fault is Fault.REFUSED) else None
