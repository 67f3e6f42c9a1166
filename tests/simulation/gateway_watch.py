"""What the gateway has and did, seen at every change and held against what the log knows at that moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from interact_ledger.gateways.sandbox import SandboxGateway
from simulation.scheduler import Scheduler
from simulation.violation import Violation
from simulation.witness import Witness

__all__ = ["GatewayWatch", "Held"]

OPEN = {"created", "pending", "action_required"}


class Held(NamedTuple):
    """A payment, saving or refund as the gateway has it."""

    kind: str
    reference: str
    attempt_id: str
    operation_id: str
    account_id: str
    status: str

    @property
    def is_ours(self) -> bool:
        """Whether the ledger asked for it, and nobody in the dashboard."""
        return bool(self.operation_id)

    @property
    def is_open(self) -> bool:
        """Whether money may yet move, or a card be saved."""
        return self.status in OPEN or (self.kind == "payment" and self.status == "declined")


class GatewayWatch:
    """An observer at the gateway."""

    def __init__(self, sandbox: SandboxGateway, scheduler: Scheduler, witness: Witness) -> None:
        self._rows = sandbox._memory._rows
        self._scheduler = scheduler
        self._witness = witness
        self._moved: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
        self._keeps_promises = scheduler.plan.keeps_promises

    def held(self) -> list[Held]:
        rows = self._rows(
            "SELECT kind, reference, attempt_id, operation_id, account_id, status FROM intents ORDER BY number"
        )
        return [Held(*row) for row in rows]

    def kept_cards(self) -> list[tuple[str, str, str]]:
        """Return token, account and attempt of each card that can be charged."""
        rows = self._rows("SELECT card_token, account_id, attempt_id FROM cards WHERE NOT forgotten ORDER BY number")
        return [(row[0], row[1], row[2]) for row in rows]

    def look(self) -> None:
        """See what has changed, and hold it against the log."""
        held = self.held()
        for one in held:
            moves = self._moved.setdefault((one.kind, one.attempt_id), [])
            if not moves or moves[-1][1] != one.status:
                moves.append((self._scheduler.now, one.status))
                self._scheduler.tell(f"gateway: {one.kind} {one.attempt_id[-8:]} is {one.status}")
        self._check(held)

    def status_at(self, kind: str, attempt_id: str, moment: datetime) -> str | None:
        """Return what was to be seen of an attempt at a moment."""
        seen = None
        for moved_at, status in self._moved.get((kind, attempt_id), ()):
            if moved_at <= moment:
                seen = status
        return seen

    def reference_of(self, kind: str, attempt_id: str) -> str:
        return next(one.reference for one in self.held() if (one.kind, one.attempt_id) == (kind, attempt_id))

    def check(self) -> None:
        self._check(self.held())

    def check_cards_known(self) -> None:
        """Once all is told, whatever the gateway did unasked for, the log knows each card that it keeps."""
        for token, account_id, _ in self.kept_cards():
            if token not in self._witness.accounts[account_id].cards:
                raise Violation("I11", f"{token} is kept and unknown to the log")

    def _check(self, held: Iterable[Held]) -> None:
        moved: Counter[str] = Counter()
        for one in held:
            if not one.is_ours:
                continue
            operation = self._witness.operations.get(one.operation_id)
            if operation is None or one.attempt_id not in operation.attempts:
                raise Violation("I11", f"{one} is at the gateway without an intent in the log")
            if one.is_open and not operation.is_open and self._keeps_promises:
                raise Violation("I11", f"{one} can yet be moved, and the log takes its operation for over")
            if one.kind != "saving" and one.status == "succeeded":
                moved[one.operation_id] += 1
        for operation_id, times in moved.items():
            if times > 1 and self._keeps_promises:
                raise Violation("I2", f"{operation_id} was captured or paid back {times} times")
        for token, account_id, attempt_id in self.kept_cards():
            self._check_card(token, account_id, attempt_id.rpartition(".")[0])

    def _check_card(self, token: str, account_id: str, operation_id: str) -> None:
        operation = self._witness.operations[operation_id]
        known = self._witness.accounts[account_id].cards.get(token)
        if not operation.may_keep_card:
            raise Violation("rule 6", f"a card is kept by {operation_id}, which did not choose to save it")
        if known is None and not operation.is_open and self._keeps_promises:
            raise Violation("I11", f"a card kept by {operation_id} is unknown to the log")
        if known is not None and known.is_removed:
            raise Violation("I11", f"a card kept by {operation_id} is still there, and the log says it is removed")
