"""Everything that an operator decides, in one frozen model: seller, prices, limits, taxes, methods and durations.

Read from one TOML or JSON file. `Settings.default()` shows a full example, `defaults.toml` in this package.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.resources import as_file, files
from os import PathLike
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from interact_ledger.pricing.availability import Availability
from interact_ledger.pricing.configuration import Configuration, Country, Label, read_file, validated
from interact_ledger.pricing.limits import TopUpLimits
from interact_ledger.pricing.price_list import PriceList, load_price_list
from interact_ledger.pricing.taxes import TaxRules

__all__ = ["CardTesting", "Seller", "Settings"]

Duration = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3660))]
"""In a file: seconds, or ISO 8601 text such as "PT30M"."""


class Seller(Configuration):
    """Who sells, as receipts and invoices say it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """A short name that never changes: the invoice numbers are counted under it."""
    name: Label
    address: Annotated[tuple[Label, ...], Field(min_length=1, max_length=8)]
    """Line by line, without the country."""
    country: Country
    tax_number: Label | None = None


class CardTesting(Configuration):
    """After how many declines, or new cards, within a while an account's customer may not try any more cards."""

    declines_max: Annotated[int, Field(ge=1, le=100)] = 20
    cards_max: Annotated[int, Field(ge=1, le=100)] = 20
    """New cards that are to be kept, alone or with a payment."""
    window: Duration = timedelta(hours=1)


class Settings(Configuration):
    """What an operator decides. Durations are positive."""

    seller: Seller
    top_up: TopUpLimits
    """The least and the most of one top-up, per currency; a currency that is not in it is not offered."""
    price_list: PriceList
    """In a settings file: a table, or the path of another file, relative to the settings file."""
    availability: Availability
    taxes: TaxRules = ()
    card_testing: CardTesting = CardTesting()
    quote_lifetime: Duration = timedelta(minutes=30)
    """How long what was shown at checkout can be charged."""
    send_within: Duration = timedelta(seconds=60)
    """How long after its intent was recorded an attempt may still be sent to the gateway."""
    clock_difference_max: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(seconds=10)
    """By how much the clocks of two of our machines may differ. They must be synchronised: an attempt is taken for
    never sent only after `send_before`, this and the gateway's own delay."""
    authentication_within: Duration = timedelta(hours=1)
    """How long a customer may take to authenticate; then the payment is cancelled."""
    notice_retry_within: Duration = timedelta(days=1)
    """How long after it happened a gateway's notice that cannot be explained yet is asked for again."""
    hold_disputed_funds: bool = True
    """Whether what an open dispute could take cannot be spent until it is decided."""
    hold_lifetime: Duration = timedelta(days=7)
    """How long a hold lasts if nobody says how long."""
    hold_lifetime_max: Duration = timedelta(days=31)
    command_deadline: Duration = timedelta(seconds=10)
    """How long a command is decided again while others keep changing the account."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hold_lifetime > self.hold_lifetime_max:
            raise ValueError("hold_lifetime is above hold_lifetime_max")
        return self

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read settings from a TOML or JSON file.

        Raises:
            ConfigurationError: naming the file, the entry and the rule.
        """
        file = Path(path)
        content = read_file(file)
        if isinstance(content.get("price_list"), str):
            content["price_list"] = load_price_list(file.parent / content["price_list"])
        return validated(cls, content, str(path))

    @classmethod
    def default(cls) -> Self:
        """Return the example settings that ship with the package, for tests and first steps."""
        with as_file(files("interact_ledger") / "defaults.toml") as file:
            return cls.load(file)
