"""Which seed shows each planted bug, as far as it is known: it is tried first, and the others only if it does not.

    PYTHONPATH=src:tests python -m simulation.bugs.shown    # looks for all of them anew, on all cores

A story that changes anything else makes a seed show something else; then the search goes on from the first seed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from simulation.bugs import BUGS, plant
from simulation.story import tell
from simulation.violation import Violation

__all__ = ["SEEDS_MAX", "find"]

SEEDS_MAX = 3_000
"""Within so many seeds each planted bug is found; most are within ten."""

_FILE = Path(__file__).with_suffix(".json")


def find(name: str) -> tuple[int, Violation] | None:
    """Return the first seed tried that shows a bug, with what it shows."""
    with plant(name):
        return next(((seed, found) for seed in _seeds(name) if (found := tell(seed).violation)), None)


def _seeds(name: str) -> Iterator[int]:
    known: dict[str, int] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
    if name in known:
        yield known[name]
    yield from range(SEEDS_MAX)


def _look(name: str) -> tuple[str, tuple[int, Violation] | None]:
    return name, find(name)


def main() -> None:
    """Write down the first seed that shows each bug."""
    _FILE.unlink(missing_ok=True)
    with multiprocessing.Pool(os.cpu_count()) as pool:
        shown = dict(track(pool.imap_unordered(_look, BUGS), "planted bugs", total=len(BUGS)))
    _FILE.write_text(json.dumps({name: found[0] for name in BUGS if (found := shown[name])}, indent=2) + "\n")
    for name in BUGS:
        found = shown[name]
        print(f"{name}: {f'seed {found[0]}: {found[1]}' if found else 'not found'}")


if __name__ == "__main__":
    main()
