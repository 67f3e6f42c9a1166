"""Sending to Stripe, and knowing of each request whether any try of it may have arrived.

The SDK's own retries are off, because they forget: a try that arrived and whose answer was lost, followed by one that
was refused, would come back as if nothing had been sent. Here a request is tried a few times under its key. Only if
every try surely failed before it was sent, or was turned away with 429, is it `NotAttempted`; as soon as one may have
arrived, nothing but an answer under that key says otherwise. A 500 is stored under the key and never sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import requests
import stripe
from urllib3.exceptions import MaxRetryError, NewConnectionError

from interact_ledger.clock import Clock
from interact_ledger.errors import GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import NotAttempted, Unknown
from interact_ledger.gateways.stripe.requests import LASTS_AT_MOST
from interact_ledger.gateways.stripe.results import Object

__all__ = ["API_VERSION", "Answer", "Call", "Connection", "Refusal", "Sent"]

API_VERSION = "2026-10-28.endive"
"""What the adapter was written for; an account's own default does not matter."""

Call: TypeAlias = Callable[[Any], Any]
"""Makes one request with the SDK's services of the API's first version."""

_UNAUTHORISED = (401, 403)
_UNUSABLE_ACCOUNT = frozenset(
    {"api_key_expired", "capability_not_active", "livemode_mismatch", "testmode_charges_only"}
)
_TOO_MANY_REQUESTS = 429
_KEY_IN_USE = 409
_CLIENT_ERRORS = range(400, 500)
_FAILED_AUTHENTICATION = frozenset({"payment_intent_authentication_failure", "setup_intent_authentication_failure"})
_UNEXPECTED_STATE = frozenset({"payment_intent_unexpected_state", "setup_intent_unexpected_state"})

_LOGGERS = ("stripe", "urllib3.connection", "urllib3.connectionpool")


@dataclass(frozen=True, slots=True)
class Answer:
    """Stripe did it, now or under an earlier try of the same key."""

    body: Object = field(repr=False)
    replayed: bool = False
    """Whether this is the answer to an earlier request, and the present state may be another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Stripe definitely did not do it."""

    kind: str
    """card_error, invalid_request_error, idempotency_error, …"""
    code: str | None
    param: str | None
    details: Object = field(repr=False)
    replayed: bool

    @property
    def is_decline(self) -> bool:
        """Whether it is the card that was refused."""
        return self.kind == "card_error" or self.code in _FAILED_AUTHENTICATION

    @property
    def is_about_the_object(self) -> bool:
        """Whether the object's own present state is the answer: a decline, or a step that it is past."""
        return self.is_decline or self.code in _UNEXPECTED_STATE


Sent: TypeAlias = Answer | Refusal | NotAttempted | Unknown


@dataclass(frozen=True, slots=True)
class _NotSent:
    why: str


@dataclass(frozen=True, slots=True)
class _Lost:
    why: str
    try_again: bool


