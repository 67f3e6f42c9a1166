"""A process whose children run a command on a disk that fails, and say how that went.

Each line read names a scene and where it stands. The child makes the scene's command ready and says its own number;
told to go on, it runs the command and says which error it raised, if any; told once more, now that the disk works, it
asks the same ledger again, and at last one that it opens anew. In the end comes a line that says how the child ended.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from crash_places import Place
from crash_scenes import HASTY, Scene, opened
from disk_scenes import DISK_SCENES, OPENINGS
from victim import warm_up


def tell(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def go_on() -> None:
    assert os.read(0, 100), "the test goes on"


@contextmanager
def ready(scene: Scene, place: Place) -> Iterator[Callable[[], object]]:
    if scene in OPENINGS:
        yield lambda: open_and_close(scene, place)
    else:
        with opened(place, scene.after, HASTY) as kit:
            yield (scene.killed or scene.request)(kit)


def open_and_close(scene: Scene, place: Place) -> None:
    with opened(place, scene.after, HASTY):
        pass


def error_of(call: Callable[[], object]) -> dict[str, str | None]:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": None}


def perform(scene: Scene, place: Place) -> NoReturn:
    with ready(scene, place) as command:
        allow_to_be_traced()
        tell(pid=os.getpid())
        go_on()
        tell(**error_of(command))
        go_on()
        tell(**error_of(command))
    go_on()
    gc.collect()  # what an error refers to may keep a closed connection's file open
    with ready(scene, place) as command:
        tell(**error_of(command))
    go_on()
    os._exit(0)


def allow_to_be_traced() -> None:
    """Some systems let a process be traced by its parents only, unless it says otherwise."""
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER, any process


def ended_child(scene: Scene, place: Place) -> int:
    child = os.fork()
    if child == 0:
        try:
            perform(scene, place)
        except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
            traceback.print_exc()
            os._exit(1)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    warm_up()
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        scene = DISK_SCENES[asked["scene"]]
        tell(status=ended_child(scene, Place(*asked["place"])))
