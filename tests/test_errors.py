"""One tree of errors: drawn as it is, each with its own code, and whole after a journey between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Iterator

import pytest

from interact_ledger import errors
from interact_ledger.errors import CardNumberRefused, InsufficientBalance, LedgerError

ALL_ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LedgerError)]


def drawn_tree() -> dict[str, str]:
    """Read child → parent out of the drawing: four columns are one level."""
    path: list[str] = []
    parents = {}
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.fullmatch(r"([│├└─ ]*)([A-Z]\w+)(?: {2,}.*)?", line)
        if drawn and (drawn[1] or drawn[2] == "LedgerError"):
            level = len(drawn[1]) // 4
            del path[level:]
            if path:
                parents[drawn[2]] = path[-1]
            path.append(drawn[2])
    return parents


def real_tree(root: type[LedgerError] = LedgerError) -> Iterator[tuple[str, str]]:
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind.__name__, root.__name__
            yield from real_tree(kind)


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn_tree() == dict(real_tree())


def test_the_tree_is_drawn_in_the_order_in_which_it_is_written() -> None:
    assert list(drawn_tree()) == sorted(drawn_tree(), key=lambda name: list(dict(real_tree())).index(name))


def test_all_names_exactly_the_errors() -> None:
    assert errors.__all__ == sorted(kind.__name__ for kind in ALL_ERRORS)
    assert len(ALL_ERRORS) > 30


def test_every_error_has_a_code_of_its_own_made_of_its_name() -> None:
    assert len({kind.code for kind in ALL_ERRORS}) == len(ALL_ERRORS)
    assert all(kind.code.replace("_", "") == kind.__name__.lower() for kind in ALL_ERRORS)
    assert InsufficientBalance.code == "insufficient_balance"
    assert LedgerError.code == "ledger_error"


@pytest.mark.parametrize("kind", ALL_ERRORS)
def test_every_error_says_in_one_sentence_what_it_means(kind: type[LedgerError]) -> None:
    assert kind.__doc__
    assert "__doc__" in vars(kind)
    assert kind.__doc__.splitlines()[0].endswith(".")


@pytest.mark.parametrize("kind", ALL_ERRORS)
@pytest.mark.parametrize("field", [None, "lines[3].reference"])
def test_an_error_is_whole_after_pickling_and_copying(kind: type[LedgerError], field: str | None) -> None:
    error = kind("is wrong; do otherwise", field=field)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert (twin.message, twin.field, twin.code) == (error.message, field, kind.code)
        assert str(twin) == str(error)


def test_an_error_says_the_field_and_what_to_do() -> None:
    assert str(CardNumberRefused("looks like a card number", field="reason")) == "reason: looks like a card number"
    assert str(LedgerError("try again")) == "try again"


def test_an_error_of_another_package_gets_a_code_too() -> None:
    class AcmeUnreachable(LedgerError):
        """A gateway author's own."""

    assert AcmeUnreachable.code == "acme_unreachable"
    assert AcmeUnreachable("no answer").field is None
