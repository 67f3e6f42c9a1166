"""Rows 1 and 2 of the reliability programme: seeds without a violation, and planted bugs that are all found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.bugs import BUGS, plant
from simulation.bugs.shown import find
from simulation.story import tell

REPLAYED = [*range(0, 200, 20)]
TESTS = Path(__file__).parents[1]


@pytest.mark.programme(row=1, what="simulated seeds", ci=2_000, release=50_000, each=100)
def test_no_seed_violates_an_invariant(part):
    violations = [f"seed {seed}: {violation}" for seed in part if (violation := tell(seed).violation)]
    assert violations == [], "replay one with: make simulate SEED=…"


@pytest.mark.programme(row=2, what="planted bugs", ci=len(BUGS), release=len(BUGS), each=1)
def test_each_planted_bug_is_found(part):
    """The seeds are those in which the unpatched library violates nothing."""
    for name in [*BUGS][part.start : part.stop]:
        found = find(name)
        assert found is not None, name
        # A plant that no longer fits the library is found by its own stumbling, and shows nothing.
        assert not any(error in found[1].what for error in ("AttributeError(", "TypeError(", "NameError(")), (
            f"{name}: {found}"
        )


def test_planting_a_bug_is_undone():
    with plant("credit per answer"):
        pass
    assert not any(tell(seed).violation for seed in range(5))


def replayed(hash_seed: str) -> str:
    """Return what every seed's trace and stored bytes come to, in a process of its own."""
    told = "from simulation.story import tell; [print(s, tell(s, with_trace=True).digest) for s in {}]"
    return subprocess.run(
        [sys.executable, "-c", told.format(REPLAYED)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_seed_is_replayed_byte_by_byte_in_another_process():
    first, second = replayed("1"), replayed("2")
    assert first == second
    assert len(set(first.split())) == 2 * len(REPLAYED), "each seed tells another story"
