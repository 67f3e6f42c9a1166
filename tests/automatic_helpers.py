"""What tests of automatic payments say often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from interact_ledger import AutoTopUpDetails, Ledger, Message, MonthlyRechargeDetails
from interact_ledger.domain import events as e
from interact_ledger.gateways.protocol import ChargeRequest, ChargeResult, NewCard, PaymentSource
from interact_ledger.testing import START, LedgerKit
from ledger_helpers import gbp, opened, saved

COOL_DOWN = timedelta(minutes=5)
CONSENT: dict[str, Any] = {"consent_text": "You may charge my card.", "given_by": "customer-1", "given_at": START}
AGREED: dict[str, Any] = {
    "threshold": gbp("15.00"),
    "amount": gbp("20.00"),
    "max_per_month": 10,
    "ceiling": gbp("60.00"),
    **CONSENT,
}
MONTHLY: dict[str, Any] = {"day": 1, "amount": gbp("20.00"), "ceiling": gbp("60.00"), **CONSENT}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def with_card(kit: LedgerKit, token: str = "tok_visa", balance: str = "20.00", **account: Any) -> tuple[str, str]:
    """Open an account with a balance that no payment brought, and a saved card."""
    account_id = opened(kit, **account).account_id
    kit.ledger.adjust(account_id, gbp(balance), "a start", idempotency_key="start")
    return account_id, saved(kit, account_id, token)


def with_auto_top_up(kit: LedgerKit, token: str = "tok_visa", **agreed: Any) -> tuple[str, str]:
    """Open an account with £20 and an agreement to add £20 below £15."""
    account_id, card_id = with_card(kit, token)
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED | agreed)
    return account_id, card_id


def with_monthly_recharge(kit: LedgerKit, token: str = "tok_visa", *, zone: str = "UTC", **agreed: Any) -> str:
    """Open an account that is recharged with £20 on the first of each month."""
    account_id, card_id = with_card(kit, token, time_zone=zone)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | agreed)
    return account_id


def spend(kit: LedgerKit, account_id: str, pounds: str, key: str = "spend", **how: Any) -> None:
    """Buy messages for so many pounds, or a little less."""
    quantity = int(gbp(pounds).amount / gbp("0.0325").amount)
    message = Message("m", "GB", segments=1, quantity=quantity)
    kit.ledger.spend(account_id, message, idempotency_key=key, **how)


def due(kit: LedgerKit, moment: datetime | None = None) -> list[str]:
    """Run what is due, at that moment if one is named, and return the outcomes."""
    if moment is not None:
        kit.clock.set(moment)
    return [done.outcome for done in kit.ledger.run_due()]


def auto(kit: LedgerKit, account_id: str) -> AutoTopUpDetails:
    details = kit.ledger.automatic_payments(account_id).auto_top_up
    assert details is not None
    return details


def monthly(kit: LedgerKit, account_id: str) -> MonthlyRechargeDetails:
    details = kit.ledger.automatic_payments(account_id).monthly_recharge
    assert details is not None
    return details


def charged_as(kit: LedgerKit, token: str) -> Callable[[ChargeRequest, PaymentSource], ChargeResult]:
    """Return what charges any card as if it were this one, for a card that has changed since it was saved."""
    charge = kit.gateway.charge
    return lambda request, _source: charge(request, NewCard(token))


def with_other(kit: LedgerKit, **changed: Any) -> Ledger:
    """Return the kit's ledger with other settings or gateways."""
    ledger = kit.ledger
    return Ledger(ledger._log, replace(ledger._context, **changed), ledger._books, ledger._ids)


def attempts(kit: LedgerKit, account_id: str) -> list[e.PaymentAttempted]:
    """Return every attempt of an automatic payment."""
    history = kit.ledger.history(account_id, limit=1000)
    events = [recorded.event for recorded in history if isinstance(recorded.event, e.PaymentAttempted)]
    return [event for event in events if event.initiator != "customer"]
