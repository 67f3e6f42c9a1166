"""How a wrong implementation is written down, and put into the library for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from unittest import mock

__all__ = ["BUGS", "Bug", "Patch", "bug", "plant", "with_a_key_per_call"]

Patch = Callable[[Any, str, Any], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """A wrong implementation."""

    name: str
    what: str
    plant: Callable[[Patch], None]


BUGS: dict[str, Bug] = {}


@contextmanager
def plant(name: str) -> Iterator[None]:
    """Change the library as a bug would have it, for a while."""
    with ExitStack() as stack:
        BUGS[name].plant(lambda where, what, wrong: stack.enter_context(mock.patch.object(where, what, wrong)))
        yield


def bug(function: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Register a bug under its function's name; its docstring says what is wrong."""
    name = function.__name__.removeprefix("_").replace("_", " ")
    assert function.__doc__ is not None
    BUGS[name] = Bug(name, function.__doc__.strip(), function)
    return function


def with_a_key_per_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return what makes the same request, under an idempotency key that no other call has."""
    numbers = count(1)

    def request(*arguments: Any) -> Any:
        made = original(*arguments)
        return replace(made, attempt_id=f"{made.attempt_id}.{next(numbers)}")

    return request
