"""Which payment methods are offered where, and which gateway serves a payment (product rule 8).

A method is offered when the settings offer it for the customer's currency and country and some gateway that is
configured can take it there. Among several such gateways, the first in the order of the settings is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from interact_ledger.errors import MethodNotOffered
from interact_ledger.gateways.protocol import Capabilities
from interact_ledger.pricing.configuration import Configuration, Country, Currency, Label

__all__ = ["Availability", "OfferedMethod", "PaymentMethod", "choose_gateway", "payment_methods"]

MethodCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
GatewayId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")]


class OfferedMethod(Configuration):
    """A card brand that the seller offers, and where."""

    code: MethodCode
    """The brand, as gateways name it in `CardDetails.brand`: visa, american_express, …"""
    name: Label
    """What customers are shown."""
    currencies: tuple[Currency, ...] | None = None
    """Only for accounts in these; for all if left out."""
    countries: tuple[Country, ...] | None = None
    """Only for customers in these; for all if left out."""

    def offered_in(self, currency: str, country: str) -> bool:
        """Say whether the seller offers it to an account in this currency and country."""
        in_currency = self.currencies is None or currency in self.currencies
        return in_currency and (self.countries is None or country in self.countries)


class Availability(Configuration):
    """The methods that the seller offers, in the order in which customers see them."""

    methods: Annotated[tuple[OfferedMethod, ...], Field(max_length=1000)]
    gateways: Annotated[tuple[GatewayId, ...], Field(max_length=100)] = ()
    """In order of preference. Gateways that are not named come after, in the order in which the ledger got them."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name, values in (("methods", [method.code for method in self.methods]), ("gateways", self.gateways)):
            repeated = sorted({value for value in values if values.count(value) > 1})
            if repeated:
                raise ValueError(f"{name} names {', '.join(repeated)} more than once")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod:
    """A payment method that a customer may choose now."""

    code: str
    name: str
    gateways: tuple[str, ...]
    """The ids of the gateways that can take it, the one that will be used first."""


def payment_methods(
    availability: Availability, gateways: Mapping[str, Capabilities], currency: str, country: str
) -> tuple[PaymentMethod, ...]:
    """Return the methods offered to an account, in the order of the settings; none if nothing serves it.

    Args:
        gateways: the capabilities of the configured gateways, by gateway id.
        currency: the account's, ISO 4217.
        country: the account's, ISO 3166-1 alpha-2.
    """
    serving = _serving(availability, gateways, currency, country)
    offered = (method for method in availability.methods if method.offered_in(currency, country))
    methods = (
        PaymentMethod(
            code=method.code,
            name=method.name,
            gateways=tuple(gateway for gateway in serving if method.code in gateways[gateway].brands),
        )
        for method in offered
    )
    return tuple(method for method in methods if method.gateways)


def choose_gateway(
    availability: Availability,
    gateways: Mapping[str, Capabilities],
    currency: str,
    country: str,
    method: str | None = None,
) -> str:
    """Return the id of the gateway that a payment goes to: the first that serves currency, country and method.

    Args:
        method: the code of the method that the customer chose; None for whichever card is typed in.

    Raises:
        MethodNotOffered: if no gateway serves it, naming the methods that are offered.
    """
    offered = payment_methods(availability, gateways, currency, country)
    able = {gateway for candidate in offered if method in (None, candidate.code) for gateway in candidate.gateways}
    for gateway in _serving(availability, gateways, currency, country):
        if gateway in able:
            return gateway
    codes = ", ".join(candidate.code for candidate in offered)
    instead = f"choose from {codes}" if codes else "no method is offered there"
    raise MethodNotOffered(f"is not offered for {currency} in {country}; {instead}", field="method")


def _serving(
    availability: Availability, gateways: Mapping[str, Capabilities], currency: str, country: str
) -> tuple[str, ...]:
    """Return the ids of the gateways that serve the currency and the country, in order of preference."""
    preferred = [gateway for gateway in availability.gateways if gateway in gateways]
    others = [gateway for gateway in gateways if gateway not in preferred]
    return tuple(gateway for gateway in preferred + others if _serves(gateways[gateway], currency, country))


def _serves(capabilities: Capabilities, currency: str, country: str) -> bool:
    return currency in capabilities.currencies and (capabilities.countries is None or country in capabilities.countries)
