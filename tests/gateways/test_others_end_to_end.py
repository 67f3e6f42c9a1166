"""What others do at Stripe and at Braintree, over real HTTP and their own webhooks, to the balance and the audit.

The gateways are loopback servers that speak the vendors' protocols, and send their webhooks to an address of a service;
the ledger and the adapters are the real ones.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest
from moneyed import Money
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from braintree_bench import opened_bench
from interact_ledger import Ledger, NoticeOutcome
from interact_ledger.errors import NotRefundable
from interact_ledger.gateways.conformance import Behaviour, Bench, Delivery, Others
from interact_ledger.testing import SequentialIds
from stripe_bench import stripe_bench

RECORDED, DUPLICATE = NoticeOutcome.RECORDED, NoticeOutcome.DUPLICATE
FOREIGN, LATER, UNEXPLAINED = NoticeOutcome.FOREIGN, NoticeOutcome.LATER, NoticeOutcome.UNEXPLAINED
CREDIT, GROSS = Money("50.00", "GBP"), Money("60.00", "GBP")


@dataclass
class World:
    """A ledger whose gateway is one vendor's adapter, and everybody else at that vendor."""

    gateway_id: str
    bench: Any
    ledger: Ledger
    account_id: str
    port: int
    """Of the service that takes the webhooks."""
    transaction_id: str = ""
    """The latest top-up."""

    @property
    def others(self) -> Others:
        return self.bench.others

    def pay(self, key: str = "pay", **how: Any) -> str:
        """Pay 50.00 and 10.00 tax, settle it, take its notices, and return the charge's reference."""
        quote = self.ledger.checkout(self.account_id, CREDIT)
        card = {} if "card_id" in how else {"card_token": self.bench.card(Behaviour.SUCCEEDS)}
        paid = self.ledger.top_up(self.account_id, quote.quote_id, idempotency_key=key, **card, **how)
        assert paid.status == "succeeded"
        assert paid.gateway_reference is not None
        self.transaction_id = paid.transaction_id
        self.bench.settle(paid.gateway_reference)
        self.deliver()
        return paid.gateway_reference

    def due(self) -> list[Delivery]:
        return list(self.bench.notices_due())

    def deliver(self, deliveries: list[Delivery] | None = None) -> list[NoticeOutcome]:
        """Deliver webhooks, the due ones if none are named; returns what the ledger made of them."""
        outcomes = []
        for delivery in self.due() if deliveries is None else deliveries:
            status, told = self.posted(delivery)
            if status == HTTPStatus.OK:
                self.bench.acknowledge(delivery.notice_id)
            outcomes += told
        return outcomes

    def posted(self, delivery: Delivery) -> tuple[int, list[NoticeOutcome]]:
        """Play the vendor: send one request to the service's address."""
        connection = HTTPConnection("127.0.0.1", self.port)
        with closing(connection):
            connection.request("POST", f"/webhooks/{self.gateway_id}", delivery.body, dict(delivery.headers))
            answer = connection.getresponse()
            return answer.status, [NoticeOutcome(word) for word in answer.read().decode().split()]

    def refund(self, amount: Money, key: str = "refund") -> None:
        self.ledger.refund(self.account_id, self.transaction_id, amount, reason="asked for", idempotency_key=key)

    def balance(self) -> tuple[str, str]:
        """Return what is available and what there is in all."""
        balance = self.ledger.balance(self.account_id)
        return str(balance.available.amount), str(balance.total.amount)

    def findings(self) -> list[str]:
        return [finding.code for finding in self.ledger.audit().findings]


def _opened(gateway_id: str, bench: Bench) -> Iterator[World]:
    with Ledger.open("sqlite://", gateways=[bench.gateway], clock=bench.clock, ids=SequentialIds()) as ledger:
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        with _service(ledger) as port:
            yield World(gateway_id, bench, ledger, account_id, port)


