"""A call of every verb that would work, so that any of its arguments can be replaced by what must not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from interact_ledger import Ledger, LedgerError, Message, Number
from interact_ledger.domain import events as e
from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.sandbox.notices import SIGNATURE_HEADER
from interact_ledger.testing import LedgerKit
from ledger_helpers import NUMBER, ONE_SEGMENT, funded, gbp, opened, pay, saved

__all__ = ["CALLS", "Scene", "annotations", "argument_of", "arguments", "call", "named_in", "verbs"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A ledger with one account that has one of everything, and another that is empty."""

    kit: LedgerKit
    account: str
    empty: str
    card: str
    hold: str
    spend: str
    quote: str
    paid: str
    pending: str
    saving: str
    refund: str
    paused: str

    @classmethod
    def on(cls, kit: LedgerKit) -> Scene:
        ledger = kit.ledger
        account = funded(kit, "50.00")
        card = saved(kit, account)
        ledger.spend(account, NUMBER, idempotency_key="number")
        paid = pay(kit, account, key="paid").transaction_id
        return cls(
            kit=kit,
            account=account,
            empty=opened(kit, "customer-2").account_id,
            paused=_with_paused_auto_top_up(kit),
            card=card,
            hold=ledger.hold(account, gbp("5.00"), "r", idempotency_key="hold").hold_id,
            spend=ledger.spend(account, ONE_SEGMENT, idempotency_key="spend").transaction_id,
            quote=ledger.checkout(account, gbp("20.00")).quote_id,
            paid=paid,
            pending=pay(kit, account, key="pending", card_token="tok_pending").transaction_id,
            refund=ledger.refund(account, paid, gbp("6.00"), "r", idempotency_key="refund").refund_id,
            saving=ledger.save_card(account, "tok_pending", idempotency_key="saving").saving_id,
        )


def _on(*names: str, **more: Any) -> Callable[[Scene], dict[str, Any]]:
    """Arguments that are named as the scene names them, `account_id` and others that are the same for each call."""

    def made(scene: Scene) -> dict[str, Any]:
        return {"account_id": scene.account} | {f"{name}_id": getattr(scene, name) for name in names} | more

    return made


def _consent() -> dict[str, Any]:
    return {"consent_text": "yes", "given_by": "me", "given_at": datetime(2026, 11, 1, tzinfo=UTC)}


def _with_paused_auto_top_up(kit: LedgerKit) -> str:
    """Open an account whose auto top-up is paused, and whose monthly recharge goes on."""
    account = opened(kit, "customer-3").account_id
    card, amounts = saved(kit, account), {"amount": gbp("20.00"), "ceiling": gbp("60.00")}
    agreed = {"card_id": card, **amounts, **_consent()}
    kit.ledger.enable_auto_top_up(account, threshold=gbp("15.00"), max_per_month=3, **agreed)
    kit.ledger.enable_monthly_recharge(account, day=31, **agreed)
    kit.ledger.on_behalf_of("test")._decide(
        account, lambda _, __: [e.AutoTopUpPaused(reason=e.StopReason.FAILURES, operation_id=None)]
    )
    return account


def _told(_done: int, _of: int) -> None:
    return


def _taken(_event: object) -> None:
    return


def _delivered(kit: LedgerKit) -> dict[str, Any]:
    delivery = kit.gateway.notices_due()[0]
    return {"body": delivery.body, "headers": delivery.headers}


