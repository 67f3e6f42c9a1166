"""Who an account is at each gateway: one customer, and another in place of one that was deleted there."""

from __future__ import annotations

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account

__all__ = ["link_customer", "replace_customer"]


def link_customer(account: Account, gateway: str, customer_id: str) -> list[e.Event]:
    """Remember the customer's id at a gateway, unless one is known."""
    is_known = gateway in account.gateway_customers
    return [] if is_known else [e.GatewayCustomerLinked(gateway=gateway, customer_id=customer_id)]


def replace_customer(account: Account, gateway: str, customer_id: str) -> list[e.Event]:
    """Link another customer at a gateway in place of one that was deleted there.

    Not while anything is open there: it is looked up among what the customer has that it was sent for.
    """
    open_at = [top_up.intent.gateway for top_up in account.top_ups.values()]
    open_at += [saving.intent.gateway for saving in account.card_savings.values()]
    if gateway in open_at:
        return []
    is_known = account.gateway_customers.get(gateway) == customer_id
    return [] if is_known else [e.GatewayCustomerLinked(gateway=gateway, customer_id=customer_id)]