@contextmanager
def _service(ledger: Ledger) -> Iterator[int]:
    """Take webhooks as a service does; returns the port."""

    @Request.application
    def app(request: Request) -> Response:
        gateway_id = request.path.rpartition("/")[2]
        notices = ledger.receive(gateway_id, request.get_data(), dict(request.headers))
        status = HTTPStatus.OK if all(n.is_acknowledged for n in notices) else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(" ".join(notice.outcome for notice in notices), status)

    server = make_server("127.0.0.1", 0, app, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Log nothing."""


@pytest.fixture
def stripe_world() -> Iterator[World]:
    with stripe_bench() as bench:
        yield from _opened("stripe", bench)


@pytest.fixture
def braintree_world() -> Iterator[World]:
    with opened_bench() as bench:
        yield from _opened("braintree", bench)


@pytest.fixture(params=["stripe", "braintree"])
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(f"{request.param}_world")
    return found


# Disputes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("won", "after"), [(False, ("25.00", "25.00")), (True, ("50.00", "50.00"))])
def test_a_dispute_holds_its_part_and_is_taken_once_it_is_lost(world, won, after):
    reference = world.others.open_dispute(world.pay(), GROSS / 2)
    assert set(world.deliver()) == {RECORDED}
    assert world.balance() == ("25.00", "50.00")
    (dispute,) = world.ledger.disputes(world.account_id)
    assert (dispute.status, dispute.gateway_reference) == ("open", reference)
    assert (dispute.total, dispute.transaction_id) == (GROSS / 2, world.transaction_id)
    assert dispute.evidence_due_by > world.bench.clock.now()
    world.others.decide_dispute(reference, won=won)
    assert set(world.deliver()) == {RECORDED}
    assert world.balance() == after
    (dispute,) = world.ledger.disputes(world.account_id)
    assert dispute.status == ("won" if won else "lost")
    assert world.findings() == []


def test_what_stripe_takes_for_a_lost_dispute_is_told(stripe_world):
    world = stripe_world
    world.others.decide_dispute(world.others.open_dispute(world.pay(), GROSS), won=False)
    world.deliver()
    (dispute,) = world.ledger.disputes(world.account_id)
    assert (dispute.fee, dispute.lost) == (Money("20.00", "GBP"), CREDIT)


def test_a_bank_that_only_asks_changes_nothing(world):
    """Stripe calls it an inquiry, Braintree a retrieval; a look-up that lags would look the same for a minute."""
    reference = world.pay()
    if world.gateway_id == "stripe":
        world.bench.server.open_dispute(reference, status="warning_needs_response")
    else:
        world.bench.books.open_dispute(reference, kind="retrieval", reason="retrieval")
    assert set(world.deliver()) == {LATER}
    world.bench.clock.advance(world.bench.gateway.capabilities.lookup_lag)
    assert set(world.deliver()) == {RECORDED}
    assert world.balance() == ("50.00", "50.00")
    assert world.ledger.disputes(world.account_id) == []
    assert world.findings() == []


def test_while_the_vendor_cannot_be_asked_a_notice_comes_again(world):
    world.others.open_dispute(world.pay(), GROSS)
    world.bench.lookups_available = False
    assert set(world.deliver()) == {LATER}
    assert world.balance() == ("50.00", "50.00")
    world.bench.lookups_available = True
    assert set(world.deliver()) == {RECORDED}
    assert world.balance() == ("0.00", "50.00")


def test_a_dispute_of_what_is_spent_leaves_the_balance_below_zero_until_the_next_payment(world):
    dispute = world.others.open_dispute(world.pay(), GROSS)
    world.others.decide_dispute(dispute, won=False)
    world.ledger.adjust(world.account_id, -CREDIT, "spent meanwhile", idempotency_key="spent")
    assert set(world.deliver()) == {RECORDED}
    assert world.balance() == ("-50.00", "-50.00")
    assert world.ledger.account(world.account_id).standing == "suspended"
    world.pay("again")
    assert world.balance() == ("0.00", "0.00")
    assert world.ledger.account(world.account_id).standing == "open"
    assert world.findings() == []


@pytest.mark.parametrize("seed", range(6))
def test_notices_late_shuffled_and_repeated_come_to_the_same(world, seed):
    reference, chance = world.pay(), random.Random(seed)
    world.others.refund_in_dashboard(reference, GROSS / 4)
    first = world.others.open_dispute(reference, GROSS / 4)
    world.others.decide_dispute(first, won=False)
    second = world.others.open_dispute(reference, GROSS / 4)
    world.others.decide_dispute(second, won=True)
    due = 2 * world.due()
    chance.shuffle(due)
    assert RECORDED in set(world.deliver(due)) <= {RECORDED, DUPLICATE}
    assert world.balance() == ("25.00", "25.00")
    assert world.findings() == []


# Refunds made in the dashboard ------------------------------------------------------------------------------------


def test_a_refund_in_the_dashboard_takes_back_what_was_credited_beside_ours(stripe_world):
    world = stripe_world
    reference = world.pay()
    world.others.refund_in_dashboard(reference, GROSS / 4)
    world.refund(GROSS / 4)
    assert set(world.deliver()) == {RECORDED}
    assert world.balance() == ("25.00", "25.00")
    with pytest.raises(NotRefundable):
        world.refund(GROSS, "more than is left")
    assert world.findings() == []


def test_a_refund_in_the_control_panel_is_found_when_something_else_makes_us_look(braintree_world):
    """Braintree has no webhook for it."""
    world = braintree_world
    reference = world.pay()
    world.others.refund_in_dashboard(reference, GROSS / 4)
    assert world.due() == []
    assert world.balance() == ("50.00", "50.00")
    world.others.open_dispute(reference, GROSS / 4)
    assert world.deliver() == [RECORDED]
    assert world.balance() == ("25.00", "37.50")
    assert world.findings() == []


# Settlements that failed ------------------------------------------------------------------------------------------


def test_a_settlement_declined_late_takes_everything_back(braintree_world):
    world = braintree_world
    reference = world.pay()
    world.others.reverse_settlement(reference)
    assert world.deliver() == [RECORDED]
    assert world.balance() == ("0.00", "0.00")
    assert world.findings() == []


# Cards ------------------------------------------------------------------------------------------------------------


def test_a_card_detached_in_the_dashboard_is_gone_here_too(stripe_world):
    world = stripe_world
    world.pay(save_card=True)
    assert len(world.ledger.cards(world.account_id)) == 1
    (kept,) = world.bench.server.attached()
    world.others.detach_card(kept["id"])
    assert world.deliver() == [RECORDED]
    assert world.ledger.cards(world.account_id) == ()
    assert world.findings() == []


def test_the_cards_of_a_customer_deleted_in_the_dashboard_are_gone_here_too(stripe_world):
    world = stripe_world
    world.pay(save_card=True)
    (customer_id,) = world.bench.server.state.customers
    world.bench.server.delete_customer(customer_id)
    assert world.deliver() == [RECORDED]
    assert world.ledger.cards(world.account_id) == ()
    assert world.findings() == []


def test_a_card_is_kept_while_nobody_can_say_that_it_is_gone(stripe_world):
    world = stripe_world
    world.pay(save_card=True)
    (kept,) = world.bench.server.attached()
    world.others.update_card(kept["id"])
    world.bench.lookups_available = False
    assert world.deliver() == [LATER]
    assert len(world.ledger.cards(world.account_id)) == 1


def test_a_card_that_its_network_renewed_shows_its_new_number_here(stripe_world):
    world = stripe_world
    world.pay(save_card=True)
    (kept,) = world.bench.server.attached()
    new = world.others.update_card(kept["id"])
    assert world.deliver() == [RECORDED]
    (card,) = world.ledger.cards(world.account_id)
    assert (card.last_four, card.expiry_month, card.expiry_year) == (new.last_four, new.expiry_month, new.expiry_year)
    assert world.findings() == []


# Payments made in the dashboard -----------------------------------------------------------------------------------


def test_a_payment_in_the_dashboard_is_never_credited_and_reported_once(stripe_world):
    world = stripe_world
    world.pay()
    (customer_id,) = world.bench.server.state.customers
    world.others.pay_in_dashboard(customer_id, GROSS)
    due = world.due()
    assert sorted(world.deliver(due)) == sorted([FOREIGN, UNEXPLAINED])
    assert sorted(world.deliver(due)) == sorted([FOREIGN, UNEXPLAINED])
    assert world.balance() == ("50.00", "50.00")
    assert world.findings() == ["notice_unexplained"]


def test_somebody_elses_payment_at_the_same_vendor_leaves_no_trace(world):
    world.pay()
    before = world.ledger.history(world.account_id, limit=1000)
    assert world.deliver([world.bench.foreign_notice()]) == [FOREIGN]
    assert world.ledger.history(world.account_id, limit=1000) == before
    assert world.findings() == []
