"""What the machine's rules share: calling the ledger, following what it says, and comparing it with the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from moneyed import Money
from simple_model import UNDECIDED, ModelAccount
from world import PowerCut, World

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.fold import evolve, fold_card_saving
from interact_ledger.errors import LedgerError

D = Decimal
CRASHED = "crashed"
Picked = TypeVar("Picked")


class LedgerMachine(RuleBasedStateMachine):
    """A world, a model of each of its accounts, and every request made so far."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.world = World(url)
        self.accounts: list[ModelAccount] = []
        self.requests: list[tuple[ModelAccount, Callable[[], Any], Any]] = []
        """Requests that succeeded, to be repeated, with what they answered."""
        self.tokens: dict[str, str] = {}
        """The token with which each top-up and saving was asked for."""
        self.pending_elsewhere: set[str] = set()
        """Top-ups of which a refund is under way in the dashboard: the gateway promises that money to nobody else."""
        self.requests_of_savings: dict[str, tuple[str, str]] = {}
        """Token and key of each saving that was answered."""
        self._keys = count(1)

    def teardown(self) -> None:
        self.world.close()

    @property
    def ledger(self) -> Any:
        return self.world.ledger

    @property
    def now(self) -> Any:
        return self.world.clock.now()

    def key(self) -> str:
        return f"key-{next(self._keys)}"

    def account(self, pick: int) -> ModelAccount:
        return self.accounts[pick % len(self.accounts)]

    def money(self, amount: Decimal, account: ModelAccount) -> Money:
        return Money(amount, account.currency)

    def call(self, command: Callable[[], Any]) -> Any:
        """Return what a command returns, or its error's code, or that the process died."""
        try:
            return command()
        except LedgerError as error:
            return error.code
        except PowerCut:
            self.world.restart()
            return CRASHED
        finally:
            self.world.repair()

    def do(self, account: ModelAccount, command: Callable[[], Any], refusal: str | None) -> Any:
        """Run a command that needs no gateway; it is refused exactly as the model says, and can then be repeated."""
        answer = self.call(command)
        if refusal is not None:
            assert answer == refusal
            return None
        assert not isinstance(answer, str), answer
        self.requests.append((account, command, answer))
        return answer

    # Following what the ledger says -------------------------------------------------------------------------------

    def follow(self, account: ModelAccount) -> None:
        """Take over where top-ups, savings and cards stand; the model knows what may follow what."""
        for transaction_id, top_up in account.top_ups.items():
            found = self.ledger.top_up_result(account.account_id, transaction_id)
            assert (found.credit.amount, found.total.amount) == (top_up.credit, top_up.total)
            account.top_up_is(transaction_id, found.status)
        for refund_id, refund in account.refunds.items():
            told = self.ledger.refund_result(account.account_id, refund_id)
            assert (told.credit.amount, told.total.amount) == (refund.credit, refund.total)
            account.refund_is(refund_id, told.status)
        history = self.ledger.history(account.account_id, limit=1000)
        for recorded in history:
            if isinstance(recorded.event, e.CardSaved):
                account.cards.setdefault(recorded.event.card_id, self.tokens[recorded.event.operation_id])
        for saving_id in account.savings:
            saving = fold_card_saving(one for one in history if saving_id in one.event.operations())
            assert saving is not None
            account.saving_is(saving_id, saving.status.value)
        shown = {card.card_id for card in self.ledger.cards(account.account_id)}
        assert shown == set(account.cards) - account.removed_cards

    def events(self, account: ModelAccount) -> list[e.Event]:
        return [recorded.event for recorded in self.ledger.history(account.account_id, limit=1000)]

    # Comparing ----------------------------------------------------------------------------------------------------

    def compare(self, account: ModelAccount) -> None:
        version = self.ledger.account(account.account_id).version
        if account.seen.get(version) == (account.total, account.held, account.pending):
            return
        balance = self.ledger.balance(account.account_id)
        shown = (balance.total.amount, balance.held.amount, balance.pending.amount)
        assert shown == (account.total, account.held, account.pending)
        assert balance.available.amount == account.available
        assert account.available >= 0 or account.taken  # I5: no command overdraws, only facts do
        left = {lot.lot_id: lot.remaining.amount for lot in self.ledger.granted_credit(account.account_id)}
        assert left == {lot_id: amount for lot_id, amount in account.granted.items() if amount}

        rented = {number.number: number.next_due_at for number in self.ledger.numbers(account.account_id)}
        assert rented == {number: due for number, (_, _, due) in account.numbers.items()}

        account.seen[version] = shown
        self.compare_statement(account)

    def compare_statement(self, account: ModelAccount) -> None:
        statement = self.ledger.statement(account.account_id)
        lines = [(line.kind, line.amount.amount) for line in statement.lines]
        assert Counter(lines) == account.kinds_and_amounts()
        total = D(0)
        for line in statement.lines:
            total += line.amount.amount
            assert line.balance.amount == total
        assert statement.opening.amount == 0
        assert statement.closing.amount == account.total

    def compare_with_the_past(self, account: ModelAccount, pick: int) -> None:
        """I8 and I9: projections and replay say of an earlier version what was seen then."""
        versions = sorted(account.seen)
        version = versions[pick % len(versions)]
        balance = self.ledger.balance(account.account_id, version=version)
        assert (balance.total.amount, balance.held.amount, balance.pending.amount) == account.seen[version]
        replayed = self.replayed(account, version)
        assert (replayed.balance, replayed.held, replayed.pending) == account.seen[version]
        assert self.replayed(account, None) == self.ledger._account(account.account_id)

    def replayed(self, account: ModelAccount, version: int | None) -> Account:
        found = None
        for recorded in self.ledger.history(account.account_id, limit=version or 1000):
            found = evolve(found, recorded)
        assert found is not None
        return found

    def compare_with_events(self, account: ModelAccount) -> None:
        """I1 and I6, from the events alone: amounts add up, versions and times only grow."""
        history = self.ledger.history(account.account_id, limit=1000)
        assert [recorded.version for recorded in history] == list(range(1, len(history) + 1))
        times = [recorded.recorded_at for recorded in history]
        assert times == sorted(times)
        total = D(0)
        for recorded in history:
            event = recorded.event
            if isinstance(event, e.PaymentCaptured):
                assert event.total == event.credit + sum(tax.amount for tax in event.taxes)
                total += event.credit
            elif isinstance(event, e.Purchase):
                assert event.amount == sum(line.amount for line in event.lines)
                total -= event.amount
            elif isinstance(event, e.SpendReversed | e.BalanceAdjusted | e.CreditGranted):
                total += event.amount
            elif isinstance(event, e.Refunded):
                assert event.total == event.credit + sum(tax.amount for tax in event.taxes)
                total -= event.credit
            elif isinstance(event, e.RefundReturned | e.DisputeWon):
                total += event.credit
            elif isinstance(event, e.DisputeLost | e.RefundMadeElsewhere | e.PaymentReversed):
                assert event.total == event.credit + sum(tax.amount for tax in event.taxes)
                total -= event.credit
        assert total == account.total

    def all_rows(self) -> dict[str, list[Any]]:
        """Every row of every table that follows from the log."""
        log = self.ledger._log
        return {t.name: log.query(f"SELECT * FROM {t.name} ORDER BY {', '.join(t.key)}") for t in log.tables}

    def compare_with_gateway(self) -> None:
        """I2, I4 and I11 hold at every moment."""
        captured = Counter(capture.transaction_id for capture in self.world.sandbox.captured())
        assert max(captured.values(), default=0) <= 1
        totals = {c.transaction_id: c.amount.amount for c in self.world.sandbox.captured()}
        for account in self.accounts:
            for transaction_id, top_up in account.top_ups.items():
                if top_up.status == "succeeded":
                    assert totals[transaction_id] == top_up.total
        self.compare_chargeable()

    def compare_chargeable(self) -> None:
        for chargeable in self.world.sandbox.chargeable():
            known = self.ledger._account(chargeable.account_id)
            operation_id = chargeable.attempt_id.rpartition(".")[0]
            cards_of_operation = [card for card in known.cards.values() if card.saved_by == operation_id]
            open_operations = {*known.top_ups, *known.card_savings}
            assert operation_id in open_operations or (chargeable.kind == "card" and cards_of_operation), chargeable

    def let_recovery_have_its_time(self) -> None:
        """I3: then every capture is credited or reported, and only what awaits the network or the customer is open."""
        self.world.repair()
        for _ in range(2):
            self.world.clock.advance(timedelta(hours=3))
            recovered = self.ledger.recover()
        for account in self.accounts:
            self.follow(account)
        pending = {c.attempt_id.rpartition(".")[0] for c in self.world.sandbox.chargeable() if c.status == "pending"}
        pending |= {refund_id for account in self.accounts for refund_id in account.pending_refunds(self.tokens)}
        for account in self.accounts:
            statuses = {t: top_up.status for t, top_up in account.top_ups.items()} | account.savings
            statuses |= {refund_id: refund.status for refund_id, refund in account.refunds.items()}
            assert {operation for operation, status in statuses.items() if status in UNDECIDED} <= pending
            known = self.ledger._account(account.account_id)
            kept = {k.card_token for k in self.world.sandbox.saved_cards() if k.account_id == account.account_id}
            assert {card.token for card in known.cards.values() if card.removal_id is None} == kept
        assert {item.subject for item in recovered if not item.is_over} <= pending
        statuses = {t: top_up.status for a in self.accounts for t, top_up in a.top_ups.items()}
        for capture in self.world.sandbox.captured():
            assert statuses[capture.transaction_id] in {"succeeded", "mismatched", "reversed"}, capture