CALLS: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "on_behalf_of": lambda s: {"actor": "me", "correlation_id": "ticket"},
    "open_account": lambda s: {
        "owner": "o",
        "currency": "GBP",
        "country": "GB",
        "region": "ENG",
        "tax_status": "consumer",
        "time_zone": "UTC",
        "idempotency_key": "k",
    },
    "change_details": _on(country="GB", region="ENG", tax_status="business", time_zone="UTC"),
    "record_tax_number": _on(
        number="GB980780684", verified_by="HMRC", verified_at=datetime(2026, 11, 1, tzinfo=UTC), reference="r"
    ),
    "withdraw_tax_number": _on(reason="why"),
    "suspend": _on(reason="why"),
    "reinstate": _on(reason="why"),
    "close_account": lambda s: {
        "account_id": s.empty,
        "reason": "why",
        "idempotency_key": "k",
        "paid_out": None,
        "payout_reference": None,
    },
    "adjust": _on(amount=gbp("1.00"), reason="why", idempotency_key="k"),
    "grant_credit": _on(
        amount=gbp("1.00"), reason="why", idempotency_key="k", priority=50, expires_at=datetime(2099, 1, 1, tzinfo=UTC)
    ),
    "granted_credit": _on(),
    "notify_below": _on(amount=gbp("1.00")),
    "payment_methods": _on(),
    "checkout": _on(amount=gbp("20.00"), method="visa"),
    "checkout_summary": _on("quote"),
    "top_up": _on("quote", idempotency_key="k", card_token="tok_visa", card_id=None, save_card=False),
    "top_up_elsewhere": lambda s: {
        "account_id": s.account,
        "transaction_id": s.paid,
        "gateway": "elsewhere",
        "card_token": "tok_visa",
    },
    "complete": lambda s: {"account_id": s.account, "transaction_id": s.pending},
    "cancel": lambda s: {"account_id": s.account, "transaction_id": s.pending},
    "top_up_result": lambda s: {"account_id": s.account, "transaction_id": s.pending},
    "refundable": lambda s: {"account_id": s.account, "transaction_id": s.paid, "charge": None},
    "refund": lambda s: {
        "account_id": s.account,
        "transaction_id": s.paid,
        "amount": gbp("1.00"),
        "reason": "why",
        "idempotency_key": "k",
        "charge": None,
    },
    "refund_result": _on("refund"),
    "receive": lambda s: {"gateway_id": "sandbox", **_delivered(s.kit)},
    "save_card": _on(card_token="tok_visa", idempotency_key="k", method="visa"),
    "complete_saving": _on("saving"),
    "cancel_saving": _on("saving"),
    "cards": _on(),
    "disputes": _on(),
    "choose_default_card": _on("card"),
    "remove_card": _on("card", idempotency_key="k"),
    "automatic_payments": _on(),
    "enable_auto_top_up": lambda s: {
        "account_id": s.account,
        "threshold": gbp("15.00"),
        "amount": gbp("20.00"),
        "target": None,
        "card_id": s.card,
        "max_per_month": 3,
        "max_value_per_day": gbp("60.00"),
        "max_value_per_month": gbp("90.00"),
        "ceiling": gbp("60.00"),
        **_consent(),
    },
    "resume_auto_top_up": lambda s: {"account_id": s.paused},
    "disable_auto_top_up": lambda s: {"account_id": s.paused},
    "enable_monthly_recharge": lambda s: {
        "account_id": s.account,
        "day": 31,
        "amount": gbp("20.00"),
        "card_id": s.card,
        "ceiling": gbp("60.00"),
        **_consent(),
    },
    "disable_monthly_recharge": lambda s: {"account_id": s.paused},
    "account": _on(),
    "accounts": lambda s: {"owner": "customer-1", "after": "acct", "limit": 10},
    "balance": _on(at=None, version=None),
    "receipt": lambda s: {"transaction_id": s.paid},
    "receipts": _on(after=0, limit=10),
    "credit_note": lambda s: {"credit_note_id": s.kit.ledger.credit_notes(s.account)[0].credit_note_id},
    "credit_notes": _on(after=0, limit=10),
    "statement": _on(start=None, end=None, after=0, limit=10),
    "history": _on(after=0, limit=10),
    "estimate": _on(items=[ONE_SEGMENT]),
    "spend": _on(item=ONE_SEGMENT, idempotency_key="k", top_up_at_once=False),
    "spend_many": _on(items=[ONE_SEGMENT], idempotency_key="k", top_up_at_once=False),
    "reverse_spend": lambda s: {
        "account_id": s.account,
        "transaction_id": s.spend,
        "reason": "why",
        "idempotency_key": "k",
        "lines": [("m-1", 1)],
    },
    "hold": _on(amount=gbp("1.00"), reference="r", idempotency_key="k", expires_in=timedelta(hours=1)),
    "settle": _on("hold", items=[ONE_SEGMENT], idempotency_key="k", top_up_at_once=False),
    "release": _on("hold", idempotency_key="k"),
    "numbers": _on(),
    "release_number": _on(number=NUMBER.number),
    "recover": lambda s: {"on_progress": _told},
    "run_due": lambda s: {"now": s.kit.clock.now(), "on_progress": _told},
    "look_again": lambda s: {"since": s.kit.clock.now(), "gateway": "sandbox", "on_progress": _told},
    "deliver_notifications": lambda s: {"subscriber": "mailer", "handle": _taken, "on_progress": _told},
    "rebuild": lambda s: {"on_progress": _told},
    "audit": lambda s: {"on_progress": _told},
}
"""By verb: all of its arguments, none left to its default."""


