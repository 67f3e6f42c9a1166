"""A process whose children run a command and are killed while they do.

Each line read names a scene, a directory with its files, and how many of the library's lines are to be executed
before the kill; the child kills itself before the next one, or, if there is none, as soon as it has the answer. Each
line written says by which signal the child ended, and how many lines it executed if it came to the answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from crash_scenes import SCENES, Scene, opened

import interact_ledger

LIBRARY = str(Path(interact_ledger.__file__).parent) + os.sep


def kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class LineByLine:
    """Traces the library's lines, and kills before the one after the last that may be executed."""

    def __init__(self, last: int | None) -> None:
        self.executed = 0
        self._last = last

    def calls(self, frame: FrameType, event: str, _: Any) -> Any:
        return self.lines if frame.f_code.co_filename.startswith(LIBRARY) else None

    def lines(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            if self.executed == self._last:
                kill()
            self.executed += 1
        return self.lines


def perform(scene: Scene, directory: Path, last: int | None, answer: int) -> NoReturn:
    """Run the scene's command up to the kill, with connections of its own."""
    with opened(directory, scene.after) as kit:
        command = (scene.killed or scene.request)(kit)
        tracer = LineByLine(last)
        sys.settrace(tracer.calls)
        command()
        sys.settrace(None)
        os.write(answer, str(tracer.executed).encode())
        kill()


def killed_child(scene: Scene, directory: Path, last: int | None) -> dict[str, int | None]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            perform(scene, directory, last, writing)
        finally:
            os._exit(1)  # an error, told on standard error, is no kill
    os.close(writing)
    with os.fdopen(reading) as answer:
        executed = answer.read()
    status = os.waitpid(child, 0)[1]
    return {"signal": os.WTERMSIG(status), "executed": int(executed) if executed else None}


def warm_up(scene: Scene) -> None:
    """Do it all once elsewhere, so that no child has to build again what is built at first use."""
    with tempfile.TemporaryDirectory() as directory, opened(Path(directory)) as kit:
        scene.prepare(kit)
        scene.request(kit)()


if __name__ == "__main__":
    for each in SCENES.values():
        warm_up(each)
    for line in sys.stdin:
        asked = json.loads(line)
        told = killed_child(SCENES[asked["scene"]], Path(asked["directory"]), asked["last"])
        print(json.dumps(told), flush=True)
