"""One seed from its beginning to its end."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from interact_ledger import LedgerError
from interact_ledger.gateways.sandbox.tokens import Status
from simulation.claims import Claims
from simulation.customers import Customers, Request
from simulation.ending import end
from simulation.gateway_watch import Held
from simulation.process import Process
from simulation.scheduler import OPERATOR, ProcessDied
from simulation.violation import Violation
from simulation.world import World

__all__ = ["Outcome", "tell"]

MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one."""
NEVER = {"corrupt_log", "configuration_error", "idempotency_conflict", "gateway_invalid_request", "schema_too_new"}
"""What no request of the story may be answered with."""
UNSETTLED = {"requested", "unknown", "pending", "action_required", "not_attempted"}
TRY_AGAIN = {"busy", "storage_unavailable", "gateway_error"}
THOUGHTS = [timedelta(seconds=seconds) for seconds in (0, 0, 0, 0, 0, 0, 0.05, 3, 65, 700, 4000)]
OPERATIONS = [*["recover"] * 7, *["receive"] * 4, *["run_due"] * 4, "audit"]
NOTICES = 0.2
"""How often a worker takes a notice before it serves a customer."""
RETURNED = 0.8
"""How often a bank sends back a refund that the world looks at."""
LONG = 0.7
"""How often a bank that the world looks at lets a refund wait on."""
ACKNOWLEDGED = 0.6
"""How often the gateway understands that it need not send a notice again."""
ROUNDS = [timedelta(seconds=seconds) for seconds in (0.02, 0.5, 30, 90, 600, 4000)]


@dataclass
class Outcome:
    """What one seed came to."""

    seed: int
    steps: int = 0
    captures: int = 0
    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    violation: Violation | None = None
    trace: list[str] = field(default_factory=list)
    digest: str = ""
    """Of the trace and of every byte that was stored."""


def tell(seed: int, *, with_trace: bool = False) -> Outcome:
    """Tell a seed's story, up to its end or to the first violation."""
    outcome = Outcome(seed)
    with _directory() as directory:
        world = World(Random(seed), directory)
        try:
            Story(world).run()
        except Violation as violation:
            outcome.violation = violation
        finally:
            scheduler = world.scheduler
            outcome.steps = len(scheduler.trace)
            outcome.captures = len(world.witness.captures)
            outcome.events = len(world.witness.seen)
            outcome.faults = scheduler.faults
            if with_trace:
                outcome.trace = [f"{moment:%d %H:%M:%S.%f} {who:<6} {what}" for moment, who, what in scheduler.trace]
                outcome.digest = _digest(world, outcome.trace)
            world.close()
    return outcome


