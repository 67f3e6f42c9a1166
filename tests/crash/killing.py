"""One scene in one store: prepared once, and killed as often as wanted, each time on a copy."""

from __future__ import annotations

import json
import math
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from select import select
from typing import Any

from crash_places import Place, Store
from crash_scenes import Scene, State, opened, prepare, recovered

__all__ = ["Killing", "Staged", "ask", "spread"]

ANSWERS_WITHIN_SECONDS = 120
GOLDEN = (math.sqrt(5) - 1) / 2


def spread(count: int, part: range) -> list[int]:
    """Return the part's turns among the first so many numbers: a few are spread over them, so many hit each."""
    step = next(step for step in range(max(1, round(count * GOLDEN)), 0, -1) if math.gcd(step, count) == 1)
    return [(turn * step - 1) % count for turn in part if turn < count]


class Staged:
    """One scene in one store, prepared once."""

    def __init__(self, store: Store, scene: Scene) -> None:
        self.scene = scene
        self.store = store

    @cached_property
    def prepared(self) -> Place:
        place = self.store.new()
        prepare(self.scene, place)
        return place

    @contextmanager
    def copied(self) -> Iterator[Place]:
        """Give a copy of what stands before the command."""
        self.store.wait_until_alone(self.prepared)
        place = self.store.copy(self.prepared)
        try:
            yield place
        finally:
            self.store.remove(place)

    @cached_property
    def possible(self) -> set[State]:
        """What recovery may come to: as if the command had never been, or as if nothing had gone wrong."""
        with self.copied() as untouched, self.answered() as answered:
            return {self._recovered(untouched), self._recovered(answered)}

    def answered(self) -> AbstractContextManager[Place]:
        """Give what the command leaves behind if nothing goes wrong."""
        raise NotImplementedError

    def _recovered(self, place: Place) -> State:
        with opened(place, self.scene.after + self.scene.over) as kit:
            return recovered(kit)


class Killing(Staged):
    """A scene, and a process whose children are killed in it."""

    def __init__(self, process: subprocess.Popen[str], store: Store, scene: Scene) -> None:
        super().__init__(store, scene)
        self._process = process

    @cached_property
    def lines(self) -> int:
        """How many lines the command passes: it can be killed before each, and behind the last."""
        with self.copied() as place:
            passed = self._ended(place, None)["passed"]
        assert passed is not None
        assert passed > 100, "the command was traced"
        return passed

    def answered(self) -> AbstractContextManager[Place]:
        return self.killed_after(self.lines)

    def turns(self, part: range) -> list[int]:
        """Return after how many lines to kill in this part."""
        return spread(self.lines + 1, part)

    @contextmanager
    def killed_after(self, lines: int, *, alone: bool = True) -> Iterator[Place]:
        """Give what a killed command leaves behind; unless `alone`, the server may still be at work for it."""
        with self.copied() as place:
            assert self._ended(place, lines)["signal"] == signal.SIGKILL
            if alone:
                self.store.wait_until_alone(place)
            yield place

    def _ended(self, place: Place, last: int | None) -> dict[str, int | None]:
        told: dict[str, int | None] = ask(self._process, {"scene": self.scene.name, "place": place, "last": last})
        return told


def ask(process: subprocess.Popen[str], question: object) -> Any:
    """Write a line to a process, and read the one that it answers."""
    assert process.stdin is not None
    print(json.dumps(question), file=process.stdin, flush=True)
    assert process.stdout is not None
    assert select([process.stdout], [], [], ANSWERS_WITHIN_SECONDS)[0], "the process answers"
    return json.loads(process.stdout.readline())
