"""Pricing what is bought from the price list, and debiting it from the balance or a hold."""

from __future__ import annotations

from collections.abc import Sequence

from interact_ledger.domain import events as e
from interact_ledger.domain import holds, numbers, spending
from interact_ledger.domain.account import Account
from interact_ledger.domain.operations import Request
from interact_ledger.errors import InvalidRequest
from interact_ledger.pricing.catalogue import Item, Number
from interact_ledger.pricing.price_list import MONTH_SUFFIX
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Change, History

__all__ = ["settle_hold", "spend"]


def spend(context: Context, account_id: str, request: Request, items: Sequence[Item]) -> Change:
    """Buy messages and numbers from the available balance, all or nothing, as one event."""
    prices = context.settings.price_list

    def decide(account: Account, _: History) -> Sequence[e.Event]:
        lines = prices.price(items, account.currency)
        spent = spending.spend(account, request, lines, prices.version, context.now())
        return (spent, *_rents(context, account, request.operation_id, items, lines))

    return context.once(account_id, request, decide)


def settle_hold(context: Context, account_id: str, request: Request, hold_id: str, items: Sequence[Item]) -> Change:
    """Buy messages out of a hold."""
    prices = context.settings.price_list
    if any(isinstance(item, Number) for item in items):
        raise InvalidRequest("a hold pays for messages; buy numbers with spend", field="items")

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        lines = prices.price(items, account.currency)
        # A hold's past grows with each message that it pays for; only of one that is over it says anything new.
        past = () if hold_id in account.holds else history(hold_id)
        return holds.settle(account, request, hold_id, past, lines, prices.version, context.now())

    return context.once(account_id, request, decide)


def _rents(
    context: Context, account: Account, operation_id: str, items: Sequence[Item], lines: Sequence[e.SpendLine]
) -> list[e.Event]:
    bought = [item for item in items if isinstance(item, Number)]
    if not bought:
        return []
    if len({item.number for item in bought}) < len(bought):
        raise InvalidRequest("names a number twice", field="items")
    by_reference = {line.reference: line for line in lines}
    return [
        numbers.rent(account, operation_id, item.number, by_reference[item.reference + MONTH_SUFFIX], context.now())
        for item in bought
    ]
