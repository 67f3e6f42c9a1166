"""What the fields of events may be."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from interact_ledger.money import Amount

__all__ = [
    "GatewayToken",
    "LineReversal",
    "LotPart",
    "LotReturn",
    "PersonalData",
    "PersonalText",
    "Secret",
    "SpendLine",
    "TaxLine",
    "TaxStatus",
    "UtcTime",
]


class PersonalData:
    """Marks a field that may hold personal data, so that it can be encrypted and its key destroyed."""


class Secret:
    """Marks a field with which somebody could charge a card."""


PersonalText = Annotated[str, PersonalData()]
GatewayToken = Annotated[str, Secret(), Field(repr=False)]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class TaxStatus(StrEnum):
    """What the customer is to a tax rule."""

    CONSUMER = "consumer"
    BUSINESS = "business"


class TaxLine(BaseModel):
    """One tax on a top-up, rounded alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rate: Decimal
    """In per cent: 20 is a fifth."""
    amount: Amount
    reverse_charge: bool = False
    """The customer accounts for this tax; the amount is then zero."""


class SpendLine(NamedTuple):
    """One thing bought. Its price is exactly `quantity * segments * unit_price`; nothing is rounded."""

    reference: PersonalText
    """The service's own name for it, unique within its event."""
    item: str
    """What it is in the price list: message/GB, number-setup/GB/local, number-month/GB/local."""
    quantity: int
    segments: int
    unit_price: Amount

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.segments * self.unit_price


class LineReversal(NamedTuple):
    """How many of one line's quantity are given back."""

    line: int
    """The line's position in the spend, from 0."""
    quantity: int


class LotPart(NamedTuple):
    """What a lot of granted credit pays, or is reserved for."""

    lot_id: str
    amount: Amount


class LotReturn(NamedTuple):
    """What a lot of granted credit gets back, with its terms: it may have been used up meanwhile."""

    lot_id: str
    amount: Amount
    priority: int
    expires_at: UtcTime | None
