"""The adapter: Stripe as the protocol wants it.

Each attempt is one PaymentIntent (a saving: one SetupIntent), created unconfirmed, remembered by the ledger, and then
confirmed. A decline, an authentication and a success all happen on that object, so one look at it tells everything,
and cancelling it stops whatever may still be under way. Answers that Stripe only replays are not believed to be the
present: the object is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NoReturn, Self

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.protocol import Capabilities, Notice
from interact_ledger.gateways.stripe.after_capture import AfterCaptures
from interact_ledger.gateways.stripe.amounts import CURRENCIES
from interact_ledger.gateways.stripe.cards import Cards
from interact_ledger.gateways.stripe.charges import Charges
from interact_ledger.gateways.stripe.connection import Connection
from interact_ledger.gateways.stripe.notices import verified_notice
from interact_ledger.gateways.stripe.refunds import Refunds
from interact_ledger.gateways.stripe.requests import LOOKUP_LAG, SETTLES_WITHIN
from interact_ledger.gateways.stripe.results import BRANDS

__all__ = ["StripeGateway"]

API_KEY = "INTERACT_LEDGER_STRIPE_API_KEY"
WEBHOOK_SECRETS = "INTERACT_LEDGER_STRIPE_WEBHOOK_SECRETS"

TIMEOUTS = (5.0, 30.0)
PAUSES = (timedelta(seconds=0.5), timedelta(seconds=1.5))

_CAPABILITIES = Capabilities(
    currencies=CURRENCIES,
    countries=None,
    brands=BRANDS,
    saves_cards=True,
    saves_without_charging=True,
    refunds=True,
    partial_refunds=True,
    refunds_before_settlement=True,
    tells_after_capture=True,
    sends_every_notice=True,
    replay_window=timedelta(hours=23),  # Stripe forgets a key after 24 hours at the earliest
    settles_within=SETTLES_WITHIN,
    lookup_lag=LOOKUP_LAG,
)


class StripeGateway(Charges, Cards, Refunds, AfterCaptures):
    """Stripe, with one account's secret key. Methods may be called from several threads at once."""

    def __init__(
        self,
        api_key: str,
        *,
        webhook_secrets: Sequence[str] = (),
        clock: Clock | None = None,
        api_base: str | None = None,
        timeouts: tuple[float, float] = TIMEOUTS,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        """Make an adapter; nothing is sent yet.

        Args:
            api_key: the account's secret key, or a restricted one that may do what the how-to lists.
            webhook_secrets: of the webhook endpoint, several while one is being rotated; without any, every notice
                is rejected.
            clock: where it takes the time from; the system's if None.
            api_base: another address than Stripe's, for tests.
            timeouts: for connecting, and for waiting for an answer, in seconds.
            pauses: before each further try of a request.

        Raises:
            GatewayMisconfigured: for what is no secret key or no webhook secret. The message never repeats it.
        """
        _check_api_key(api_key, "api_key")
        _check_webhook_secrets(webhook_secrets, "webhook_secrets")
        self._clock = clock or SystemClock()
        self._secrets = tuple(webhook_secrets)
        super().__init__(Connection(api_key, clock=self._clock, api_base=api_base, timeouts=timeouts, pauses=pauses))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Make an adapter from INTERACT_LEDGER_STRIPE_API_KEY and INTERACT_LEDGER_STRIPE_WEBHOOK_SECRETS.

        The second may be left out, and holds several secrets with commas between them.

        Raises:
            GatewayMisconfigured: if the key is missing, or either is not what it should be.
        """
        api_key = environ.get(API_KEY, "").strip()
        if not api_key:
            raise GatewayMisconfigured("is not set", field=API_KEY)
        _check_api_key(api_key, API_KEY)
        secrets = [secret.strip() for secret in environ.get(WEBHOOK_SECRETS, "").split(",") if secret.strip()]
        _check_webhook_secrets(secrets, WEBHOOK_SECRETS)
        return cls(api_key, webhook_secrets=secrets)

    def __repr__(self) -> str:
        return "StripeGateway()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a StripeGateway holds secrets and cannot be pickled; make another with from_env")

    @property
    def gateway_id(self) -> str:
        """The name under which events know Stripe."""
        return "stripe"

    @property
    def capabilities(self) -> Capabilities:
        """What Stripe can do, as far as this adapter uses it."""
        return _CAPABILITIES

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """Verify a webhook over its raw body; any of the secrets may have signed it, within five minutes of now.

        Raises:
            NoticeRejected: for anything else.
        """
        return [verified_notice(body, headers, self._secrets, self._clock.now())]


def _check_api_key(api_key: object, field: str) -> None:
    if not _is_secret(api_key, ("sk_", "rk_")):
        raise GatewayMisconfigured("is not a secret key (sk_…) or restricted key (rk_…) of Stripe", field=field)


def _check_webhook_secrets(secrets: Sequence[object], field: str) -> None:
    if isinstance(secrets, str) or not all(_is_secret(secret, ("whsec_",)) for secret in secrets):
        raise GatewayMisconfigured("are not signing secrets (whsec_…) of Stripe", field=field)


def _is_secret(value: object, prefixes: tuple[str, ...]) -> bool:
    return isinstance(value, str) and value.startswith(prefixes) and value.isascii() and value.isprintable()
