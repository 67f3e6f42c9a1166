"""Braintree's adapter on the bench of the conformance kit, over real HTTP to a server of our own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from moneyed import Money

from gateway_books import Captured, Chargeable
from interact_ledger.clock import Clock, MovableClock
from interact_ledger.gateways.braintree import BraintreeGateway
from interact_ledger.gateways.braintree.sdk import Environment
from interact_ledger.gateways.conformance import Behaviour, Delivery, Fault
from interact_ledger.gateways.protocol import CardDetails, CardFunding, DeclineReason
from servers.braintree import MERCHANT, PRIVATE_KEY, PUBLIC_KEY, BraintreeServer, Plan, WireFault
from servers.braintree.books import CAPTURED, Books
from servers.braintree.objects import Transaction
from servers.braintree.webhooks import event_notice, transaction_notice

__all__ = ["ACCOUNTS", "NOON", "BraintreeBench", "gateway_at", "opened_bench"]

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
ACCOUNTS = {"GBP": "acme_gbp", "EUR": "acme_eur", "JPY": "acme_jpy"}

CARDS: dict[Behaviour | DeclineReason, Plan] = {
    Behaviour.SUCCEEDS: Plan(),
    Behaviour.PENDS: Plan(pends=True),
    Behaviour.ASKS_WHEN_SAVED: Plan(last_4="3184", off_session="2099"),
    Behaviour.CAPTURES_LESS: Plan(partly=True),
    Behaviour.REFUND_PENDS: Plan(refund="pends"),
    Behaviour.REFUND_RETURNS: Plan(last_4="0002"),
    Behaviour.REFUND_DECLINED: Plan(refund="declines"),
    DeclineReason.INSUFFICIENT_FUNDS: Plan(code="2001"),
    DeclineReason.EXPIRED_CARD: Plan(code="2004"),
    DeclineReason.INCORRECT_DETAILS: Plan(code="2010"),
    DeclineReason.LOST_OR_STOLEN: Plan(code="2013"),
    DeclineReason.FRAUD: Plan(code="2014"),
    DeclineReason.AUTHENTICATION_REQUIRED: Plan(three_d_secure=False),
    DeclineReason.METHOD_UNUSABLE: Plan(code="2015"),
    DeclineReason.LIMIT_EXCEEDED: Plan(code="2002"),
    DeclineReason.DO_NOT_HONOUR: Plan(code="2000"),
    DeclineReason.OTHER: Plan(code="2033"),
}


class _WatchedGateway(BraintreeGateway):
    """The adapter, with a server that knows when a call begins and ends, for its refusals to last as long."""

    server: BraintreeServer

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in _WATCHED:
            return found

        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.server.during(name):
                return found(*args, **kwargs)

        return watched


_WATCHED = frozenset(
    {
        *("link_customer", "charge", "cancel", "save", "forget", "refund", "complete_save", "cancel_save"),
        *("find_after_capture", "find_saved_card"),
    }
)


def gateway_at(port: int, clock: Clock, kind: type[BraintreeGateway] = BraintreeGateway, **changes: Any) -> Any:
    """Return an adapter that talks to a server on this machine."""
    text = str(port)
    environment = Environment("loopback", "127.0.0.1", text, "http://127.0.0.1:1", False, None, "127.0.0.1", text)
    settings = {
        "environment": environment,
        "merchant_id": MERCHANT,
        "public_key": PUBLIC_KEY,
        "private_key": PRIVATE_KEY,
        "merchant_accounts": ACCOUNTS,
        "clock": clock,
    }
    return kind(**(settings | changes))


class BraintreeOthers:
    """Whoever else has a hand on the server: the Control Panel, banks, card networks."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def refund_in_dashboard(self, reference: str, amount: Money) -> str:
        return self._books.refund_in_dashboard(reference, amount.amount)

    def open_dispute(self, reference: str, amount: Money) -> str:
        return self._books.open_dispute(reference, amount.amount)

    def decide_dispute(self, reference: str, *, won: bool) -> None:
        self._books.decide_dispute(reference, "won" if won else "lost")

    def reverse_settlement(self, reference: str) -> str | None:
        self._books.settle(reference, succeed=False)
        return self._books.transactions[reference].settlement_code

    def pay_in_dashboard(self, customer_id: str, amount: Money) -> str:
        return self._books.pay_in_dashboard(customer_id, amount.amount, amount.currency.code)

    def detach_card(self, token: str) -> str:
        self._books.delete_in_dashboard(token)
        return token

    def update_card(self, token: str) -> CardDetails:
        self._books.update_card(token, last_4="0077", expires=("07", "2044"), debit="Yes")
        return CardDetails(brand="visa", last_four="0077", expiry_month=7, expiry_year=2044, funding=CardFunding.DEBIT)

    def delete_customer(self, customer_id: str) -> str:
        self._books.delete_customer(customer_id)
        return customer_id


