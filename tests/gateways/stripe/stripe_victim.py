"""A process whose children run a command with Stripe and are killed before or after one of its HTTP requests.

Each line read names a scene, a directory, Stripe's address, the number of the request, counted from 0, and whether to
kill before it is sent or after it was answered. Each line written says by which signal the child ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import stripe
from stripe_scenes import SCENES, opened


def kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class Deadly(stripe.RequestsClient):
    """Sends like the SDK's own client, up to the kill."""

    numbers = count()
    fatal: tuple[int, str]

    def request(self, *args: Any, **kwargs: Any) -> Any:
        number = next(self.numbers)
        if self.fatal == (number, "before"):
            kill()
        answer = super().request(*args, **kwargs)
        if self.fatal == (number, "after"):
            kill()
        return answer


def perform(asked: dict[str, Any]) -> NoReturn:
    """Run the scene's command up to the kill, with connections of its own."""
    with opened(Path(asked["directory"]), asked["address"]) as at:
        command = SCENES[asked["scene"]].request(at)
        Deadly.fatal = (asked["number"], asked["when"])
        Deadly.numbers = count()
        command()
    raise AssertionError("the command came to its end")


def signal_of_child(asked: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            perform(asked)
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    Deadly.fatal = (-1, "before")
    stripe.RequestsClient = Deadly
    for line in sys.stdin:
        print(json.dumps({"signal": signal_of_child(json.loads(line))}), flush=True)
