"""The way to Braintree and back: what is sent once and in time, and what it means when no answer is understood."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

from interact_ledger.clock import Clock
from interact_ledger.errors import GatewayError, GatewayMisconfigured
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent, Tries, call
from interact_ledger.gateways.braintree.merchant import MerchantAccounts
from interact_ledger.gateways.protocol import (
    CardRequest,
    ChargeRequest,
    Declined,
    Found,
    Indeterminate,
    NotAttempted,
    NotFound,
    RefundRequest,
    Unknown,
)

__all__ = ["LOOKUP_LAG", "SETTLES_WITHIN", "Connection", "Verbs"]

Result = TypeVar("Result")
Request: TypeAlias = ChargeRequest | CardRequest | RefundRequest

SETTLES_WITHIN = timedelta(seconds=60)
LOOKUP_LAG = timedelta(seconds=60)
CLOCK_DIFFERENCE = timedelta(minutes=1)
"""How far the clock of a machine that sends may be behind that of the one that cancels."""


class Connection:
    """The SDK, the time, and what this process sent. Safe for several threads."""

    def __init__(self, sdk: Any, clock: Clock, *, request_keys: bool) -> None:
        self.sdk = sdk
        self.clock = clock
        self.request_keys = request_keys
        self._tries = Tries()

    def send(
        self, request: Request, send: Callable[[], Any], *, repeatable: bool = True
    ) -> Any | NotAttempted | Unknown:
        """Send, once, what may move money or keep a card; nothing after `send_before`.

        Args:
            request: the attempt.
            send: sends it.
            repeatable: whether Braintree knows a repeat by itself. What it does not is sent once only.
        """
        if self.clock.now() >= request.send_before:
            return self.not_sent(request, "send_before has passed")
        if self._tries.begin(request.attempt_id) and not repeatable:
            self._tries.discard(request.attempt_id)
            return Unknown(why="it was sent before, and this merchant's requests bear no keys")
        try:
            return call(send)
        except NotSent as error:
            self._tries.discard(request.attempt_id)
            return self.not_sent(request, str(error))
        except AnswerLost as error:
            return Unknown(why=str(error))
        except Absent:
            raise GatewayMisconfigured("Braintree knows no such merchant", field="merchant_id") from None

    def not_sent(self, request: Request, why: str) -> NotAttempted | Unknown:
        """Say that this call sent nothing, unless an earlier one of this process may have."""
        if request.attempt_id in self._tries:
            return Unknown(why=f"{why}, and an earlier try may have arrived")
        return NotAttempted(why=why)

    def remember(self, request: Request, declined: Declined) -> Declined:
        """Remember a no that leaves nothing at Braintree to be looked up, and return it."""
        self._tries.decline(request.attempt_id, declined)
        return declined

    def understood(self, read: Callable[[], Result]) -> Result | Unknown:
        """Read an answer; one that makes no sense, or needs a look-up that fails, leaves the attempt unknown."""
        try:
            return read()
        except GatewayError:
            raise
        except (NotSent, AnswerLost, Absent) as error:
            return Unknown(why=str(error))
        except Exception as error:  # noqa: BLE001 - it may have taken effect, whatever its answer is
            return Unknown(why=f"the answer could not be understood ({type(error).__name__})")

    @staticmethod
    def look_up_after(look_up: Callable[[], Result]) -> Result:
        """Look up what became of something that was sent; not even refused credentials are a no to that.

        Raises:
            AnswerLost, Absent
        """
        try:
            return call(look_up)
        except (NotSent, GatewayError) as error:
            raise AnswerLost(f"what was sent could not be looked up ({type(error).__name__})") from None

    def ask(self, request: Callable[[], Any]) -> Any:
        """Ask for something that has nothing to do with money.

        Raises:
            GatewayError: if there is no answer.
        """
        try:
            return call(request)
        except (NotSent, AnswerLost, Absent) as error:
            raise GatewayError(f"Braintree could not be asked: {error}") from None

    @staticmethod
    def found(look_up: Callable[[], Result]) -> Found[Result] | NotFound | Indeterminate:
        """Look something up. Until when it may still appear is for the ledger to know."""
        try:
            return Found(call(look_up))
        except Absent:
            return NotFound()
        except (NotSent, AnswerLost) as error:
            return Indeterminate(why=str(error))

    def transaction(self, reference: str) -> Any:
        """Return a transaction.

        Raises:
            NotSent, AnswerLost, Absent
        """
        return call(lambda: self.sdk.transaction.find(reference))

    def absent(self, request: ChargeRequest | CardRequest, over: Result) -> Result | Declined | Unknown:
        """Say what it means that nothing is there: there was a no, or it can come no more, or it may yet come."""
        declined = self._tries.declined(request.attempt_id)
        if declined is not None:
            return declined
        if self.clock.now() >= request.send_before + SETTLES_WITHIN + LOOKUP_LAG + CLOCK_DIFFERENCE:
            return over
        return Unknown(why="it may still be under way, and Braintree has nothing to cancel yet")


class Verbs:
    """A part of the adapter; all parts share one connection and the merchant's accounts."""

    def __init__(self, connection: Connection, merchant_accounts: MerchantAccounts) -> None:
        self._connection = connection
        self._sdk = connection.sdk
        self._merchant_accounts = merchant_accounts