def verbs() -> set[str]:
    return {name for name, _ in inspect.getmembers(Ledger, inspect.isfunction) if not name.startswith("_")} - {"close"}


def annotations(verb: str) -> dict[str, str]:
    """Return a verb's parameters, with their types as the source writes them."""
    parameters = list(inspect.signature(getattr(Ledger, verb)).parameters.values())[1:]
    return {parameter.name: str(parameter.annotation) for parameter in parameters}


def call(scene: Scene, verb: str, **changed: Any) -> object:
    """Call a verb with good arguments, but for those that are changed."""
    return getattr(scene.kit.ledger, verb)(**CALLS[verb](scene) | changed)


GOOD_ITEMS: dict[type, dict[str, Any]] = {
    Message: {"reference": "m-2", "destination": "GB", "segments": 1, "quantity": 1},
    Number: {"reference": "n-2", "number": "+442071234568", "country": "GB", "kind": "local"},
}


def arguments() -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    """Yield each verb, argument, and how a value gets into it; what is inside lists is an argument of its own."""
    for verb in sorted(verbs()):
        for name, annotation in annotations(verb).items():
            if annotation in {"Item", "Sequence[Item]"}:
                yield from _inside_items(verb, name, is_list=annotation != "Item")
            elif annotation.startswith("Sequence[tuple["):
                yield verb, f"{name}[0]", lambda value: [(value, 1)]
            if annotation == "Mapping[str, str]":
                yield verb, f"{name}.{SIGNATURE_HEADER}", lambda value: {SIGNATURE_HEADER: value}
            yield verb, name, lambda value: value


def _inside_items(verb: str, name: str, *, is_list: bool) -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    for kind, good in GOOD_ITEMS.items():
        assert {field.name for field in fields(kind)} == set(good), "each field of an item is offered"
        for field in good:

            def put(value: Any, kind: type = kind, good: dict[str, Any] = good, field: str = field) -> Any:
                item = kind(**good | {field: value})
                return [item] if is_list else item

            yield verb, f"{name}.{kind.__name__}.{field}", put


def argument_of(field: str) -> str:
    """Return the argument in which a field of `arguments` is."""
    return field.partition(".")[0].partition("[")[0]


def named_in(error: LedgerError, field: str) -> bool:
    """Say whether an error names the argument, or the part of it, that was at fault."""
    named = error.field or ""
    match argument_of(field):
        case "card_id" if named == "card_token":
            return True  # one of the two is passed, and both were
        case "target" if named == "amount":
            return True  # one of the two is passed
        case "paid_out" if named == "payout_reference":
            return True  # they go together
        case "item" if named.startswith("items[0]"):
            return True  # `spend` is `spend_many` with one item
        case "body" | "headers" if isinstance(error, NoticeRejected):
            return named in {"body", "headers", SIGNATURE_HEADER}  # who checks them sees both together
        case "gateway_id" if named == "gateways":
            return True  # the ledger was opened without it
        case argument:
            return named.partition("[")[0] == argument or named == field.rpartition(".")[2] != ""
