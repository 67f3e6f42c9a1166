"""What tests say often when they go through the ledger's verbs."""

from __future__ import annotations

from typing import Any

from moneyed import Money

from interact_ledger import AccountDetails, Message, Number, TopUpResult
from interact_ledger.domain import events as e
from interact_ledger.testing import LedgerKit

ONE_SEGMENT = Message("m-1", "GB", segments=1)
NUMBER = Number("n-1", "+442071234567", "GB")


def gbp(amount: str) -> Money:
    return Money(amount, "GBP")


def funded(kit: LedgerKit, amount: str = "50.00", **account: Any) -> str:
    """Open an account, top it up once and return its id."""
    account_id = kit.account(**account).account_id
    kit.top_up(account_id, Money(amount, account.get("currency", "GBP")))
    return account_id


def pay(kit: LedgerKit, account_id: str, key: str = "pay", amount: str = "50.00", **how: Any) -> TopUpResult:
    """Check out and pay under a key, with a new Visa card unless another is named."""
    quote = kit.ledger.checkout(account_id, gbp(amount))
    card = how if "card_id" in how else {"card_token": "tok_visa", **how}
    return kit.ledger.top_up(account_id, quote.quote_id, idempotency_key=key, **card)


def saved(kit: LedgerKit, account_id: str, token: str = "tok_visa", key: str = "save") -> str:
    """Save a card and return its id."""
    card = kit.ledger.save_card(account_id, token, idempotency_key=key).card
    assert card is not None
    return card.card_id


def opened(kit: LedgerKit, owner: str = "customer-1", **details: Any) -> AccountDetails:
    return kit.ledger.open_account(owner, **{"currency": "GBP", "country": "GB", **details})


def available(kit: LedgerKit, account_id: str) -> Money:
    return kit.ledger.balance(account_id).available


def topics(kit: LedgerKit, account_id: str) -> list[str]:
    return [recorded.event.TOPIC for recorded in kit.ledger.history(account_id, limit=1000)]


def events_of(kit: LedgerKit, account_id: str, kind: type[e.Event]) -> list[Any]:
    events = (recorded.event for recorded in kit.ledger.history(account_id, limit=1000))
    return [event for event in events if isinstance(event, kind)]


def stored(kit: LedgerKit) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table of the ledger's database."""
    query = kit.ledger._log.query
    names = sorted(kit.ledger._log.recorder.table_names())
    assert {"stored_events", "operations", "agenda", "statement_lines"} <= set(names)
    return {name: query(f"SELECT * FROM {name}") for name in names}


def at_gateway(kit: LedgerKit) -> list[str]:
    """Return all that the sandbox remembers, its tries included."""
    return list(kit.gateway._memory._connection.iterdump())