class _Session(threading.local, requests.Session):
    """Each thread's own, which follows no redirect.

    The request that was answered with it has arrived; that its target could not be reached would hide that. And what
    is sent to Stripe is nobody else's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = 0


class Connection:
    """One API key's way to Stripe. May be used by several threads at once."""

    def __init__(
        self,
        api_key: str,
        *,
        clock: Clock,
        api_base: str | None,
        timeouts: tuple[float, float],
        pauses: Sequence[timedelta],
    ) -> None:
        stripe.enable_telemetry = False  # it would write an identifier under the home folder, and tell Stripe of it
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_HIDING)
        self._clock = clock
        self._pauses = (timedelta(0), *pauses)
        self._services = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=timeouts, session=_Session()),
        ).v1

    def is_past(self, send_before: datetime) -> bool:
        """Say whether nothing may be sent any more."""
        return self._clock.now() >= send_before

    def refuse_far_away(self, send_before: datetime) -> None:
        """Keep to how far back an attempt is looked for.

        Raises:
            GatewayInvalidRequest: for an attempt that may be sent for longer.
        """
        if send_before - self._clock.now() > LASTS_AT_MOST:
            raise GatewayInvalidRequest(f"is more than {LASTS_AT_MOST.days} days away", field="send_before")

    def send(self, call: Call, send_before: datetime | None = None) -> Sent:
        """Make one request, in several tries if need be.

        Args:
            call: the request, the same on each try, its idempotency key included.
            send_before: from when on no try is made; None if it can neither charge, save nor pay back.

        Raises:
            GatewayMisconfigured: if Stripe refuses the key or the account, and nothing can have arrived.
        """
        lost: str | None = None
        why = "nothing was sent"
        for pause in self._pauses:
            time.sleep(pause.total_seconds())
            if send_before is not None and self.is_past(send_before):
                why = "send_before has passed"
                break
            tried = self._try(call)
            if isinstance(tried, _Lost):
                lost = tried.why
                if not tried.try_again:
                    break
            elif isinstance(tried, _NotSent):
                why = tried.why
            elif lost is None or isinstance(tried, Answer) or tried.is_about_the_object:
                return _believed(tried)
            else:
                break  # refused, which says nothing of the try before
        return NotAttempted(why=why) if lost is None else Unknown(why=lost)

    def _try(self, call: Call) -> Answer | Refusal | _NotSent | _Lost:
        try:
            with _hidden_from_logs():
                said = call(self._services).last_response
            if isinstance(said.data, dict):
                return Answer(said.data, _is_replayed(said.headers))
        except stripe.StripeError as error:
            return _failure(error)
        except Exception as error:  # noqa: BLE001 - whatever the SDK stumbles over may come after it has sent
            return _Lost(f"the answer was not understood ({type(error).__name__})", try_again=False)
        return _Lost("the answer was no object", try_again=False)


def _failure(error: stripe.StripeError) -> Refusal | _NotSent | _Lost:
    """Sort an error; nothing of its text is kept, which may quote tokens."""
    status = error.http_status
    if isinstance(error, stripe.APIConnectionError):
        surely = _never_connected(error.__cause__)
        return _NotSent("the connection failed") if surely else _Lost("the answer was lost", try_again=True)
    if status == _TOO_MANY_REQUESTS:
        return _NotSent("Stripe takes no request now (429)")
    if status == _KEY_IN_USE:
        return _Lost("a request with this key is under way (409)", try_again=True)
    details = error.json_body.get("error") if isinstance(error.json_body, dict) else None
    if status not in _CLIENT_ERRORS or not isinstance(details, dict):
        return _Lost(f"the answer was an error of Stripe's ({status})", try_again=False)
    return Refusal(
        kind="unauthorised" if status in _UNAUTHORISED else str(details.get("type")),
        code=details.get("code"),
        param=details.get("param"),
        details=details,
        replayed=_is_replayed(error.headers),
    )


def _believed(tried: Answer | Refusal) -> Answer | Refusal:
    if isinstance(tried, Refusal) and (tried.kind == "unauthorised" or tried.code in _UNUSABLE_ACCOUNT):
        raise GatewayMisconfigured(f"Stripe refuses the API key, or what it may do ({tried.code or 'no code'})")
    return tried


def _never_connected(cause: BaseException | None) -> bool:
    """Whether no connection was ever made, so that nothing can have been sent."""
    if isinstance(cause, requests.ConnectTimeout):
        return True
    reason = cause.args[0] if isinstance(cause, requests.ConnectionError) and cause.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


def _is_replayed(headers: Mapping[str, str] | None) -> bool:
    values = {name.lower(): value for name, value in (headers or {}).items()}
    return values.get("idempotent-replayed") == "true"


class _HidesWhatWeSend(logging.Filter):
    """Leaves out what the SDK and its transport log of our requests: bodies, and in paths the tokens of cards.

    Requests that the program makes with the SDK by itself are logged as ever.
    """

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - a warning names a path as well
        return not _SENDING.get()


_SENDING = ContextVar("sending", default=False)
_HIDING = _HidesWhatWeSend()


@contextmanager
def _hidden_from_logs() -> Iterator[None]:
    token = _SENDING.set(True)
    try:
        yield
    finally:
        _SENDING.reset(token)
