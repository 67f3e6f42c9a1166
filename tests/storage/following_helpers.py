"""What the tests of a ledger beside another event store share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from interact_ledger import Ledger
from interact_ledger.storage.log import Log

Open = Callable[..., Ledger]
"""Opens a ledger, given the name of its copy and where its events are."""


@contextmanager
def dying_before_its_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is appended meanwhile reaches the other event store, and our database no more."""

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Log, "_write", die)
    with contextlib.suppress(KeyboardInterrupt):
        yield
        raise AssertionError("nothing was appended")
    monkeypatch.undo()
