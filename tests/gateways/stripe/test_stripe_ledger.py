"""The real ledger over Stripe's adapter and HTTP: what becomes of a payment that Stripe never takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from moneyed import Money

from interact_ledger import Ledger
from interact_ledger.testing import SequentialIds
from servers.stripe import Fault
from stripe_bench import StripeBench, adapter, stripe_bench

CREATE = "/v1/payment_intents"


@pytest.fixture
def bench() -> Iterator[StripeBench]:
    with stripe_bench() as opened:
        yield opened


@pytest.fixture
def ledger(bench: StripeBench) -> Iterator[Ledger]:
    gateway = adapter(bench.server, bench.clock)  # on the bench a fault would end with the call that it befalls
    with Ledger.open("sqlite://", gateways=[gateway], clock=bench.clock, ids=SequentialIds()) as opened:
        yield opened


def test_a_payment_that_was_called_off_before_it_began_ends_though_nothing_can_be_created(bench, ledger):
    account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
    quote = ledger.checkout(account_id, Money("50.00", "GBP"))
    bench.server.faults.add("POST", CREATE, Fault.DROP_BEFORE, times=None)
    paid = ledger.top_up(account_id, quote.quote_id, card_token="pm_card_visa", idempotency_key="pay")
    assert paid.status == "unknown"
    assert ledger.cancel(account_id, paid.transaction_id).status == "unknown"
    (still_open,) = ledger.recover()
    assert not still_open.is_over
    bench.clock.advance(timedelta(minutes=6))
    (ended,) = ledger.recover()
    assert (ended.outcome, ended.is_over) == ("cancelled", True)
    assert ledger.recover() == []
    assert bench.captured() == []
    assert ledger.audit().findings == ()
