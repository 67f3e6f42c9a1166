"""The on-disk format: what every event class must be, what holds personal data, and examples that parse for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ValidationError

from interact_ledger.domain import events as e
from interact_ledger.domain.events import TOPICS, Event
from interact_ledger.domain.fold.account import _apply
from interact_ledger.domain.fold.operations import evolve_top_up
from interact_ledger.money import CurrencyCode

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"{path.stem}-{one['topic']}": one for path in sorted(GOLDEN.glob("*.json")) for one in json.loads(path.read_text())
}
CLASSES = list(TOPICS.values())


def read(example: dict[str, Any]) -> Event:
    kind, fields = TOPICS[example["topic"]], example["event"]
    for version in range(example["version"], kind.VERSION):
        fields = kind.UPCASTS[version](fields)
    return kind.model_validate(fields)


# Classes ----------------------------------------------------------------------------------------------------------


def all_subclasses(cls: type[Event]) -> Iterator[type[Event]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from all_subclasses(subclass)


ABSTRACT = {
    *(e.OperationEvent, e.OperationStarted, e.PaymentEvent, e.CardSavingEvent, e.Purchase, e.RefundEvent),
    e.ConsentGiven,
    *(e.ChargeEvent, e.ChargeShare, e.CreditNoteEntry),
}


def test_every_event_says_its_own_topic_and_no_two_say_the_same():
    concrete = set(all_subclasses(Event)) - ABSTRACT
    assert all("TOPIC" in cls.__dict__ for cls in concrete)
    assert not any("TOPIC" in cls.__dict__ for cls in ABSTRACT)
    assert {cls.TOPIC for cls in concrete} == set(TOPICS)
    assert len(concrete) == len(TOPICS)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.TOPIC)
def test_a_topic_is_a_word_that_does_not_name_a_module(cls):
    assert cls.TOPIC.replace("-", "").isalpha()
    assert cls.TOPIC.islower()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.TOPIC)
def test_an_event_is_found_by_fields_that_it_has(cls):
    assert set(cls.OPERATIONS) <= set(cls.model_fields)
    assert not cls.STARTS or cls.OPERATIONS


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_event_cannot_be_changed_and_takes_no_unknown_field(name):
    event = read(EXAMPLES[name])
    field = next(iter(type(event).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(event, field, getattr(event, field))
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(event).model_validate({**EXAMPLES[name]["event"], "unknown": 1})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.TOPIC)
def test_an_event_that_cannot_be_read_does_not_repeat_what_it_holds(cls):
    fields = {field: ["4242424242424242"] for field in cls.model_fields}
    with pytest.raises(ValidationError) as unreadable:
        cls.model_validate(fields)
    assert "4242" not in str(unreadable.value)


@pytest.mark.parametrize("cls", [e.PaymentEvent, e.CardSavingEvent], ids=lambda cls: cls.__name__)
def test_every_event_about_an_attempt_has_its_line_in_the_fold(cls):
    """The fold of a top-up raises for an event that it does not know; the account's knows each by its class."""
    attempted = read(EXAMPLES["events-v1-payment-attempted"])
    top_up = evolve_top_up(None, attempted)
    for example in EXAMPLES.values():
        event = read(example)
        if isinstance(event, cls):
            assert _apply.dispatch(type(event)) is not _apply.dispatch(Event)
            if cls is e.PaymentEvent:
                assert evolve_top_up(top_up, event) != top_up


# Personal data and secrets ----------------------------------------------------------------------------------------


def marked(hint: object, mark: type) -> bool:
    """Say whether a type, or any part of it, carries the mark."""
    if get_origin(hint) is Annotated:
        return any(isinstance(one, mark) for one in hint.__metadata__) or marked(get_args(hint)[0], mark)
    return any(marked(part, mark) for part in get_args(hint))


def fields_marked(mark: type) -> set[str]:
    kinds = [*CLASSES, e.SpendLine, e.LineReversal, e.TaxLine]
    return {
        f"{kind.__name__}.{field}"
        for kind in kinds
        for field, hint in get_type_hints(kind, include_extras=True).items()
        if marked(hint, mark)
    }