class Story:
    """Processes that serve customers, an operator, and the world around them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._scheduler = world.scheduler
        self._chance = world.chance
        self._customers = Customers(world.chance, world.plan)
        self._claims = Claims(world)

    def run(self) -> None:
        self._prepare()
        for number in range(self._world.plan.processes):
            self._start(with_operator=number == 0)
        self._scheduler.spawn("world", self._surroundings)
        self._scheduler.run()
        self._scheduler.calm = True
        end(self._world, self._customers, self._claims, self.receive_notice)

    def _prepare(self) -> None:
        """Let the accounts be opened and the first quotes made before anything goes wrong."""
        self._scheduler.calm = True
        process = self._world.started()
        for request in self._customers.beginning():
            self._serve(process, request)
        self._world.ended(process)
        self._scheduler.calm = False

    # Processes --------------------------------------------------------------------------------------------------

    def _start(self, *, with_operator: bool) -> None:
        process = self._world.started()
        for number in range(self._world.plan.threads):
            self._spawn(process, f"{process.name}.{number}", self._work, with_operator=with_operator)
        if with_operator:
            self._spawn(process, process.name + OPERATOR, self._operate, with_operator=True)

    def _spawn(self, process: Process, name: str, body: Any, *, with_operator: bool) -> None:
        def thread() -> None:
            try:
                body(process)
            except ProcessDied:
                if self._scheduler.threads_of(process) == 1:
                    self._world.ended(process)
                    self._start(with_operator=with_operator)

        self._scheduler.spawn(name, thread, process)

    def _work(self, process: Process) -> None:
        while request := self._customers.next():
            if self._chance.random() < NOTICES:
                self.receive_notice(process)
            self._serve(process, request)
            self._scheduler.sleep(self._chance.choice(THOUGHTS))

    def _operate(self, process: Process) -> None:
        while self._scheduler.workers > 0:
            self._scheduler.sleep(self._scheduler.until_boundary() or self._chance.choice(ROUNDS))
            verb = self._chance.choice(OPERATIONS)
            if verb == "receive":
                self.receive_notice(process)
            else:
                self._serve(process, Request(0, verb, lambda ledger, verb=verb: getattr(ledger, verb)()))

    def receive_notice(self, process: Process) -> bool:
        """Deliver one of the notices that are due, in any order; some come again though they were acknowledged."""
        due = self._world.sandbox.notices_due()
        if not due:
            return False
        notice = self._chance.choice(due)
        may_be_foreign = self._may_be_foreign(notice.body)

        def keep(received: list[Any]) -> None:
            outcomes = {one.outcome.value for one in received}
            if "foreign" in outcomes and not may_be_foreign:
                raise Violation("notices", f"taken for foreign: {received}")
            self._scheduler.tell(f"notice {notice.notice_id[-8:]}: {outcomes.pop()}")
            explained = all(one.is_acknowledged and one.outcome != "unexplained" for one in received)
            if explained and self._chance.random() < ACKNOWLEDGED:
                self._world.sandbox.acknowledge(notice.notice_id)

        self._serve(
            process,
            Request(0, "receive", lambda ledger: ledger.receive("sandbox", notice.body, notice.headers), keep=keep),
        )
        return True

    def _may_be_foreign(self, body: bytes) -> bool:
        """Say whether nothing tells yet that a notice is about us: it is, once its charge's own notice is heard."""
        told = json.loads(body)
        is_named = told["operation_id"] or told["customer_id"]
        return not is_named and told["charge_reference"] not in self._world.witness.captures

    def _serve(self, process: Process, request: Request) -> None:
        scheduler = self._scheduler
        scheduler.tell(f"asks {request}")
        had_succeeded = request.succeeded
        try:
            answer = request.call(process.ledger)
        except LedgerError as error:
            scheduler.tell(f"refused {request}: {error.code}")
            request.settled = error.code not in TRY_AGAIN
            if error.code in NEVER:
                raise Violation("errors", f"{request}: {error!r}") from error
            return
        except Exception as error:
            raise Violation("errors", f"{request}: {error!r}") from error
        status = getattr(answer, "status", "")
        scheduler.tell(f"answers {request} {status}")
        self._check_answer(request, answer, had_succeeded=had_succeeded)
        request.keep(answer)
        request.settled = status not in UNSETTLED

    def _check_answer(self, request: Request, answer: Any, *, had_succeeded: bool) -> None:
        """I10: what somebody was told is stored, and stays so."""
        witness = self._world.witness
        if request.operation_id is not None and request.operation_id not in witness.started:
            raise Violation("I10", f"{request} was answered and is not stored")
        if request.what.startswith("checkout") and answer.quote_id not in witness.quotes:
            raise Violation("I10", f"{request} was answered and is not stored")
        if request.what.startswith("top_up") and request.operation_id is not None:
            if answer.status == "succeeded":
                request.succeeded = True
                if not witness.operations[request.operation_id].captured:
                    raise Violation("I10", f"{request} was said to have succeeded, and no capture is stored")
            elif answer.status == "reversed":
                self._check_reversed(request)
            elif had_succeeded:
                raise Violation("I10", f"{request} was said to have succeeded before, and now is {answer.status}")
        if request.what == "audit" and answer.integrity:
            raise Violation("audit", f"{answer.integrity[:3]}")
        if request.what in {"recover", "run_due"}:
            failed = [one for one in answer if one.outcome.startswith("failed") or one.outcome.split(":")[0] in NEVER]
            if failed:
                raise Violation("errors", f"{request.what}: {failed}")

    def _check_reversed(self, request: Request) -> None:
        witness = self._world.witness
        charges = [witness.charges.by_reference[one] for one in witness.operations[request.operation_id].captured]
        if not any(charge.is_reversed for charge in charges):
            raise Violation("I10", f"{request} was said to be reversed, and no such thing is stored")

    # The world around them --------------------------------------------------------------------------------------

    def _surroundings(self) -> None:
        """Customers in their browsers, the card network, and clocks that are set."""
        while self._scheduler.workers > 0:
            self._scheduler.sleep(self._chance.choice(ROUNDS))
            if self._chance.random() < 0.2 and self._world.processes:
                self._chance.choice(self._world.processes).set_clock()
            elif self._chance.random() < self._world.plan.claims:
                self._claims.act()
            else:
                self._act_at_gateway()

    def _act_at_gateway(self) -> None:
        sandbox, watch = self._world.sandbox, self._world.watch
        open_ones = [
            one for one in watch.held() if one.status != Status.CREATED and (one.is_open or self._returns(one))
        ]
        if not open_ones:
            return
        one = self._chance.choice(open_ones)
        succeed = self._chance.random() < 0.75
        self._scheduler.tell(f"world moves {one.kind} {one.attempt_id[-8:]}, {one.status}: {succeed}")
        if one.status == Status.ACTION_REQUIRED:
            sandbox.authenticate(one.reference, succeed=succeed)
        elif one.kind == "refund" and one.status == Status.PENDING and self._chance.random() < LONG:
            return
        elif one.status == Status.PENDING:
            sandbox.settle(one.reference, succeed=succeed)
        elif one.kind == "refund" and self._chance.random() < RETURNED:
            sandbox.return_refund(one.reference)
        elif one.kind == "payment" and one.status == Status.DECLINED and succeed:
            sandbox.pay_in_browser(one.reference, "tok_visa")
        watch.look()

    def _returns(self, one: Held) -> bool:
        """Say whether a bank may send a refund back."""
        return (one.kind, one.status) == ("refund", "succeeded")


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="simulation-") as name:
        yield Path(name)


def _digest(world: World, trace: list[str]) -> str:
    digest = hashlib.sha256("\n".join(trace).encode())
    with suppress(Exception):
        for line in world.witness._connection.iterdump():
            digest.update(line.encode())
        for line in world.sandbox._memory._connection.iterdump():
            digest.update(line.encode())
    return digest.hexdigest()
