"""Given these events, when this decision, then these events: how tests of decisions are written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from moneyed import Money

from interact_ledger.domain import events as e
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import Account, TopUp
from interact_ledger.domain.fold import evolve, fold_top_up
from interact_ledger.domain.operations import Request
from interact_ledger.gateways.protocol import (
    Advice,
    CardDetails,
    CardFunding,
    CardSaved,
    Declined,
    DeclineReason,
    Initiator,
    Succeeded,
)

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
REQUEST = Request("txn_1", "key-1", "f" * 32)
OPENED = e.AccountOpened(
    owner="customer-1",
    currency="GBP",
    country="GB",
    region=None,
    tax_status=e.TaxStatus.CONSUMER,
    time_zone="Europe/London",
)
CARD = CardDetails(brand="visa", last_four="4242", expiry_month=12, expiry_year=2039, funding=CardFunding.CREDIT)
SAVED = CardSaved(reference="seti_1", token="pm_1", details=CARD)
QUOTE = e.CheckoutQuoted(
    quote_id="quote_1",
    recharge=Decimal("50.00"),
    credit=Decimal("50.00"),
    taxes=(e.TaxLine(name="VAT", rate=Decimal(20), amount=Decimal("10.00")),),
    total=Decimal("60.00"),
    currency="GBP",
    method=None,
    gateway="sandbox",
    expires_at=NOW + timedelta(minutes=30),
)


def request(number: int) -> Request:
    return Request(f"txn_{number}", f"key-{number}", "f" * 32)


def recorded(*events: e.Event) -> list[e.Recorded]:
    return [e.Recorded("acct_1", version, NOW, "test", None, event) for version, event in enumerate(events, start=1)]


def account(*events: e.Event, opened: e.AccountOpened = OPENED) -> Account:
    """Return the account to which these events happened after its opening."""
    state: Account | None = None
    for one in recorded(opened, *events):
        state = evolve(state, one)
    assert state is not None
    return state


def past(*events: e.Event, of: str) -> list[e.Recorded]:
    """Return those of the events that are about an operation, card, hold or quote."""
    return [one for one in recorded(OPENED, *events) if of in one.event.operations()]


def history_of(*events: e.Event) -> Callable[[str], list[e.Recorded]]:
    """Return what tells those of the events that are about an operation, card, hold or quote."""
    return lambda subject: past(*events, of=subject)


def balance(amount: str) -> e.BalanceAdjusted:
    return e.BalanceAdjusted(**request(99).fields, amount=Decimal(amount), currency="GBP", reason="start")


# A top-up ---------------------------------------------------------------------------------------------------------


def requested(save_card: bool = False) -> list[e.Event]:
    """A quote, a request and a first attempt."""
    return [
        QUOTE,
        *life.request_top_up(
            account(),
            REQUEST,
            QUOTE,
            gateway="sandbox",
            card_id=None,
            save_card=save_card,
            initiator=Initiator.CUSTOMER,
            send_before=SOON,
        ),
    ]


def top_up_after(*events: e.Event) -> TopUp:
    top_up = fold_top_up(past(*events, of="txn_1"))
    assert top_up is not None
    return top_up


def when(given: list[e.Event], result: Any, attempt: str = "txn_1.1") -> list[e.Event]:
    """Return what is decided when the gateway says this of an attempt."""
    attempted = next(x for x in given if isinstance(x, e.PaymentAttempted) and x.attempt_id == attempt)
    return life.record_result(account(*given), top_up_after(*given), attempted, result, action_expires_at=LATER)


def then(given: list[e.Event], *results: Any, attempt: str = "txn_1.1") -> list[e.Event]:
    """Return all events after the gateway said these one after the other."""
    events = list(given)
    for result in results:
        events += when(events, result, attempt)
    return events


def captured(amount: str = "60.00", currency: str = "GBP", reference: str = "pay_1", **more: Any) -> Succeeded:
    return Succeeded(reference=reference, amount=Money(amount, currency), captured_at=NOW, card=CARD, **more)


def declined(still_payable: bool = False) -> Declined:
    return Declined(
        reason=DeclineReason.FRAUD,
        advice=Advice.NEVER,
        raw_code="fraudulent",
        reference="pay_1",
        still_payable=still_payable,
    )


def attempt_again(*given: e.Event, send_before: datetime = SOON, gateway: str = "sandbox") -> list[e.Event]:
    """Return what opens the next attempt with a new card, at the same gateway unless another is named."""
    return life.attempt_again(
        account(*given), top_up_after(*given), gateway=gateway, card_id=None, send_before=send_before
    )