def test_these_fields_may_hold_personal_data_and_no_others():
    started = {cls.__name__ for cls in CLASSES if issubclass(cls, e.OperationStarted)}
    assert fields_marked(e.PersonalData) == {f"{name}.idempotency_key" for name in started} | {
        "AccountOpened.owner",
        "TaxNumberVerified.number",
        "TaxNumberVerified.verified_by",
        "TaxNumberVerified.reference",
        "TaxNumberWithdrawn.reason",
        "AccountSuspended.reason",
        "AccountReinstated.reason",
        "AccountClosed.reason",
        "AccountClosed.payout_reference",
        "SpendLine.reference",
        "SpendReversed.reason",
        "RefundRequested.reason",
        "NumberRented.number",
        "NumberRentalCharged.number",
        "NumberRentalUnpaid.number",
        "NumberReleased.number",
        "FundsHeld.reference",
        "BalanceAdjusted.reason",
        "AutoTopUpEnabled.consent_text",
        "AutoTopUpEnabled.given_by",
        "MonthlyRechargeEnabled.consent_text",
        "MonthlyRechargeEnabled.given_by",
        "CreditGranted.reason",
    }
    assert started == {
        *("AccountClosed", "TopUpRequested", "CardSavingRequested", "CardRemovalRequested", "Spent", "SpendReversed"),
        *("NumberRentalCharged", "FundsHeld", "HoldSettled", "HoldReleased", "BalanceAdjusted", "RefundRequested"),
        "CreditGranted",
    }


def test_one_field_is_a_secret_and_never_shows():
    assert fields_marked(e.Secret) == {"CardSaved.token"}
    event = read(EXAMPLES["events-v1-card-saved"])
    assert event.token == "pm_1"
    assert "pm_1" not in repr(event) + str(event)


# Round trips ------------------------------------------------------------------------------------------------------

AMOUNTS = st.decimals(-(10**15) + 1, 10**15 - 1, places=6, allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(0, 10**9),
    bool: st.booleans(),
    Decimal: AMOUNTS,
    AwareDatetime: st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for what a field of this type may hold."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is CurrencyCode:
        return st.from_regex(r"[A-Z]{3}", fullmatch=True)
    if origin is Annotated:
        return values(parts[0])
    if origin in (Union, UnionType):
        return st.one_of(*map(values, parts))
    if origin is tuple:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if origin is Literal:
        return st.sampled_from(parts)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel | tuple):
        return st.builds(hint, **strategies(hint))
    return PLAIN[hint]


def strategies(kind: type) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(kind, include_extras=True)
    names = kind.model_fields if issubclass(kind, BaseModel) else kind._fields
    return {name: values(hints[name]) for name in names}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.TOPIC)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_is_read_as_it_was_written(cls, data):
    event = data.draw(st.builds(cls, **strategies(cls)))
    written = event.model_dump_json()
    again = cls.model_validate_json(written)
    assert again == event
    assert again.model_dump_json() == written
    assert cls.model_validate(json.loads(written)) == event


def test_amounts_keep_their_digits_and_are_never_written_as_numbers():
    event = read(EXAMPLES["events-v1-spent"])
    assert '"0.0325"' in event.model_dump_json()
    assert event.lines[0].amount == Decimal("0.1950")


def test_times_are_written_in_utc_whatever_zone_they_came_in():
    event = read(EXAMPLES["events-v1-payment-captured"])
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    moved = type(event).model_validate({**event.model_dump(), "captured_at": moment})
    assert '"captured_at":"2026-11-23T06:30:00Z"' in moved.model_dump_json()
    with pytest.raises(ValidationError):
        type(event).model_validate({**event.model_dump(), "captured_at": moment.replace(tzinfo=None)})


# Golden examples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_was_once_written_can_be_read_for_ever(name):
    """Never edit an example: a class that no longer reads it needs a new VERSION and an entry in UPCASTS."""
    example = EXAMPLES[name]
    event = read(example)
    if example["version"] == type(event).VERSION:
        written = json.loads(event.model_dump_json())
        assert {field: written[field] for field in example["event"]} == example["event"]


def test_every_event_has_a_golden_example():
    """A new event's example goes into a file of its own, named for the release that brings it."""
    assert {example["topic"] for example in EXAMPLES.values()} == set(TOPICS)


def test_every_old_version_can_be_brought_up_to_date():
    for cls in CLASSES:
        assert set(cls.UPCASTS) == set(range(1, cls.VERSION))
