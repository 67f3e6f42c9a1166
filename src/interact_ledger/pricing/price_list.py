"""What things cost: the price list, and the one place where a price is looked up (product rule 4).

A spend records the prices it was made at and the version of the list, so a new list never changes the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Annotated, NamedTuple, NoReturn, Self

from pydantic import Field, model_validator

from interact_ledger.domain.events import SpendLine
from interact_ledger.errors import InvalidRequest, PriceNotFound
from interact_ledger.pricing.catalogue import Item, Message, Number, check_kind
from interact_ledger.pricing.configuration import (
    Configuration,
    Country,
    Currency,
    bounded_decimal,
    checked_by,
    read_file,
    validated,
)

__all__ = ["MessagePrice", "NumberPrice", "PriceList", "load_price_list"]

OTHERS_SHOWN_MAX = 20
MONTH_SUFFIX = "/month"
"""What a number's second line adds to its reference."""

# With these bounds a line (quantity and segments at their most) stays exact, and below 10^15 as amounts must.
SegmentPrice = Annotated[Decimal, bounded_decimal(maximum="1000000")]
"""Per segment, in the currency's major unit, at most six decimal places."""
NumberPriceAmount = Annotated[Decimal, bounded_decimal(maximum="1000000000")]
"""Per number, in the currency's major unit, at most six decimal places."""
Kind = Annotated[str, checked_by(check_kind)]


class MessagePrice(Configuration):
    """What one segment to one country costs in one currency."""

    destination: Country
    currency: Currency
    per_segment: SegmentPrice


class NumberPrice(Configuration):
    """What a kind of number from one country costs in one currency."""

    country: Country
    kind: Kind = "local"
    currency: Currency
    set_up: NumberPriceAmount
    monthly: NumberPriceAmount


class _Priced(NamedTuple):
    """An item's name in the price list, and its unit price."""

    item: str
    unit_price: Decimal


class PriceList(Configuration):
    """All prices, under a version that spends record.

    Two prices for the same thing in the same currency are an error.
    """

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    messages: tuple[MessagePrice, ...] = ()
    numbers: tuple[NumberPrice, ...] = ()

    @model_validator(mode="after")
    def _one_price_each(self) -> Self:
        _refuse_second("messages", ((p.destination, p.currency) for p in self.messages))
        _refuse_second("numbers", ((p.country, p.kind, p.currency) for p in self.numbers))
        return self

    def price(self, items: Iterable[Item], currency: str) -> tuple[SpendLine, ...]:
        """Price what is to be bought: one line for a message; for a number its set-up and its first month.

        Lines come in the order of the items. A number's set-up line bears its reference, its month's line the
        reference with "/month" added.

        Args:
            items: messages and numbers; references must be unique among all lines.
            currency: the account's, ISO 4217.

        Raises:
            PriceNotFound: naming what has no price in this currency, and what to do about it.
            InvalidRequest: if there is nothing to price, an item is neither, or a reference comes twice.
        """
        lines = tuple(self._lines(items, currency))
        if not lines:
            raise InvalidRequest("names nothing to buy; pass at least one message or number", field="items")
        references = [line.reference for line in lines]
        if len(set(references)) < len(references):
            raise InvalidRequest(_repetition(references), field="items")
        return lines

    def _lines(self, items: Iterable[Item], currency: str) -> Iterator[SpendLine]:
        message_prices = self._message_prices.get(currency, {})
        number_prices = self._number_prices.get(currency, {})
        for position, item in enumerate(items):
            if isinstance(item, Message):
                priced = message_prices.get(item.destination) or self._refuse_message(
                    item.destination, currency, f"items[{position}].destination"
                )
                yield SpendLine(item.reference, priced.item, item.quantity, item.segments, priced.unit_price)
            elif isinstance(item, Number):
                set_up, month = number_prices.get((item.country, item.kind)) or self._refuse_number(
                    item, currency, f"items[{position}].country"
                )
                yield SpendLine(item.reference, set_up.item, 1, 1, set_up.unit_price)
                yield SpendLine(item.reference + MONTH_SUFFIX, month.item, 1, 1, month.unit_price)
            else:
                raise InvalidRequest(
                    f"is a {type(item).__name__}; pass a Message or a Number", field=f"items[{position}]"
                )

    @cached_property
    def _message_prices(self) -> Mapping[str, Mapping[str, _Priced]]:
        """By currency and destination: a campaign looks up one of a few of these for each of its messages."""
        prices: dict[str, dict[str, _Priced]] = {}
        for price in self.messages:
            priced = _Priced(f"message/{price.destination}", price.per_segment)
            prices.setdefault(price.currency, {})[price.destination] = priced
        return prices

    @cached_property
    def _number_prices(self) -> Mapping[str, Mapping[tuple[str, str], tuple[_Priced, _Priced]]]:
        """By currency, country and kind: the set-up and the month."""
        prices: dict[str, dict[tuple[str, str], tuple[_Priced, _Priced]]] = {}
        for price in self.numbers:
            name = f"{price.country}/{price.kind}"
            priced = _Priced(f"number-setup/{name}", price.set_up), _Priced(f"number-month/{name}", price.monthly)
            prices.setdefault(price.currency, {})[price.country, price.kind] = priced
        return prices

    def _refuse_message(self, destination: str, currency: str, field: str) -> NoReturn:
        others = sorted(self._message_prices.get(currency, ()))
        raise PriceNotFound(
            f"{self._no_price} for messages to {destination} in {currency}; {_instead(others)}", field=field
        )

    def _refuse_number(self, number: Number, currency: str, field: str) -> NoReturn:
        others = sorted("/".join(key) for key in self._number_prices.get(currency, ()))
        raise PriceNotFound(
            f"{self._no_price} for a {number.kind} number from {number.country} in {currency}; {_instead(others)}",
            field=field,
        )

    @property
    def _no_price(self) -> str:
        return f"price list {self.version} has no price"


def load_price_list(path: str | PathLike[str]) -> PriceList:
    """Read a price list from a TOML or JSON file; prices are text, such as "0.0325".

    Raises:
        ConfigurationError: naming the file, the entry and the rule.
    """
    return validated(PriceList, read_file(Path(path)), str(path))


def _refuse_second(table: str, keys: Iterable[tuple[str, ...]]) -> None:
    first: dict[tuple[str, ...], int] = {}
    for position, key in enumerate(keys):
        if key in first:
            raise ValueError(
                f"{table}[{position}] is a second price for {'/'.join(key)}; the first is {table}[{first[key]}]"
            )
        first[key] = position


def _instead(others: list[str]) -> str:
    shown = ", ".join(others[:OTHERS_SHOWN_MAX]) + (", …" if len(others) > OTHERS_SHOWN_MAX else "")
    return f"add one, or choose from {shown}" if others else "it has no such prices in this currency; add them"


def _repetition(references: list[str]) -> str:
    """Say which lines share a reference, without repeating it: it has not been checked for what it must not hold."""
    first: dict[str, int] = {}
    for number, reference in enumerate(references, start=1):
        if first.setdefault(reference, number) != number:
            return f"comes twice, on lines {first[reference]} and {number} (a number takes two lines)"
    raise AssertionError("some reference comes twice")
