"""A process whose children run a command and are killed while they do.

Each line read names a scene, where it stands, and how many lines are to pass before the kill; the child kills itself
before the next one, or, if there is none, as soon as it has the answer. Each line written says by which signal the
child ended, and how many lines passed if it came to the answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NoReturn

from crash_places import Files, Place
from crash_scenes import SCENES, Scene, opened, prepare

import interact_ledger
from interact_ledger.gateways import sandbox
from interact_ledger.gateways.sandbox.memory import Memory
from interact_ledger.storage.log import Log
from interact_ledger.storage.postgres import LedgerPostgresRecorder
from interact_ledger.storage.sqlite import LedgerSQLiteRecorder

LIBRARY = str(Path(interact_ledger.__file__).parent) + os.sep
SANDBOX = str(Path(sandbox.__file__).parent) + os.sep
ADAPTER = {SANDBOX + "adapter.py", SANDBOX + "network.py"}
"""Of the sandbox, what stands for an adapter: the rest plays the gateway, which does not die with us."""


def code_of(function: Any) -> CodeType:
    return getattr(function, "__wrapped__", function).__code__


WRITERS = {
    code_of(function)
    for function in (
        Log.append,
        Log.save_snapshot,
        LedgerPostgresRecorder.insert_events,
        LedgerSQLiteRecorder._insert_events,
        Memory.transaction,
    )
}
"""What writes to the log or the gateway: when one is entered or left, something may have changed for good."""


def kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


@cache
def is_ours(file: str) -> bool:
    return file.startswith(LIBRARY) and (file in ADAPTER or not file.startswith(SANDBOX))


class LineByLine:
    """Traces the library's lines, and kills before the one after the last that may pass.

    A line that comes again, and nothing was written since, is not counted again: to be killed there would leave the
    same behind.
    """

    def __init__(self, last: int | None) -> None:
        self.passed = 0
        self._last = last
        self._since_written: set[tuple[CodeType, int]] = set()

    def calls(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code in WRITERS:
            self._since_written.clear()
        return self.lines if is_ours(frame.f_code.co_filename) or frame.f_code in WRITERS else None

    def lines(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if event == "line" and (code, frame.f_lineno) not in self._since_written:
            if self.passed == self._last:
                kill()
            self._since_written.add((code, frame.f_lineno))
            self.passed += 1
        elif event == "return" and code in WRITERS:
            self._since_written.clear()
        return self.lines


def perform(scene: Scene, place: Place, last: int | None, answer: int) -> NoReturn:
    """Run the scene's command up to the kill, with connections of its own."""
    with opened(place, scene.after) as kit:
        command = (scene.killed or scene.request)(kit)
        tracer = LineByLine(last)
        sys.settrace(tracer.calls)
        command()
        sys.settrace(None)
        os.write(answer, str(tracer.passed).encode())
        kill()


def killed_child(scene: Scene, place: Place, last: int | None) -> dict[str, int | None]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            perform(scene, place, last, writing)
        except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as answer:
        passed = answer.read()
    status = os.waitpid(child, 0)[1]
    return {"signal": os.WTERMSIG(status), "passed": int(passed) if passed else None}


def warm_up() -> None:
    """Do a little of everything once elsewhere, so that no child has to build again what is built at first use."""
    with tempfile.TemporaryDirectory() as directory:
        files = Files(Path(directory))
        for scene in SCENES.values():
            place = files.new()
            prepare(scene, place)
            with opened(place, scene.after) as kit:
                scene.request(kit)()


if __name__ == "__main__":
    warm_up()
    for line in sys.stdin:
        asked = json.loads(line)
        told = killed_child(SCENES[asked["scene"]], Place(*asked["place"]), asked["last"])
        print(json.dumps(told), flush=True)
