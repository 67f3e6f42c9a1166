"""Reading what an operator writes: TOML or JSON files into frozen models, with errors that name file, entry and rule.

Decimals are written as text (`"0.0325"`): a file's bare 0.0325 is read as a binary fraction, which it is not.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from interact_ledger.errors import ConfigurationError, InvalidAmount, InvalidRequest, InvalidText
from interact_ledger.free_text import from_outside, refuse_secrets
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
RULE_LENGTH_MAX = 1000
FILE_SIZE_MAX = 1_000_000
"""In bytes: room for 12,000 prices."""
TOML_LINE_LENGTH_MAX = 1000
TOML_DOTS_MAX = 20
"""In one line: the work for a name grows with the square of its dots."""
TEXT_LENGTH_MAX = 1000
TEXTS_MAX = 1000
"""In one list. More of either is in no field, and is not searched for secrets."""

ModelT = TypeVar("ModelT", bound=BaseModel)
T = TypeVar("T")


class Configuration(BaseModel):
    """A part of the settings: frozen, and a misspelt name in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _holds_no_secret(cls, value: object) -> object:
        """Refuse what must not be stored: names and versions that the settings give end up in events."""
        texts = [text for text in (value if isinstance(value, list | tuple) else (value,)) if isinstance(text, str)]
        if len(texts) > TEXTS_MAX or any(len(text) > TEXT_LENGTH_MAX for text in texts):
            raise ValueError("is too long")
        for text in texts:
            try:
                refuse_secrets(text, "")
            except InvalidText as error:
                raise ValueError(error.message) from None
        return value


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
        ConfigurationError: naming the file, if it cannot be read, has another suffix, is too long, does not parse, or
            gives one name twice in a table.
    """
    source = from_outside(path)
    parsers: dict[str, Callable[[str], Any]] = {".toml": _parse_toml, ".json": _parse_json}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise ConfigurationError(f"{source}: is neither a .toml nor a .json file")
    content, wrong = _parsed(path, parse)
    if wrong:
        raise ConfigurationError(f"{source}: {wrong}")
    if not isinstance(content, dict):
        raise ConfigurationError(f"{source}: must be one table of names and values")
    return content


def _parsed(path: Path, parse: Callable[[str], Any]) -> tuple[Any, str]:
    """Return what a file holds, or what is wrong with it; an error of a parser keeps the whole file with it."""
    try:
        with path.open("rb") as file:
            read = file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    except ValueError:
        return None, "cannot be read: it has no such name"
    if len(read) > FILE_SIZE_MAX:
        return None, f"has more than {FILE_SIZE_MAX:,} bytes"
    try:
        return parse(read.decode("utf-8-sig")), ""
    except UnicodeDecodeError:
        return None, "is not UTF-8 text"
    except (ValueError, RecursionError) as error:
        return None, f"is not valid {path.suffix[1:].upper()}: {from_outside(error)}"


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
        count = error.error_count()
        first = error.errors(include_url=False, include_context=False, include_input=False)[:ERRORS_SHOWN_MAX]
        found = [(_entry(e["loc"]), _rule(e["msg"])) for e in first]
    shown = [f"{entry}: {rule}" if entry else rule for entry, rule in found]
    more = [f"and {count - ERRORS_SHOWN_MAX} more"] if count > ERRORS_SHOWN_MAX else []
    raise ConfigurationError(f"{from_outside(source)}: {'; '.join(shown + more)}", field=found[0][0] or None)


def _entry(location: Iterable[int | str]) -> str:
    """Write a place in a file as people do: messages[2].per_segment."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{from_outside(part)}" for part in location)
    return "".join(parts).lstrip(".")


def _rule(message: str) -> str:
    return from_outside(message.removeprefix("Value error, "), length_max=RULE_LENGTH_MAX)


def _parse_toml(text: str) -> Any:
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > TOML_LINE_LENGTH_MAX or (line.count(".") > TOML_DOTS_MAX and not line.startswith("#")):
            most = f"{TOML_LINE_LENGTH_MAX:,} characters or {TOML_DOTS_MAX} dots"
            raise ValueError(f"line {number} has more than {most}")
    return tomllib.loads(text)


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_not_json)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise ValueError(f"{next(name for name in times if times[name] > 1)!r} is given twice in one table")
    return table


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")
