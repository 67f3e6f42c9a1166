"""The network between the ledger and the sandbox: what is sent over it, and how it fails on request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from interact_ledger.clock import Clock
from interact_ledger.errors import GatewayCustomerGone, GatewayInvalidRequest
from interact_ledger.gateways.protocol import Found, Indeterminate, NotAttempted, NotFound, Unknown
from interact_ledger.gateways.sandbox.memory import Intent, Kind
from interact_ledger.gateways.sandbox.tokens import Fault, Status, script_of
from interact_ledger.gateways.sandbox.world import SandboxWorld

__all__ = ["SandboxNetwork"]

Result = TypeVar("Result")

VERBS = frozenset(
    {
        *("link_customer", "begin", "charge", "cancel", "save", "complete_save", "cancel_save", "forget", "refund"),
        *("find_charge", "find_card", "find_refund", "find_saved_card", "find_after_capture"),
    }
)
_CONFIRMING = ("charge", "save")


class SandboxNetwork(SandboxWorld):
    """The sandbox's server behind a network that loses what it is told to lose, and remembers what was sent."""

    lookups_available: bool
    """Set to False for an outage: every look-up is `Indeterminate` until it is set to True again."""

    def __init__(self, path: str | Path, clock: Clock, secrets: Sequence[str]) -> None:
        super().__init__(path, clock, secrets)
        self._faults: dict[str, deque[Fault]] = {verb: deque() for verb in VERBS}
        self.lookups_available = True

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
            intent = _continued(known, wanted)
            if known is None and send_before is not None:
                self._refuse_deleted(wanted.customer_id)
            if send_before is not None and self._now() >= send_before and _would_change(verb, known):
                return self._not_sent(verb, wanted.kind, wanted.attempt_id, "send_before has passed")
            fault = self._queued_fault(verb) or _scripted_fault(verb, intent)

            def act() -> Result:
                if known is None:
                    self._memory.add_intent(intent)
                return result(effect(intent))

            reference = known.reference if known else None
            return self._over_network(verb, wanted.kind, wanted.attempt_id, fault, act, reference=reference)

    def _refuse_deleted(self, customer_id: str | None) -> None:
        if customer_id is not None and self._memory.is_deleted(customer_id):
            raise GatewayCustomerGone("was deleted at the sandbox", field="customer_id")

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
        result: Callable[[Intent], Result],
    ) -> Found[Result] | NotFound | Indeterminate:
        def look() -> Result | None:
            intent = self._memory.intent(kind, attempt_id, reference)
            return None if intent is None else result(intent)

        return self._look_up(verb, look)

    def _look_up(self, verb: str, look: Callable[[], Result | None]) -> Found[Result] | NotFound | Indeterminate:
        if not self.lookups_available or self._queued_fault(verb):
            return Indeterminate(why="the sandbox's look-ups are not available")
        found = look()
        return NotFound() if found is None else Found(found)

    def _repeated(self, wanted: Intent) -> Intent | None:
        known = self._memory.intent(wanted.kind, wanted.attempt_id)
        if known is not None and not known.agrees_with(wanted):
            raise GatewayInvalidRequest("was used before with other parameters", field="attempt_id")
        return known


def _continued(known: Intent | None, wanted: Intent) -> Intent:
    """Return the intent that a request is about; one that was only begun takes its card from the request."""
    if known is None:
        return wanted
    if known.status is not Status.CREATED:
        return known
    return replace(
        known, source_fingerprint=wanted.source_fingerprint, token=wanted.token, card_token=wanted.card_token
    )


def _would_change(verb: str, known: Intent | None) -> bool:
    """Whether sending this would do more than tell the present state."""
    return known is None or (known.status is Status.CREATED and verb != "begin")


def _scripted_fault(verb: str, intent: Intent) -> Fault | None:
    """What the token says befalls the request; only the one that confirms, once, and only with a new card."""
    if verb not in _CONFIRMING or intent.card_token is not None or intent.status is not Status.CREATED:
        return None
    return script_of(intent.token).fault