class BraintreeBench:
    """The adapter under test with the server that it talks to."""

    def __init__(
        self,
        server: BraintreeServer,
        clock: MovableClock,
        gateway: BraintreeGateway,
        restarted: Callable[[], BraintreeGateway],
    ) -> None:
        self.server = server
        self.books = server.books
        self.others = BraintreeOthers(server.books)
        self.clock = clock
        self.gateway = gateway
        self.restarted = restarted

    @property
    def secrets(self) -> Collection[str]:
        return [PRIVATE_KEY]

    @property
    def lookups_available(self) -> bool:
        return self.server.lookups_available

    @lookups_available.setter
    def lookups_available(self, available: bool) -> None:
        self.server.lookups_available = available

    def card(self, kind: Behaviour | DeclineReason) -> str | None:
        plan = CARDS.get(kind)
        return None if plan is None else self.books.nonce(plan)

    def fail_next(self, verb: str, fault: Fault) -> None:
        self.server.fail_next(verb, WireFault(fault.value))

    def captured(self) -> Sequence[Captured]:
        sales = (t for t in self.books.transactions.values() if t.type == "sale" and t.status in (*CAPTURED, "voided"))
        return [self._captured(sale) for sale in sales if sale.status in CAPTURED or self._was_paid_back(sale)]

    def chargeable(self) -> Sequence[Chargeable]:
        pending = (t for t in self.books.transactions.values() if t.status in ("authorized", "settlement_pending"))
        payments = [Chargeable("payment", t.id) for t in pending if t.type == "sale"]
        return payments + [Chargeable("card", token) for token in self.books.vault]

    def saved_cards(self) -> Collection[object]:
        return list(self.books.vault.values())

    def authenticate(self, reference: str, *, succeed: bool = True) -> object:
        return None

    def settle(self, reference: str, *, succeed: bool = True) -> object:
        return self.books.settle(reference, succeed=succeed)

    def pay_in_browser(self, reference: str, token: str) -> object:
        return None

    def return_refund(self, reference: str) -> object:
        return self.books.settle(reference, succeed=False)

    def notices_due(self) -> Sequence[Delivery]:
        return [
            Delivery(
                notice_id=f"{number}",
                body=event_notice(event),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            for number, event in enumerate(self.books.events)
            if f"{number}" not in self._acknowledged
        ]

    _acknowledged: frozenset[str] = frozenset()

    def acknowledge(self, notice_id: str) -> None:
        self._acknowledged |= {notice_id}

    def foreign_notice(self) -> Delivery:
        sale = Transaction(
            *("bt99999999", "sale", "settled", "9.00", "GBP", "acme_gbp", "somebody-elses-order", None),
            Plan(),
            self.clock.now(),
        )
        body = transaction_notice("transaction_settled", sale, self.clock.now())
        return Delivery(notice_id="elsewhere", body=body, headers={})

    def _was_paid_back(self, sale: Transaction) -> bool:
        """A voided sale that had been captured was paid back as a whole."""
        return sale.plan.pends is False

    def _captured(self, sale: Transaction) -> Captured:
        paid_back = sale.amount if sale.status == "voided" else self.books.refunded(sale)
        return Captured(
            transaction_id=(sale.order_id or "").partition(".")[0],
            reference=sale.id,
            amount=Money(sale.amount, sale.currency),
            refunded=Money(paid_back, sale.currency),
        )


@contextmanager
def opened_bench(**changes: Any) -> Iterator[BraintreeBench]:
    """A server with nothing in it, and an adapter that talks to it."""
    clock = MovableClock(NOON)
    accounts = changes.pop("merchant_accounts", ACCOUNTS)
    with BraintreeServer(clock, {account: currency for currency, account in accounts.items()}) as server:
        _WatchedGateway.server = server
        gateway = gateway_at(server.port, clock, _WatchedGateway, merchant_accounts=accounts, **changes)
        yield BraintreeBench(
            server, clock, gateway, lambda: gateway_at(server.port, clock, merchant_accounts=accounts, **changes)
        )
