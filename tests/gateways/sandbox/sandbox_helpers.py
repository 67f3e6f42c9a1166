"""Requests to the sandbox as most tests want them, and what tests ask of it afterwards."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from moneyed import Money

from interact_ledger.gateways.protocol import (
    CardRequest,
    CardResult,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Initiator,
    NewCard,
    PaymentSource,
    RefundRequest,
    SavedCard,
    Succeeded,
)
from interact_ledger.gateways.sandbox import Delivery, SandboxGateway

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
TWELVE = Money("12.00", "GBP")


def payment(attempt: str = "att_1", **changes: Any) -> ChargeRequest:
    request = ChargeRequest(
        attempt_id=attempt,
        transaction_id="txn_1",
        account_id="acct_1",
        customer_id="cus_1",
        amount=TWELVE,
        save_card=False,
        initiator=Initiator.CUSTOMER,
        send_before=NOON + timedelta(minutes=5),
    )
    return dataclasses.replace(request, **changes)


def saving(attempt: str = "sav_1", **changes: Any) -> CardRequest:
    request = CardRequest(
        attempt_id=attempt,
        saving_id="saving_1",
        account_id="acct_1",
        customer_id="cus_1",
        send_before=NOON + timedelta(minutes=5),
    )
    return dataclasses.replace(request, **changes)


def refund_of(charge_reference: str, attempt: str = "ref_1", **changes: Any) -> RefundRequest:
    request = RefundRequest(
        attempt_id=attempt,
        refund_id="refund_1",
        transaction_id="txn_1",
        account_id="acct_1",
        charge_reference=charge_reference,
        amount=TWELVE,
        send_before=NOON + timedelta(minutes=5),
    )
    return dataclasses.replace(request, **changes)


def charge(
    gateway: SandboxGateway, source: str | PaymentSource = "tok_visa", attempt: str = "att_1", **changes: Any
) -> ChargeResult:
    """Charge a card, or a new one that its token names."""
    return gateway.charge(payment(attempt, **changes), NewCard(source) if isinstance(source, str) else source)


def save(gateway: SandboxGateway, token: str = "tok_visa", attempt: str = "sav_1", **changes: Any) -> CardResult:
    return gateway.save(saving(attempt, **changes), NewCard(token))


def saved(gateway: SandboxGateway, token: str = "tok_visa", attempt: str = "sav_1") -> SavedCard:
    result = save(gateway, token, attempt)
    assert isinstance(result, CardSaved)
    return SavedCard(result.token)


def paid(gateway: SandboxGateway, source: str | PaymentSource = "tok_visa", **changes: Any) -> Succeeded:
    result = charge(gateway, source, **changes)
    assert isinstance(result, Succeeded)
    return result


def statuses(gateway: SandboxGateway) -> list[tuple[str, str]]:
    return [(item.kind, item.status) for item in gateway.chargeable()]


def changing_calls(gateway: SandboxGateway) -> dict[str, Any]:
    """One call of every changing method, each ready to take effect."""
    charged = paid(gateway, attempt="att_0")
    card = saved(gateway)
    gateway.begin(payment(attempt="att_3"))
    save(gateway, "tok_authentication_required", "sav_3")
    return {
        "begin": lambda: gateway.begin(payment(attempt="att_1")),
        "charge": lambda: charge(gateway, attempt="att_2"),
        "cancel": lambda: gateway.cancel(payment(attempt="att_3")),
        "save": lambda: save(gateway, attempt="sav_2"),
        "cancel_save": lambda: gateway.cancel_save(saving("sav_3")),
        "forget": lambda: gateway.forget(card, "cus_1"),
        "refund": lambda: gateway.refund(refund_of(charged.reference)),
    }


def picture(gateway: SandboxGateway) -> tuple[Any, ...]:
    return gateway.captured(), gateway.chargeable()


def one_delivery(gateway: SandboxGateway) -> Delivery:
    paid(gateway)
    (delivery,) = gateway.notices_due()
    return delivery
