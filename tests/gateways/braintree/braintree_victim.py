"""A process whose children run a command over HTTP and are killed before or after one of their requests.

Each line read names a scene, a directory, a port, a nonce, whether requests bear keys, and when to kill: 0 is before
the first request, 1 after it, 2 before the second, and so on; null lets the command end. Each line written says by
which signal the child ended, and how many such moments there were if it came to the answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import requests
from braintree_scenes import SCENES, opened

Send = requests.Session.send


def kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def perform(asked: dict[str, Any], answer: int) -> NoReturn:
    """Run the command up to the kill."""
    moments = 0

    def moment() -> None:
        nonlocal moments
        if moments == asked["at"]:
            kill()
        moments += 1

    def send(session: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
        moment()
        response = Send(session, *args, **kwargs)
        moment()
        return response

    with opened(Path(asked["directory"]), asked["port"], request_keys=asked["request_keys"]) as kit:
        command = SCENES[asked["scene"]].request(kit, asked["nonce"])
        requests.Session.send = send
        command()
        os.write(answer, str(moments).encode())
        kill()


def killed_child(asked: dict[str, Any]) -> dict[str, int | None]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            perform(asked, writing)
        finally:
            os._exit(1)  # an error, told on standard error, is no kill
    os.close(writing)
    with os.fdopen(reading) as answer:
        moments = answer.read()
    status = os.waitpid(child, 0)[1]
    return {"signal": os.WTERMSIG(status), "moments": int(moments) if moments else None}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(killed_child(json.loads(line))), flush=True)
