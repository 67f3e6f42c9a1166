"""One scene in one store: prepared once, and killed as often as wanted, each time on a copy."""

from __future__ import annotations

import json
import math
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from crash_places import Place, Store
from crash_scenes import Scene, State, opened, prepare, recovered

__all__ = ["Killing"]

GOLDEN = (math.sqrt(5) - 1) / 2


class Killing:
    """One scene in one store, prepared once, and a process whose children are killed in it."""

    def __init__(self, process: subprocess.Popen[str], store: Store, scene: Scene) -> None:
        self.scene = scene
        self._store = store
        self._process = process

    @cached_property
    def prepared(self) -> Place:
        place = self._store.new()
        prepare(self.scene, place)
        return place

    @cached_property
    def lines(self) -> int:
        """How many lines the command passes: it can be killed before each, and behind the last."""
        with self.copied() as place:
            passed = self._ended(place, None)["passed"]
        assert passed is not None
        assert passed > 100, "the command was traced"
        return passed

    @cached_property
    def possible(self) -> set[State]:
        """What recovery may come to: as if the command had never been, or as if it had not been killed."""
        with self.copied() as untouched, self.killed_after(self.lines) as answered:
            return {self._recovered(untouched), self._recovered(answered)}

    def turns(self, part: range) -> list[int]:
        """Return after how many lines to kill in this part: a few turns are spread over the lines, all hit each."""
        points = self.lines + 1
        step = next(step for step in range(round(points * GOLDEN), 0, -1) if math.gcd(step, points) == 1)
        return [(turn * step - 1) % points for turn in part if turn < points]

    @contextmanager
    def killed_after(self, lines: int, *, alone: bool = True) -> Iterator[Place]:
        """Give what a killed command leaves behind; unless `alone`, the server may still be at work for it."""
        with self.copied() as place:
            assert self._ended(place, lines)["signal"] == signal.SIGKILL
            if alone:
                self._store.wait_until_alone(place)
            yield place

    @contextmanager
    def copied(self) -> Iterator[Place]:
        """Give a copy of what stands before the command."""
        self._store.wait_until_alone(self.prepared)
        place = self._store.copy(self.prepared)
        try:
            yield place
        finally:
            self._store.remove(place)

    def _recovered(self, place: Place) -> State:
        with opened(place, self.scene.after + self.scene.over) as kit:
            return recovered(kit)

    def _ended(self, place: Place, last: int | None) -> dict[str, int | None]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"scene": self.scene.name, "place": place, "last": last}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        told: dict[str, int | None] = json.loads(self._process.stdout.readline())
        return told
