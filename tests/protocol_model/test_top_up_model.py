"""The model of the top-up in docs/model holds as it is, and the checker finds each thing that can be broken in it."""

from __future__ import annotations

import re

import pytest
from top_up_model import BROKEN, HERE, HOLDS, Run, check


@pytest.mark.parametrize("run", HOLDS, ids=lambda run: run.name)
def test_the_protocol_holds_in_every_state_and_each_of_its_actions_is_taken(run: Run):
    outcome = check(run)
    assert outcome.violated is None
    assert outcome.states >= run.states
    assert outcome.never == run.never


@pytest.mark.parametrize("run", BROKEN, ids=lambda run: run.name)
def test_the_checker_finds_what_breaks_when_one_thing_is_wrong(run: Run):
    assert check(run).violated == run.violates


def test_every_bug_that_the_model_can_have_is_tried():
    model = (HERE / "TopUp.tla").read_text(encoding="utf-8")
    written = set(re.findall(r'Bug (?:=|#) ("[^"]+")', model))
    assert written == {run.constants["Bug"] for run in BROKEN if "Bug" in run.constants}
