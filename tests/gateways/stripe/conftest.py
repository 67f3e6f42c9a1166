"""A loopback Stripe with nothing in it, and an adapter that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stripe_bench import StripeBench, stripe_bench


@pytest.fixture
def bench() -> Iterator[StripeBench]:
    with stripe_bench() as bench:
        yield bench
