"""What became of the cards that a gateway keeps: renewed by their network, detached, or gone with their customer."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from interact_ledger.domain import customers
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.answers import REFERENCE_LENGTH_MAX
from interact_ledger.domain.cards import record_card
from interact_ledger.errors import GatewayError
from interact_ledger.free_text import storable
from interact_ledger.gateways.protocol import CardDetails, Found, Gateway, Indeterminate, SavedCard
from interact_ledger.processes.attempts import Marked, unmarked
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Decide, History

__all__ = ["hear_of_cards", "look_at_cards", "replace_customer"]


def hear_of_cards(context: Context, account_id: str, gateway_id: str, marked: Marked) -> bool:
    """Look up all cards that an account has saved at a gateway, and record what became of them with a notice's mark.

    Returns whether each could be looked up.
    """
    decide = look_at_cards(context, account_id, gateway_id)
    if decide is None:
        return False
    context.transact(account_id, marked(decide))
    return True


def look_at_cards(context: Context, account_id: str, gateway_id: str) -> Decide | None:
    """Look up all cards that an account has saved at a gateway, and return the decision that records what became of
    them; None if one could not be looked up.
    """
    gateway = context.gateway(gateway_id)
    account = context.accounts.load(account_id)
    told: dict[str, CardDetails | None] = {}
    for card in account.cards.values():
        if card.gateway == gateway_id:
            found = gateway.find_saved_card(SavedCard(card.token), context.customer_at(account_id, gateway))
            if isinstance(found, Indeterminate):
                return None
            told[card.card_id] = found.result if isinstance(found, Found) else None

    def decide(present: Account, _: History) -> Sequence[e.Event]:
        return [event for card_id, details in told.items() for event in record_card(present, card_id, details)]

    return decide


def replace_customer(context: Context, account_id: str, gateway: Gateway) -> None:
    """Record what became of the cards of a customer that was deleted, and link another for the next payment.

    If the gateway cannot be asked now, or something else is open there, the next payment comes here again.
    """
    with contextlib.suppress(GatewayError):
        hear_of_cards(context, account_id, gateway.gateway_id, unmarked)
        customer_id = storable(gateway.link_customer(account_id), REFERENCE_LENGTH_MAX)
        context.transact(
            account_id, lambda account, _: customers.replace_customer(account, gateway.gateway_id, customer_id)
        )
