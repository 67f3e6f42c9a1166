"""Runs the conformance kit on a gateway by calling its checks, and says which of them fail."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from interact_ledger.clock import MovableClock
from interact_ledger.gateways.conformance import GatewayConformance
from interact_ledger.gateways.protocol import Capabilities, ChargeRequest
from interact_ledger.gateways.sandbox import SandboxGateway
from sandbox_bench import SandboxBench

__all__ = ["BROKEN", "CHECKS", "BeginsNothing", "Broken", "breaks", "failures"]

CHECKS = sorted(name for name in dir(GatewayConformance) if name.startswith("test_"))
START = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Broken(SandboxGateway):
    """A sandbox that is to be broken in one way, in a few currencies of each kind."""

    without_cards: frozenset[str] = frozenset()
    """Kinds of card that its bench has not."""

    @property
    def capabilities(self) -> Capabilities:
        every = super().capabilities
        few = {code: terms for code, terms in every.currencies.items() if code in {"GBP", "ISK", "JPY", "KWD", "BHD"}}
        return replace(every, currencies=few)


class BeginsNothing(Broken):
    """One that has no step before charging, as some gateways have none."""

    def begin(self, request: ChargeRequest) -> None:
        """Do nothing."""


BROKEN: dict[type[Broken], frozenset[str]] = {}


def breaks(*checks: str) -> Callable[[type[Broken]], type[Broken]]:
    """Register a broken gateway with the checks that must fail, and no others, named without `test_`."""

    def register(kind: type[Broken]) -> type[Broken]:
        BROKEN[kind] = frozenset(f"test_{check}" for check in checks)
        return kind

    return register


class _Kit(GatewayConformance):
    examples = 8
    mutations = 60


def failures(kind: type[SandboxGateway], **fixtures: Any) -> dict[str, BaseException]:
    """Return the checks that fail on a kind of gateway, each with the first error that it raised."""
    failed: dict[str, BaseException] = {}
    for name in CHECKS:
        for arguments in _arguments(name):
            clock = MovableClock(START)
            with closing(kind(clock=clock)) as gateway:
                check = getattr(_Kit(), name)
                wanted = {key: fixtures[key] for key in inspect.signature(check).parameters if key in fixtures}
                try:
                    check(_BenchOf(gateway, clock), **arguments, **wanted)
                except Exception as error:  # noqa: BLE001 - whatever a check raises, it has failed
                    failed.setdefault(name, error)
    return failed


class _BenchOf(SandboxBench):
    def card(self, kind: Any) -> str | None:
        return None if str(kind) in getattr(self.gateway, "without_cards", ()) else super().card(kind)


def _arguments(name: str) -> Iterator[dict[str, Any]]:
    marks = [m for m in getattr(getattr(_Kit, name), "pytestmark", ()) if m.name == "parametrize"]
    if not marks:
        yield {}
    for mark in marks:
        argument, values = mark.args
        for value in values:
            yield {argument: value}
