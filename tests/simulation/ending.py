"""What must hold once everything is repaired, time has passed and recovery has run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from moneyed import Money

from interact_ledger import Ledger, LedgerError
from simulation.claims import Claims
from simulation.customers import Customers
from simulation.process import Process
from simulation.violation import Violation
from simulation.world import World

__all__ = ["end"]

NOTICES_MAX = 300
REPEATED = 4


def end(world: World, customers: Customers, claims: Claims, receive_notice: Callable[[Process], bool]) -> None:
    """Repair everything, let time pass, recover, and check."""
    one, other = world.started(), world.started()
    accounts = [account_id for account_id in customers.accounts if account_id in world.witness.accounts]
    _end_agreements(one.ledger, accounts)
    claims.decide_all()
    _settle_down(world, receive_notice, one, other)
    _check(world, one, accounts)
    claims.decide_all()
    _repeat(world, customers, one, other)
    _settle_down(world, receive_notice, other, one)
    _check(world, other, accounts)
    _check_audit(world, other)
    _check_replay(world, one, other)
    if world.chance.random() < 0.25:
        _check_rebuild(world, other.ledger)


def _end_agreements(ledger: Ledger, accounts: list[str]) -> None:
    """Have no card charged automatically any more, so that everything comes to an end."""
    for account_id in accounts:
        agreed = ledger.automatic_payments(account_id)
        if agreed.auto_top_up is not None:
            ledger.disable_auto_top_up(account_id)
        if agreed.monthly_recharge is not None:
            ledger.disable_monthly_recharge(account_id)


def _settle_down(world: World, receive_notice: Callable[[Process], bool], *processes: Process) -> None:
    """Let everything that is under way arrive, and everything open come to its end."""
    world.scheduler.pass_time(timedelta(hours=2))
    for one in world.watch.held():
        if one.status == "pending":
            world.sandbox.settle(one.reference, succeed=world.chance.random() < 0.5)
    world.watch.look()
    world.scheduler.pass_time(world.plan.lookup_lag + world.plan.clock_difference_max)
    left: list[Any] = []
    for process in processes:
        _hear_all(world, receive_notice, process)
        left = [item for item in process.ledger.recover() if not item.is_over]
        process.ledger.run_due()
        world.scheduler.pass_time(timedelta(hours=2))
    if left:
        raise Violation("I3", f"recovery left open: {left}")


def _hear_all(world: World, receive_notice: Callable[[Process], bool], process: Process) -> None:
    """Deliver notices until none is due any more."""
    for _ in range(NOTICES_MAX):
        if not receive_notice(process):
            return
    raise Violation("notices", f"never acted on: {[one.body for one in world.sandbox.notices_due()]}")


def _check(world: World, process: Process, accounts: list[str]) -> None:
    witness = world.witness
    witness.look()
    witness.check_append_only()
    world.watch.check()
    open_ones = [operation for operation in witness.operations.values() if operation.is_open]
    if open_ones:
        raise Violation("I3", f"still open: {open_ones}")
    captured = {captured.reference for captured in world.sandbox.captured()}
    if captured != set(witness.captures):
        raise Violation("I3", f"captured at the gateway and not credited: {captured - set(witness.captures)}")
    paid_back = {one.reference for one in world.watch.held() if (one.kind, one.status) == ("refund", "succeeded")}
    debited = {*witness.paid_back, *witness.charges.paid_elsewhere}
    if paid_back != debited:
        raise Violation("I3", f"paid back and not debited, or the other way round: {paid_back ^ debited}")
    if world.plan.keeps_promises and paid_back & witness.late_refunds:
        raise Violation("I2", f"taken for over and paid back: {paid_back & witness.late_refunds}")
    world.watch.check_cards_known()
    _check_charges(world)
    for account_id in accounts:
        _check_account(world, process.ledger, account_id)


def _check_charges(world: World) -> None:
    """What was taken of each charge is what was really claimed, and never more than was captured."""
    for reference, charge in world.witness.charges.by_reference.items():
        really = world.sandbox._after_capture(reference)
        assert really is not None, "what was credited was captured"
        disputes = {one.reference: one.status.value for one in really.disputes}
        known = {one: dispute.status for one, dispute in charge.disputes.items()}
        if known != disputes or charge.is_reversed != (really.reversed_at is not None):
            raise Violation("I3", f"the log knows the disputes {known} of {reference}, and there are {disputes}")
        paid_back = sum(one.amount.amount for one in really.refunds if not one.returned)
        lost = sum(one.amount.amount for one in really.disputes if one.status == "lost")
        claimed = charge.total if charge.is_reversed else paid_back + lost
        taken = sum(charge.taken.values())
        if taken > min(claimed, charge.total) or (taken < min(claimed, charge.total) and not charge.gave_back):
            raise Violation("I3", f"{claimed} was taken back of {reference} at the gateway, and here {charge}")


def _check_audit(world: World, process: Process) -> None:
    """The audit, which shares no rule with what it audits, finds nothing but what the gateway did unasked for."""
    report = process.ledger.audit()
    if report.integrity:
        raise Violation("audit", f"{report.integrity[:3]}")
    reported = Counter(finding.code for finding in report.attention)
    # A notice that could not be looked up for too long is for a person, whatever recovery finds later.
    if reported.pop("notice_unexplained", 0) > sum(seen.topic == "notice-unexplained" for seen in world.witness.seen):
        raise Violation("audit", f"explained, and reported all the same: {report.attention[:3]}")
    explained = world.witness.unasked
    if world.plan.keeps_promises and explained["capture_late"]:
        raise Violation("I2", f"a capture came late, and the gateway kept its promises: {report.attention[:3]}")
    if reported != explained:
        raise Violation("audit", f"not explained by what the gateway did: {report.attention[:3]}")


def _check_account(world: World, ledger: Ledger, account_id: str) -> None:
    book = world.witness.accounts[account_id]
    balance = ledger.balance(account_id)
    shown = (balance.total, balance.held, balance.pending)
    if shown != (Money(book.balance, "GBP"), Money(book.held, "GBP"), Money(0, "GBP")):
        raise Violation("I1", f"the balance is {shown}, and the events come to {book.balance}, {book.held} held")
    known = {token for token, card in book.cards.items() if not card.is_removed}
    kept = {token for token, owner, _ in world.watch.kept_cards() if owner == account_id}
    if known != kept:
        raise Violation("I11", f"the log knows the cards {known}, the gateway keeps {kept}")


def _repeat(world: World, customers: Customers, one: Process, other: Process) -> None:
    """Whoever asks again under the same key is told the same, by whichever process."""
    repeatable = [request for request in customers.requests if request.operation_id]
    for request in world.chance.sample(repeatable, min(REPEATED, len(repeatable))):
        answers = [_answer(request, process) for process in (one, other)]
        world.scheduler.tell(f"repeated {request}: {answers[0]}")
        if answers[0] != answers[1]:
            raise Violation("repeats", f"{request}: {answers[0]}, then {answers[1]}")


def _answer(request: Any, process: Process) -> Any:
    try:
        return request.call(process.ledger)
    except LedgerError as error:
        return error.code


def _check_replay(world: World, *processes: Process) -> None:
    """I9: recovery and the schedule have nothing to do any more."""
    before = len(world.witness.seen)
    for process in processes:
        process.ledger.recover()
        process.ledger.run_due()
    world.witness.look()
    if len(world.witness.seen) != before:
        raise Violation("I9", f"recorded again: {world.witness.seen[before:]}")


def _check_rebuild(world: World, ledger: Ledger) -> None:
    """I8: every table is what follows from the log."""
    before = _tables(world, ledger)
    ledger.rebuild()
    after = _tables(world, ledger)
    different = [name for name in before if before[name] != after[name]]
    if different:
        raise Violation("I8", f"differ from what follows from the log: {different}")


def _tables(world: World, ledger: Ledger) -> dict[str, list[Any]]:
    return {
        table.name: world.witness.rows(f"SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}")
        for table in ledger._log.tables
    }
