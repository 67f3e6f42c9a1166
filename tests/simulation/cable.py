"""The way from one process to the gateway, on which whatever can go wrong between them does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from interact_ledger.clock import Clock
from interact_ledger.errors import GatewayError
from interact_ledger.gateways.protocol import (
    Begun,
    Capabilities,
    Found,
    Indeterminate,
    Initiator,
    NotAttempted,
    NotFound,
    Unknown,
)
from interact_ledger.gateways.sandbox import SandboxGateway
from simulation.gateway_watch import GatewayWatch
from simulation.scheduler import Scheduler
from simulation.violation import Violation

__all__ = ["Cable"]

RISK = 8
"""How much likelier a process sleeps or dies here than elsewhere."""
MORE_TROUBLE = 4
"""For how many calls it is likely after one that failed."""
CHARGES = {"begin", "charge", "save"}
LOOKUPS = {"find_charge": "payment", "find_card": "saving", "find_refund": "refund"}
NEVER_LATE = ("find_after_capture", "find_saved_card")
CHANGES = {"begin", "charge", "cancel", "save", "complete_save", "cancel_save", "forget", "refund"}


class Cable:
    """An adapter in one process: it takes the time from that process, and its calls go wrong.

    Args:
        sandbox: the gateway's own side, which all processes share.
        clock: the process's.
        scheduler: says what goes wrong.
        watch: sees what a call did.
        clocks_differ: by how much two clocks may differ.
    """

    def __init__(
        self,
        sandbox: SandboxGateway,
        clock: Clock,
        scheduler: Scheduler,
        watch: GatewayWatch,
        clocks_differ: timedelta,
    ) -> None:
        self._sandbox = sandbox
        self._clock = clock
        self._scheduler = scheduler
        self._watch = watch
        self._clocks_differ = clocks_differ
        self._more_trouble = 0
        self.gateway_id = sandbox.gateway_id
        self.capabilities: Capabilities = sandbox.capabilities

    def __getattr__(self, name: str) -> Any:
        if name in LOOKUPS:
            return lambda request: self._look_up(name, request)
        if name in CHANGES:
            return lambda *arguments: self._change(name, *arguments)
        if name in NEVER_LATE:
            return lambda *arguments: self._ask(name, *arguments)
        raise AttributeError(name)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Any:
        self._scheduler.point("notices")
        return self._sandbox.notices(body, headers)

    def link_customer(self, account_id: str) -> str:
        self._scheduler.point("link_customer")
        if self._scheduler.fails("gateway", self._scheduler.plan.gateway_faults / 4):
            raise GatewayError("simulated: the gateway could not be reached")
        customer_id = self._sandbox.link_customer(account_id)
        self._scheduler.point("linked")
        return customer_id

    def _change(self, verb: str, request: Any, *rest: Any) -> Any:
        scheduler = self._scheduler
        if verb == "begin" and not scheduler.plan.begins:
            return None
        automatic = getattr(request, "initiator", Initiator.CUSTOMER) is not Initiator.CUSTOMER
        if verb in CHARGES and scheduler.is_operating and not automatic:
            raise Violation("recovery", f"recovery called {verb}")
        self._note_boundaries(request)
        scheduler.point(f"{verb} {self._named(request)}", risk=RISK)
        fault = None
        self._more_trouble -= 1
        goes_on = self._more_trouble >= 0
        if scheduler.fails("gateway", 0.5 if goes_on else scheduler.plan.gateway_faults):
            self._more_trouble = MORE_TROUBLE
            fault = scheduler.chance.choice(self._faults(goes_on=goes_on))
            scheduler.count(f"gateway {fault}")
            scheduler.tell(f"{verb}: {fault}")
        if fault == "refused":
            return NotAttempted(why="simulated: the connection was refused")
        if fault == "before":
            return Unknown(why="simulated: the request timed out")
        send = self._sending(verb, request, rest)
        if fault == "late":
            scheduler.later(self._delay(), lambda: self._arrive(send))
            return Unknown(why="simulated: the answer timed out")
        result = self._arrive(send)
        if fault == "after":
            return Unknown(why="simulated: the answer timed out")
        scheduler.point(f"{verb} is {type(result).__name__}", risk=RISK)
        return result

    def _delay(self) -> timedelta:
        """Return how long a request is under way whose answer is not waited for."""
        chance = self._scheduler.chance
        if self._scheduler.plan.keeps_promises:
            return self.capabilities.settles_within * chance.choice([0, chance.random(), 0.999])
        return self.capabilities.safe_delay + timedelta(hours=2) * chance.random()

    def _faults(self, *, goes_on: bool) -> Sequence[str]:
        if not self._scheduler.plan.keeps_promises:
            return ["late", "late", "late", "after", "refused"]
        return ["refused", "refused", "before", "after", "late"] if goes_on else ["refused", "before", "after", "late"]

    def _note_boundaries(self, request: Any) -> None:
        send_before = getattr(request, "send_before", None)
        if send_before is not None:
            settled = send_before + self.capabilities.settles_within
            visible = settled + self.capabilities.lookup_lag
            self._scheduler.boundaries += [send_before, settled, visible, visible + self._clocks_differ]

    def _sending(self, verb: str, request: Any, rest: tuple[Any, ...]) -> Callable[[], Any]:
        """Look at the clock as the last thing before sending; how long the request then takes is the network's."""
        method = getattr(self._sandbox, verb)
        send_before = getattr(request, "send_before", None)
        if send_before is None or verb in {"cancel", "cancel_save", "complete_save"}:
            return lambda: method(request, *rest)
        moment = self._scheduler.now
        in_time = self._clock.now() < send_before
        passed = replace(request, send_before=moment + timedelta(days=1) if in_time else moment - timedelta(days=1))
        return lambda: method(passed, *rest)

    def _arrive(self, send: Callable[[], Any]) -> Any:
        result = send()
        self._watch.look()
        return result

    def _look_up(self, verb: str, request: Any) -> Any:
        scheduler = self._scheduler
        scheduler.point(f"{verb} {self._named(request)}")
        if scheduler.fails("look-up", scheduler.plan.lookup_faults):
            return Indeterminate(why="simulated: no look-ups now")
        result = getattr(self._sandbox, verb)(request)
        if scheduler.fails("look-up lags", scheduler.plan.lookup_faults):
            result = self._as_of_before(LOOKUPS[verb], request, result)
        scheduler.point(f"{verb} is {type(getattr(result, 'result', result)).__name__}")
        return result

    def _ask(self, verb: str, *arguments: Any) -> Any:
        """Look up what an adapter tells as it is now, or not at all."""
        self._scheduler.point(verb)
        if self._scheduler.fails("look-up", self._scheduler.plan.lookup_faults):
            return Indeterminate(why="simulated: no look-ups now")
        return getattr(self._sandbox, verb)(*arguments)

    def _as_of_before(self, kind: str, request: Any, result: Any) -> Any:
        """Answer with what was there a while ago, no longer than the gateway says that its look-ups lag."""
        lag = self.capabilities.lookup_lag * self._scheduler.chance.choice([self._scheduler.chance.random(), 0.999])
        status = self._watch.status_at(kind, request.attempt_id, self._scheduler.now - lag)
        if status is None:
            return NotFound()
        if status == "created" and isinstance(result, Found):
            return Found(Begun(reference=self._watch.reference_of(kind, request.attempt_id)))
        return result

    @staticmethod
    def _named(request: Any) -> str:
        return str(getattr(request, "attempt_id", "a card"))[-8:]
