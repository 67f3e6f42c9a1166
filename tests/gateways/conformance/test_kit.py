"""The conformance kit fails each broken gateway in exactly the checks that it breaks."""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from kit_runner import BROKEN, CHECKS, Broken, failures

from interact_ledger.gateways.conformance import GatewayConformance, Violation

SUBJECTS = {file.stem: import_module(file.stem) for file in sorted(Path(__file__).parent.glob("broken_*.py"))}
"""The broken gateways, a file for each file of the kit; each registers itself."""


@pytest.mark.parametrize("kind", list(BROKEN), ids=lambda kind: kind.__name__)
def test_a_broken_gateway_fails_exactly_the_checks_that_it_breaks(
    kind: type[Broken], caplog: pytest.LogCaptureFixture
) -> None:
    assert set(failures(kind, caplog=caplog)) == BROKEN[kind]


def test_a_sandbox_that_is_not_broken_fails_none(caplog: pytest.LogCaptureFixture) -> None:
    assert failures(Broken, caplog=caplog) == {}


class WithoutFinding(Broken):
    """An adapter whose author forgot a method."""

    @property
    def find_charge(self) -> NoReturn:
        raise AttributeError("find_charge")


class Behind:
    """An adapter behind a proxy, as a bench may hand it out."""

    def __init__(self, gateway: Broken) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> object:
        return getattr(self._gateway, name)


def check_methods(gateway: Broken) -> None:
    bench = SimpleNamespace(gateway=Behind(gateway))
    GatewayConformance().test_it_has_every_method_and_a_name_that_events_can_bear(bench)


def test_a_method_that_is_missing_is_named() -> None:
    with closing(WithoutFinding()) as gateway, pytest.raises(Violation, match="lacks of the protocol: find_charge"):
        check_methods(gateway)


def test_an_adapter_behind_a_proxy_has_every_method() -> None:
    with closing(Broken()) as gateway:
        check_methods(gateway)


def test_every_check_fails_for_some_broken_gateway() -> None:
    assert {kind.__module__ for kind in BROKEN} == SUBJECTS.keys()
    assert set().union(*BROKEN.values()) == set(CHECKS)


def test_a_failure_says_what_was_seen_which_rule_it_breaks_and_why_that_matters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = failures(SUBJECTS["broken_faults"].MaskedRetry, caplog=caplog)
    violation = failed["test_a_charge_whose_answer_is_lost_is_unknown"]
    assert isinstance(violation, Violation)
    seen, rule, danger = str(violation).splitlines()
    assert seen.startswith("after_then_refused: charging came out as NotAttempted(")
    assert rule.startswith("  rule broken: protocol, rule 2: one try that may have arrived makes the outcome Unknown")
    assert danger.endswith("the customer pays twice")
