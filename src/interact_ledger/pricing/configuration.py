"""Reading what an operator writes: TOML or JSON files into frozen models, with errors that name file, entry and rule.

Decimals are written as text (`"0.0325"`): a file's bare 0.0325 is read as a binary fraction, which it is not.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from interact_ledger.errors import ConfigurationError, InvalidAmount, InvalidRequest
from interact_ledger.money import USAGE_DECIMAL_PLACES, known_currency, parse_decimal
from interact_ledger.pricing.countries import check_region, known_country

__all__ = [
    "Configuration",
    "Country",
    "Currency",
    "Label",
    "Region",
    "bounded_decimal",
    "checked_by",
    "read_file",
    "validated",
]

ERRORS_SHOWN_MAX = 10

ModelT = TypeVar("ModelT", bound=BaseModel)
T = TypeVar("T")


class Configuration(BaseModel):
    """A part of the settings: frozen, and a misspelt name in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


# What fields may be -----------------------------------------------------------------------------------------------


def checked_by(check: Callable[[object, str], T]) -> BeforeValidator:
    """Return a validator that runs one of our checks; pydantic collects what it refuses, and names the field itself."""

    def run(value: object) -> T:
        try:
            return check(value, "")
        except InvalidRequest as error:
            raise ValueError(error.message) from None

    return BeforeValidator(run)


def bounded_decimal(*, minimum: str = "0", maximum: str, places: int = USAGE_DECIMAL_PLACES) -> BeforeValidator:
    """Return a validator of exact decimals between two bounds, inclusive, written as text, `int` or `Decimal`."""

    def check(value: object, field: str) -> Decimal:
        amount = parse_decimal(value, field)
        if not Decimal(minimum) <= amount <= Decimal(maximum):
            raise InvalidAmount(f"must be from {minimum} to {maximum}", field=field)
        if amount != round(amount, places):
            raise InvalidAmount(f"has more than {places} decimal places", field=field)
        return amount

    return checked_by(check)


Country = Annotated[str, checked_by(known_country)]
"""An assigned ISO 3166-1 alpha-2 code."""

Region = Annotated[str, checked_by(check_region)]
"""The part of an ISO 3166-2 code after the country."""

Currency = Annotated[str, checked_by(known_currency)]
"""An ISO 4217 code."""


def _no_blank_ends(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("starts or ends with a blank, or holds a control character")
    return text


Label = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_no_blank_ends)]
"""A name that people are shown."""


# Files ------------------------------------------------------------------------------------------------------------


def read_file(path: Path) -> dict[str, Any]:
    """Read a `.toml` or `.json` file in UTF-8.

    Raises:
        ConfigurationError: naming the file, if it cannot be read, has another suffix, does not parse, or gives one
            name twice in a table.
    """
    parsers: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": _parse_json}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise ConfigurationError(f"{path}: is neither a .toml nor a .json file")
    try:
        content = parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: is not valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must be one table of names and values")
    return content


def validated(model: type[ModelT], content: object, source: str) -> ModelT:
    """Make a model of what a file said.

    Args:
        source: where it came from, for the error.

    Raises:
        ConfigurationError: naming the source and, for each mistake, the entry and the rule; its `field` is the
            first entry.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = [(_entry(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors(include_url=False)]
    shown = [f"{entry}: {rule}" if entry else rule for entry, rule in found[:ERRORS_SHOWN_MAX]]
    more = [f"and {len(found) - ERRORS_SHOWN_MAX} more"] if len(found) > ERRORS_SHOWN_MAX else []
    raise ConfigurationError(f"{source}: {'; '.join(shown + more)}", field=found[0][0] or None)


def _entry(location: Iterable[int | str]) -> str:
    """Write a place in a file as people do: messages[2].per_segment."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_not_json)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is given twice in one table")
    return table


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")
