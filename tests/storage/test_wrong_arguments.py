"""Whatever is passed for any argument of any verb, what comes back is an error of ours that names it, and at once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from moneyed import Money

from interact_ledger import errors as x
from interact_ledger.testing import LedgerKit
from verb_calls import CALLS, Scene, argument_of, arguments, call, named_in

SECONDS = 1.0

WRONG: dict[str, Any] = {
    "a list": ["x"],
    "a list of lists": [[]],
    "a list of triples": [(1, 2, 3)],
    "a list of pairs of no texts": [([], 1)],
    "a list of pairs with a fraction": [("m-1", 1.5)],
    "bytes": b"x",
    "a dictionary": {"x": 1},
    "a set": {1},
    "a generator": (nothing for nothing in ()),
    "a class": Money,
    "an object": object(),
    "an empty text": "",
    "blanks": " \t ",
    "a text with NUL": "a\0b",
    "half a surrogate pair": "a\ud800",
    "an escape sequence": "\x1b[2Jgone",
    "ten million characters": "x" * 10_000_000,
    "ten million digits": "9" * 10_000_000,
    "ten million items": ["x"] * 10_000_000,
    "a number": 7_000_000_000,
    "a number of 71 bits": 2**70,
    "a number of ten million bits": 1 << 10_000_000,
    "a negative number": -1,
    "a float": 1.5,
    "not a number": float("nan"),
    "a decimal out of bounds": Decimal("1E+1000000"),
    "no finite amount": Money(Decimal("NaN"), "GBP"),
    "an amount out of bounds": Money(Decimal("1E+1000000"), "GBP"),
    "an amount of ten million digits": Money(Decimal("0." + "1" * 10_000_000), "GBP"),
    "a moment without a zone": datetime(2026, 1, 1),  # noqa: DTZ001 - that is what is wrong with it
    "a moment before the first": datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    "a moment after the last": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    "a very long time": timedelta.max,
}

HARMLESS = {
    ("a class", "on_progress"),  # it can be called
    ("a class", "handle"),
    ("a number", "after"),  # a page behind the last is empty
}


@pytest.fixture
def scene(kit: LedgerKit) -> Scene:
    return Scene.on(kit)


OFFERS = {
    verb: [(field, put, wrong) for of, field, put in arguments() if of == verb for wrong in WRONG] for verb in CALLS
}


@pytest.mark.parametrize("verb", CALLS)
def test_a_wrong_argument_is_refused_by_name_in_no_time(scene: Scene, verb: str):
    before = scene.kit.ledger._log.position()
    for field, put, wrong in OFFERS[verb]:
        if (wrong, field) in HARMLESS:
            continue
        started = time.process_time()
        with pytest.raises(x.LedgerError) as refused:
            call(scene, verb, **{argument_of(field): put(WRONG[wrong])})
        took = time.process_time() - started
        assert not isinstance(refused.value, x.StorageUnavailable), (field, wrong)
        assert named_in(refused.value, field), (field, wrong, refused.value)
        assert took < SECONDS, (field, wrong)
    assert scene.kit.ledger._log.position() == before
