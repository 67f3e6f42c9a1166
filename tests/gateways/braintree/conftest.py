"""A server for each test, with nothing in it, and an adapter that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from braintree_bench import BraintreeBench, opened_bench


@pytest.fixture
def bench() -> Iterator[BraintreeBench]:
    with opened_bench() as opened:
        yield opened


@pytest.fixture
def keyless() -> Iterator[BraintreeBench]:
    """The same for a merchant without at-most-once processing."""
    with opened_bench(request_keys=False) as opened:
        opened.books.request_keys = False
        yield opened
