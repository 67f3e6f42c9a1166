"""Many seeds from the command line, on all cores: `make simulate SEEDS=2000`, or one with its trace: `SEED=7`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from simulation.bugs import BUGS, plant
from simulation.story import Outcome, tell

__all__ = ["main"]

REPLAY = "make simulate SEED={}"


@dataclass
class Summary:
    """What many seeds came to."""

    seeds: int = 0
    steps: int = 0
    events: int = 0
    captures: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.steps += outcome.steps
        self.events += outcome.events
        self.captures += outcome.captures
        self.faults.update(outcome.faults)
        if outcome.violation:
            self.violations.append(outcome)


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    arguments = _arguments()
    if arguments.seed is not None:
        with plant(arguments.bug) if arguments.bug else nullcontext():
            return _replay(arguments.seed)
    console = Console()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    summary = _run(seeds, console, arguments.bug)
    console.print(_table(summary))
    for outcome in summary.violations:
        console.print(f"seed {outcome.seed}: {outcome.violation}", markup=False, soft_wrap=True)
        console.print(f"replay it with: {REPLAY.format(outcome.seed)}", markup=False)
    return 1 if summary.violations else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many (2,000 if left out)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0 if left out)")
    parser.add_argument("--seed", type=int, help="only this one, with its whole trace")
    parser.add_argument("--bug", choices=BUGS, help="with this bug planted")
    return parser.parse_args()


def _run(seeds: range, console: Console, bug: str | None) -> Summary:
    summary = Summary()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        multiprocessing.Pool(os.cpu_count()) as pool,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        task = progress.add_task("seeds", total=len(seeds))
        for outcome in pool.imap_unordered(partial(_tell_with, bug), seeds, chunksize=5):
            summary.add(outcome)
            found = f"seeds, {len(summary.violations)} violations" if summary.violations else "seeds"
            progress.update(task, advance=1, description=found)
    summary.violations.sort(key=lambda outcome: outcome.seed)
    return summary


def _tell_with(bug: str | None, seed: int) -> Outcome:
    with plant(bug) if bug else nullcontext():
        return tell(seed)


def _replay(seed: int) -> int:
    outcome = tell(seed, with_trace=True)
    for line in outcome.trace:
        print(line)
    print(f"seed {seed}: {outcome.violation or 'no violation'}; digest {outcome.digest}")
    return 1 if outcome.violation else 0


def _table(summary: Summary) -> Table:
    table = Table(show_header=False)
    for name in ("seeds", "steps", "events", "captures"):
        table.add_row(name, f"{getattr(summary, name):,}")
    for name, times in sorted(summary.faults.items()):
        table.add_row(name, f"{times:,}")
    table.add_row("violations", str(len(summary.violations)))
    return table


if __name__ == "__main__":
    sys.exit(main())
