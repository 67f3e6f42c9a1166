"""Results as plain data, for `--json`: money with its currency, exact decimals as text, UTC times, and no secret.

What is secret is declared where it is: with `Secret` on an event's field, with `repr=False` on a record's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from moneyed import Money
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from interact_ledger.clock import iso
from interact_ledger.domain.events import Event, Recorded, Secret
from interact_ledger.money import plain

__all__ = ["MASK", "Document", "as_document", "recorded_document"]

Document: TypeAlias = dict[str, Any]

MASK = "••••"

SHOWN = frozenset({"client_secret"})
"""Not for a `repr`, but the operator needs it: the gateway's code in the customer's browser authenticates with it.

It belongs to one payment, cannot charge another card, and ends with that payment."""


def as_document(value: object) -> Any:
    """Return a result of the ledger as data that JSON can hold."""
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
        case Money():
            return {"amount": plain(value.amount, value.currency.code), "currency": value.currency.code}
        case Decimal():
            return f"{value:f}"
        case datetime():
            return iso(value)
        case timedelta():
            return _iso_duration(value)
        case Mapping():
            return {str(as_document(key)): as_document(item) for key, item in value.items()}
        case Set():
            return sorted(as_document(item) for item in value)
        case _:
            return _record_or_list(value)


def recorded_document(recorded: Recorded) -> Document:
    """Return an event in its place in the log; `data` is what it says, without its secrets."""
    return {
        "version": recorded.version,
        "recorded_at": iso(recorded.recorded_at),
        "actor": recorded.actor,
        "correlation_id": recorded.correlation_id,
        "topic": recorded.event.TOPIC,
        "topic_version": recorded.event.VERSION,
        "data": as_document(recorded.event),
    }


def fields_of(value: object) -> dict[str, object] | None:
    """Return the fields of a record of any kind in order, secrets masked; None if it is no record."""
    if isinstance(value, BaseModel):
        return {
            name: MASK if isinstance(value, Event) and _is_secret(info.metadata) else getattr(value, name)
            for name, info in type(value).model_fields.items()
        }
    if dataclasses.is_dataclass(value):
        return {field.name: _unless_hidden(getattr(value, field.name), field) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    return None


def _iso_duration(value: timedelta) -> str:
    """Write a duration in days and less: how long a year or a month is, nobody can say."""
    whole, rest = divmod(value, timedelta(days=1))
    if not whole:
        return str(to_jsonable_python(rest))
    return f"P{whole}D" + (str(to_jsonable_python(rest)).removeprefix("P") if rest else "")


def _record_or_list(value: object) -> Any:
    fields = fields_of(value)
    if fields is not None:
        return {name: as_document(item) for name, item in fields.items()}
    assert isinstance(value, Sequence), f"a {type(value).__name__} is no result of the ledger"
    return [as_document(item) for item in value]


def _is_secret(metadata: Sequence[object]) -> bool:
    return any(isinstance(mark, Secret) for mark in metadata)


def _unless_hidden(value: object, field: dataclasses.Field[Any]) -> object:
    return value if field.repr or field.name in SHOWN or value is None else MASK
