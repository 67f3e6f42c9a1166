"""What every chapter works with."""

from __future__ import annotations

from dataclasses import dataclass

from moneyed import Money

from interact_ledger import AccountDetails, Ledger, Message, Number, TopUpResult
from interact_ledger.gateways.conformance import Behaviour, Bench
from interact_ledger.gateways.protocol import DeclineReason
from stages import Scene
from telling import Teller

__all__ = ["CAMPAIGN", "LONDON_NUMBER", "REMINDER", "Story", "captured_total", "messages", "pounds"]

REMINDER = Message("reminder", "GB", text="Your parcel arrives today between 10 and 12.")
CAMPAIGN = Message("spring sale", "GB", text="Spring sale: 20% off until Sunday.", quantity=1200)
LONDON_NUMBER = Number("sender", "+442071234567", "GB")


def pounds(amount: str) -> Money:
    return Money(amount, "GBP")


def messages(name: str, quantity: int) -> Message:
    """Return so many messages of one segment in the UK, at £0.0325 each."""
    return Message(name, "GB", segments=1, quantity=quantity)


@dataclass(frozen=True, slots=True)
class Story:
    """A ledger, the world around it, and the customer whom most chapters are about."""

    ledger: Ledger
    scene: Scene
    teller: Teller
    customer: AccountDetails

    @property
    def bench(self) -> Bench:
        """The gateway, and a hand on the cards and networks around it."""
        return self.scene.bench

    @property
    def account_id(self) -> str:
        return self.customer.account_id

    def card(self, kind: Behaviour | DeclineReason = Behaviour.SUCCEEDS) -> str:
        """Return the token of a card that the customer just typed into the gateway's fields."""
        token = self.bench.card(kind)
        assert token is not None, "every gateway has such a card"
        return token

    def top_up(
        self, amount: str, key: str, kind: Behaviour | DeclineReason = Behaviour.SUCCEEDS, *, save_card: bool = False
    ) -> TopUpResult:
        """Check out and pay with a new card."""
        return self.pay(self.account_id, amount, key, self.card(kind), save_card=save_card)

    def pay(self, account_id: str, amount: str, key: str, token: str, *, save_card: bool = False) -> TopUpResult:
        """Check out and pay, whoever the customer is."""
        summary = self.ledger.checkout(account_id, pounds(amount))
        return self.ledger.top_up(
            account_id, summary.quote_id, card_token=token, save_card=save_card, idempotency_key=key
        )

    def hear(self) -> int:
        """Let the gateway call the service's webhook with all that it has to tell; return how often it did."""
        due = self.bench.notices_due()
        for delivery in due:
            self.ledger.receive(self.bench.gateway.gateway_id, delivery.body, delivery.headers)
            self.bench.acknowledge(delivery.notice_id)
        return len(due)

    def expect_balance(self, told: str) -> None:
        self.teller.expect("the balance", self.ledger.balance(self.account_id).total, pounds(told))

    def confirm(self, result: TopUpResult, *, status: str, balance: str) -> None:
        """Show a payment confirmation, and check that it is as told."""
        declined = [("Reason", result.decline_reason), ("Advice", f"try again {result.decline_advice}")]
        self.teller.facts(
            ("Status", result.status),
            *(declined if result.decline_reason else []),
            ("New balance", result.balance),
            ("Transaction ID:", result.transaction_id),
        )
        self.teller.expect("the payment's status", result.status, status)
        self.teller.expect("the new balance", result.balance, pounds(balance))


def captured_total(story: Story) -> Money:
    """Return what the gateway's own books show as captured."""
    return sum((captured.amount for captured in story.bench.captured()), pounds("0"))
