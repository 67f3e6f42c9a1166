"""The conformance kit fails each broken gateway in exactly the checks that it breaks."""

from __future__ import annotations

import broken_afterwards
import broken_cards
import broken_charges
import broken_notices
import broken_refunds
import pytest
from kit_runner import BROKEN, CHECKS, Broken, failures

from interact_ledger.gateways.conformance import Violation

SUBJECTS = (broken_charges, broken_cards, broken_refunds, broken_afterwards, broken_notices)


@pytest.mark.parametrize("kind", list(BROKEN), ids=lambda kind: kind.__name__)
def test_a_broken_gateway_fails_exactly_the_checks_that_it_breaks(
    kind: type[Broken], caplog: pytest.LogCaptureFixture
) -> None:
    assert set(failures(kind, caplog=caplog)) == BROKEN[kind]


def test_a_sandbox_that_is_not_broken_fails_none(caplog: pytest.LogCaptureFixture) -> None:
    assert failures(Broken, caplog=caplog) == {}


def test_every_check_fails_for_some_broken_gateway() -> None:
    assert {kind.__module__ for kind in BROKEN} == {module.__name__ for module in SUBJECTS}
    assert set().union(*BROKEN.values()) == set(CHECKS)


def test_a_failure_says_what_was_seen_which_rule_it_breaks_and_why_that_matters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = failures(broken_charges.MaskedRetry, caplog=caplog)
    violation = failed["test_a_charge_whose_answer_is_lost_is_unknown"]
    assert isinstance(violation, Violation)
    seen, rule, danger = str(violation).splitlines()
    assert seen.startswith("after_then_refused: charging came out as NotAttempted(")
    assert rule.startswith("  rule broken: protocol, rule 2: one try that may have arrived makes the outcome Unknown")
    assert danger.endswith("the customer pays twice")
