"""What every process works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from interact_ledger.clock import Clock
from interact_ledger.domain.account import Account
from interact_ledger.domain.answers import REFERENCE_LENGTH_MAX
from interact_ledger.domain.card_testing import AttemptPolicy, refuse_card_testing
from interact_ledger.domain.customers import link_customer
from interact_ledger.domain.operations import Request
from interact_ledger.domain.pace import Pace
from interact_ledger.errors import ConfigurationError
from interact_ledger.free_text import from_outside, storable
from interact_ledger.gateways.protocol import Capabilities, Gateway
from interact_ledger.settings import Settings
from interact_ledger.storage.accounts import Accounts, Cause, Change, Decide

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """The accounts, the gateways, the settings, the time, and on whose behalf."""

    accounts: Accounts
    gateways: Mapping[str, Gateway]
    settings: Settings
    clock: Clock
    cause: Cause
    attempt_policy: AttemptPolicy | None = None
    """The service's own rule about customers' attempts with cards."""

    def refuse_card_testing(
        self, account: Account, kind: Literal["top_up", "save_card"], *, is_new_card: bool, is_further: bool = False
    ) -> None:
        """Refuse a customer's attempt with a card as the settings and the service's own policy say.

        Args:
            account: whose.
            kind: what the card is for.
            is_new_card: whether it was just typed in.
            is_further: whether it is not the first attempt of what was asked for.

        Raises:
            CardAttemptRefused
        """
        limits = self.settings.card_testing
        refuse_card_testing(
            account,
            kind,
            is_new_card=is_new_card,
            declines_max=limits.declines_max,
            cards_max=None if is_further else limits.cards_max,
            window=limits.window,
            policy=self.attempt_policy,
            now=self.now(),
        )

    def now(self) -> datetime:
        return self.clock.now()

    def gateway(self, gateway_id: str) -> Gateway:
        """Return an open gateway.

        Raises:
            ConfigurationError: if the ledger was opened without it.
        """
        try:
            return self.gateways[gateway_id]
        except KeyError:
            raise ConfigurationError(
                f"the gateway {from_outside(gateway_id)!r} is needed, but the ledger was opened without it",
                field="gateways",
            ) from None

    def capabilities(self) -> dict[str, Capabilities]:
        """Return what each open gateway can do, by its id."""
        return {gateway_id: gateway.capabilities for gateway_id, gateway in self.gateways.items()}

    @property
    def pace(self) -> Pace:
        """How long automatic payments wait."""
        return Pace(
            cool_down=self.settings.auto_top_up_cool_down,
            retry_after=self.settings.automatic_retry_after,
            unsent_retry_after=self.settings.automatic_unsent_retry_after,
            retry_after_max=self.settings.automatic_retry_after_max,
            expiry_notice=self.settings.card_expiry_notice,
        )

    def transact(self, account_id: str, decide: Decide) -> Change:
        """Decide and append, on behalf of this context's cause."""
        return self.accounts.transact(account_id, self.cause, decide)

    def once(self, account_id: str, request: Request, decide: Decide) -> Change:
        """Decide and append, or change nothing if the request was answered before."""
        return self.accounts.once(account_id, self.cause, request, decide)

    def customer_at(self, account_id: str, gateway: Gateway) -> str:
        """Return the customer's id at a gateway, made and remembered before its first use."""
        known = self.accounts.load(account_id).gateway_customers.get(gateway.gateway_id)
        if known is not None:
            return known
        customer_id = storable(gateway.link_customer(account_id), REFERENCE_LENGTH_MAX)
        self.transact(account_id, lambda account, _: link_customer(account, gateway.gateway_id, customer_id))
        return customer_id
