"""What goes wrong between Stripe and us, at the wire."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from enum import Enum

__all__ = ["Fault", "Faults"]


class Fault(Enum):
    """What befalls a request."""

    DROP_BEFORE = "the connection breaks before anything takes effect"
    DROP_AFTER = "it takes effect and the connection breaks before the answer"
    HANG_BEFORE = "nothing is answered, and nothing takes effect"
    HANG_AFTER = "it takes effect, and nothing is answered"
    TOO_MANY = "429, and nothing takes effect"
    ERROR = "500, and nothing takes effect; stored under the key"
    ERROR_AFTER = "it takes effect and answers 500, which is stored under the key"
    UNAVAILABLE = "503 from something in front of Stripe, and nothing takes effect"
    GARBAGE_AFTER = "it takes effect, and a 200 is answered that is no JSON"
    NONSENSE_AFTER = "it takes effect, and a 200 is answered that is JSON without sense"
    LIST_AFTER = "it takes effect, and a 200 is answered that is a list"
    REDIRECT_AFTER = "it takes effect, and is answered with a redirect to where nobody listens"


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int | None
    begun: bool = False


class Faults:
    """The faults that are to come; the first that fits is used up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []

    def add(self, method: str, path: str, fault: Fault, times: int | None = 1) -> None:
        """Let the next requests fail whose path fits the expression; without end if `times` is None."""
        with self._lock:
            self._rules.append(_Rule(method, re.compile(path), fault, times))

    def end_of_call(self) -> None:
        """Drop what lasts as long as one call of the adapter, if it has begun."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.times is not None or not rule.begun]

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if rule.method == method and rule.path.fullmatch(path):
                    rule.begun = True
                    if rule.times is not None:
                        rule.times -= 1
                        if rule.times == 0:
                            self._rules.remove(rule)
                    return rule.fault
        return None
