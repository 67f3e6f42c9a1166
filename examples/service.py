"""A messaging service with prepaid balances, in less than sixty lines and without a web framework.

Each method is what a request handler would call. Keys come from the caller, so that a repeated request is safe.
"""

from __future__ import annotations

from moneyed import Money

from interact_ledger import CheckoutSummary, Ledger, Message, TopUpResult
from interact_ledger.errors import InsufficientBalance
from interact_ledger.gateways.sandbox import SandboxGateway


class MessagingService:
    """Customers top up by card and send messages from their balance."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.ledger.recover()  # whatever was open when the last process stopped

    def sign_up(self, customer: str, country: str) -> str:
        return self.ledger.open_account(customer, "GBP", country, idempotency_key="sign-up").account_id

    def review(self, account_id: str, pounds: str) -> CheckoutSummary:
        return self.ledger.checkout(account_id, Money(pounds, "GBP"))

    def pay(self, account_id: str, quote_id: str, card_token: str, key: str) -> TopUpResult:
        return self.ledger.top_up(account_id, quote_id, card_token=card_token, idempotency_key=key)

    def send(self, account_id: str, message_id: str, destination: str, text: str) -> bool:
        """Charge for a message, and say whether it may be sent."""
        message = Message(message_id, destination, text=text)
        try:
            self.ledger.spend(account_id, message, idempotency_key=f"message-{message_id}")
        except InsufficientBalance:
            return False
        return True

    def every_minute(self) -> None:
        """Bring open payments to their end, and do what has fallen due."""
        self.ledger.recover()
        self.ledger.run_due()


def main() -> None:
    with SandboxGateway() as gateway, Ledger.open("sqlite://", gateways=[gateway]) as ledger:
        service = MessagingService(ledger)
        account_id = service.sign_up("customer-1", "GB")
        summary = service.review(account_id, "50.00")
        paid = service.pay(account_id, summary.quote_id, "tok_visa", key="order-1")
        print(f"{paid.status}: charged {paid.total.amount}, balance {paid.balance.amount}, {paid.transaction_id}")
        sent = service.send(account_id, "m-1", "GB", "Your parcel arrives today.")
        print(f"sent: {sent}, balance {ledger.balance(account_id).available.amount}")


if __name__ == "__main__":
    main()
