"""What a campaign or a number will cost, and what to top up for it (product rule 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money

from interact_ledger.domain.events import SpendLine
from interact_ledger.money import round_card, round_up_to_minor_unit

__all__ = ["Estimate", "ItemEstimate", "estimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEstimate:
    """What all purchases of one item in the price list come to."""

    item: str
    """Its name in the price list: message/GB, number-setup/GB/local, number-month/GB/local."""
    quantity: int
    """Messages, or numbers."""
    segments: int
    """SMS segments of all of them together; 0 for numbers."""
    unit_price: Money
    """Per segment, or per number; down to six decimal places."""
    cost: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a purchase will cost against a balance. All money is in the account's currency."""

    cost: Money
    """Exactly what will be spent; down to six decimal places."""
    available: Money
    """What the balance has to spend."""
    shortfall: Money
    """What the balance lacks; zero if it suffices."""
    top_up: Money
    """The recharge amount to enter at checkout, in whole minor units; zero if none is needed, otherwise never below
    the minimum. It may be above the maximum for one top-up: then several are needed."""
    messages: int
    segments: int
    items: tuple[ItemEstimate, ...]
    """Per item of the price list, in the order of first appearance; their costs add up to `cost`."""


def _as_it_is(credit: Decimal) -> Decimal:
    return credit


def estimate(
    lines: Sequence[SpendLine],
    available: Decimal,
    currency: str,
    minimum: Decimal,
    recharge_for: Callable[[Decimal], Decimal] = _as_it_is,
) -> Estimate:
    """Set the cost of priced lines against a balance.

    Args:
        lines: from `PriceList.price`.
        available: the balance to spend, in the major unit; may be negative.
        currency: of all amounts, ISO 4217.
        minimum: the least recharge amount, in the major unit.
        recharge_for: the least recharge amount that brings a given credit, in whole minor units; differs from the
            credit where taxes are included in the amount (`taxes.recharge_for_credit`).
    """
    items = _by_item(lines, currency)
    cost = sum((line.amount for line in lines), Decimal(0))
    shortfall = max(cost - available, Decimal(0))
    return Estimate(
        cost=Money(cost, currency),
        available=Money(available, currency),
        shortfall=Money(shortfall, currency),
        top_up=Money(_top_up(shortfall, currency, minimum, recharge_for), currency),
        messages=sum(item.quantity for item in items if item.segments),
        segments=sum(item.segments for item in items),
        items=items,
    )


def _top_up(shortfall: Decimal, currency: str, minimum: Decimal, recharge_for: Callable[[Decimal], Decimal]) -> Decimal:
    if not shortfall:
        return Decimal(0)
    recharge = recharge_for(round_up_to_minor_unit(shortfall, currency))
    return round_card(max(minimum, recharge), currency)


def _by_item(lines: Sequence[SpendLine], currency: str) -> tuple[ItemEstimate, ...]:
    grouped: dict[str, list[SpendLine]] = {}
    for line in lines:
        grouped.setdefault(line.item, []).append(line)
    return tuple(_item_estimate(item, of_item, currency) for item, of_item in grouped.items())


def _item_estimate(item: str, lines: Sequence[SpendLine], currency: str) -> ItemEstimate:
    unit_price = lines[0].unit_price
    assert all(line.unit_price == unit_price for line in lines), "one price list has one price for an item"
    units = sum(line.quantity * line.segments for line in lines)
    return ItemEstimate(
        item=item,
        quantity=sum(line.quantity for line in lines),
        segments=units if item.startswith("message/") else 0,
        unit_price=Money(unit_price, currency),
        cost=Money(units * unit_price, currency),
    )
