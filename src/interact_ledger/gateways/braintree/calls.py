"""One request to Braintree, and whether it may have arrived when no answer came.

Nothing is ever sent twice by this module. Every failure is one of: surely not sent (or refused outright), maybe
arrived, not there, or a matter for an operator.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from interact_ledger.errors import GatewayMisconfigured, LedgerError
from interact_ledger.gateways.braintree.sdk import ConnectionFailed, ConnectTimedOut, exceptions
from interact_ledger.gateways.protocol import Declined

__all__ = ["Absent", "AnswerLost", "NotSent", "Tries", "call"]

T = TypeVar("T")

_REMEMBERED_MAX = 10_000


class NotSent(Exception):
    """No byte of the request was acted on: it was not sent, or refused outright."""


class AnswerLost(Exception):
    """The request may have arrived, and what came of it is not known."""


class Absent(Exception):
    """The gateway has no such object."""


def call(request: Callable[[], T]) -> T:
    """Make one request and return its answer.

    Raises:
        NotSent, AnswerLost, Absent: said without a cause, which might quote what was sent.
        GatewayMisconfigured: if our credentials or our SDK are refused.
    """
    try:
        answer = request()
    except (LedgerError, NotSent, AnswerLost, Absent):
        raise
    except Exception as error:  # noqa: BLE001 - whatever happens after a request was sent, its effect is not known
        raise _what_it_means(error) from None
    if answer is None:
        # What the SDK returns for a 200 that holds neither an object nor an error.
        raise AnswerLost("the answer could not be understood")
    return answer


def _what_it_means(error: Exception) -> Exception:
    name = type(error).__name__
    match error:
        case exceptions.NotFoundError():
            return Absent("there is no such object")
        case exceptions.AuthenticationError() | exceptions.AuthorizationError() | exceptions.UpgradeRequiredError():
            return GatewayMisconfigured(f"Braintree refuses our credentials, role or SDK ({name})")
        case exceptions.TooManyRequestsError():
            return NotSent("too many requests")
        case ConnectTimedOut():
            return NotSent("connecting timed out")
        case ConnectionFailed() if _was_never_connected(error):
            return NotSent("no connection could be made")
    return AnswerLost(f"no answer that could be understood ({name})")


def _was_never_connected(error: Exception) -> bool:
    """Say whether the connection was refused or the host not found, which is before anything is sent."""
    wrapped: Any = error.args[0] if error.args else None
    pool_error: Any = wrapped.args[0] if getattr(wrapped, "args", None) else None
    reason = getattr(pool_error, "reason", None)
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


class Tries:
    """Remembers which attempts this process sent and may have got through, the latest ten thousand of them.

    It covers what one process forgets between two calls; across processes the ledger's log remembers.
    """

    def __init__(self) -> None:
        self._tries: OrderedDict[str, int] = OrderedDict()
        self._declined: OrderedDict[str, Declined] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, attempt_id: str) -> bool:
        """Remember, before sending, that this try may arrive. Returns whether an earlier one may have."""
        with self._lock:
            earlier = self._tries.pop(attempt_id, 0)
            self._tries[attempt_id] = earlier + 1
            _trim(self._tries)
            return earlier > 0

    def discard(self, attempt_id: str) -> None:
        """Forget one try, which surely did not arrive."""
        with self._lock:
            left = self._tries.pop(attempt_id, 0) - 1
            if left > 0:
                self._tries[attempt_id] = left

    def decline(self, attempt_id: str, declined: Declined) -> None:
        """Remember the definite no to an attempt that left nothing at the gateway to look up."""
        with self._lock:
            self._declined[attempt_id] = declined
            _trim(self._declined)

    def declined(self, attempt_id: str) -> Declined | None:
        """Return the definite no to an attempt, None if there was none."""
        with self._lock:
            return self._declined.get(attempt_id)

    def __contains__(self, attempt_id: str) -> bool:
        with self._lock:
            return attempt_id in self._tries


def _trim(remembered: OrderedDict[str, Any]) -> None:
    while len(remembered) > _REMEMBERED_MAX:
        remembered.popitem(last=False)
