"""For the tests of services that import the ledger: a real ledger in memory, a clock to move, a gateway to script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from moneyed import Money

from interact_ledger.clock import MovableClock
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.ledger import Ledger
from interact_ledger.settings import Settings
from interact_ledger.storage.elsewhere import EventsElsewhere
from interact_ledger.views import AccountDetails, TopUpResult

__all__ = ["START", "LedgerKit", "SequentialIds", "ledger_kit"]

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class SequentialIds:
    """Identifiers in a fixed order, so that a test runs alike each time."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self, kind: str) -> str:
        """Return the next identifier of a kind."""
        return f"{kind}_{next(self._numbers):026d}"


@dataclass(frozen=True, slots=True)
class LedgerKit:
    """A ledger with all that a test wants to move or look at beside it."""

    ledger: Ledger
    clock: MovableClock
    gateway: SandboxGateway

    def account(self, currency: str = "GBP", country: str = "GB", region: str | None = None) -> AccountDetails:
        """Open an account with an empty balance."""
        return self.ledger.open_account("customer-1", currency, country, region=region)

    def top_up(
        self,
        account_id: str,
        amount: Money,
        *,
        card_token: str = "tok_visa",
        save_card: bool = False,
    ) -> TopUpResult:
        """Check out and pay in one step, each call under a key of its own."""
        quote = self.ledger.checkout(account_id, amount)
        return self.ledger.top_up(
            account_id,
            quote.quote_id,
            card_token=card_token,
            save_card=save_card,
            idempotency_key=f"kit-{quote.quote_id}",
        )


@contextmanager
def ledger_kit(
    url: str = "sqlite://",
    *,
    settings: Settings | None = None,
    start: datetime = START,
    events: EventsElsewhere | None = None,
) -> Iterator[LedgerKit]:
    """Open a ledger, with a clock that stands still at `start` and a sandbox gateway in memory, and close it after.

    Args:
        url: where the ledger is; in memory if left out.
        settings: the example settings if None.
        start: what time it is, with a time zone.
        events: another event store that keeps the events, if one does.
    """
    clock = MovableClock(start)
    with (
        SandboxGateway(clock=clock) as gateway,
        Ledger.open(
            url, gateways=[gateway], settings=settings, clock=clock, ids=SequentialIds(), events=events
        ) as ledger,
    ):
        yield LedgerKit(ledger, clock, gateway)
