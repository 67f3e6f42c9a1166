"""A loopback Stripe with nothing in it, and an adapter that talks to it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from stripe_bench import StripeBench, stripe_bench

os.environ["NO_PROXY"] = "127.0.0.1"  # whatever proxy this machine sends its requests through


@pytest.fixture
def bench() -> Iterator[StripeBench]:
    with stripe_bench() as bench:
        yield bench


@pytest.fixture
def unused_tcp_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
