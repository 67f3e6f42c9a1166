"""What an adapter's author supplies beside the adapter: a hand on the server that it talks to.

A bench holds one adapter, freshly made, and plays whatever stands around it: customers with their cards, the network
and its faults, the browser, and the gateway's own books, which are what the kit believes. With a server of your own
on the loopback interface it is a thin layer over that server's state; see `docs/how-to/write-a-gateway.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from moneyed import Money

from interact_ledger.clock import MovableClock
from interact_ledger.gateways.protocol import CardDetails, DeclineReason, Gateway

__all__ = ["Behaviour", "Bench", "Captured", "Chargeable", "Delivery", "Elsewhere", "Fault", "Others"]


class Behaviour(StrEnum):
    """What a card does, beside being declined for one of the reasons in `DeclineReason`."""

    SUCCEEDS = "succeeds"
    """Pays at once, new and saved, whoever initiates. The only one that no bench may be without."""
    PENDS = "pends"
    """Paying is pending until `settle`."""
    ASKS_CUSTOMER = "asks_customer"
    """Paying asks the customer to authenticate; `authenticate` plays the browser."""
    ASKS_WHEN_SAVED = "asks_when_saved"
    """Can be saved; a charge that the merchant initiates is then declined for want of authentication."""
    CAPTURES_LESS = "captures_less"
    """Pays, but the gateway captures another amount than was asked for."""
    REFUND_PENDS = "refund_pends"
    """Pays; a refund of it is pending until `settle`."""
    REFUND_RETURNS = "refund_returns"
    """Pays; a refund of it is paid, and sent back by the bank with `return_refund`."""
    REFUND_DECLINED = "refund_declined"
    """Pays; a refund of it is declined."""


class Elsewhere(StrEnum):
    """What others do to a charge or a card; `Others` plays them."""

    REFUND = "refund"
    DISPUTE = "dispute"
    REVERSAL = "reversal"
    PAYMENT = "payment"
    CARD_DETACHED = "card_detached"
    CARD_UPDATED = "card_updated"
    CUSTOMER_DELETED = "customer_deleted"


class Fault(StrEnum):
    """What befalls the adapter's next request that serves a method."""

    BEFORE = "before"
    """It times out and never takes effect."""
    AFTER = "after"
    """It takes effect and its answer is lost."""
    REFUSED = "refused"
    """The connection is refused, or the gateway says that it takes no request now: surely nothing took effect."""
    AFTER_THEN_REFUSED = "after_then_refused"
    """It takes effect, its answer is lost, and whatever else the adapter sends within the same call is refused."""


class Captured(Protocol):
    """One payment that the gateway's books show as captured."""

    @property
    def transaction_id(self) -> str:
        """Our id of the top-up, as the gateway keeps it."""
        ...

    @property
    def reference(self) -> str: ...

    @property
    def amount(self) -> Money:
        """What was captured, read from the gateway's own figures and not with the adapter's code."""
        ...

    @property
    def refunded(self) -> Money:
        """What of it was paid back, or is surely on its way."""
        ...


class Chargeable(Protocol):
    """One thing at the gateway that could yet be charged."""

    @property
    def kind(self) -> str:
        """`payment`, `saving` or `card`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook request as the gateway would send it at the bench's present time."""

    notice_id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Others(Protocol):
    """A hand on the gateway that is not ours: a person in its dashboard, a cardholder's bank, a card network.

    Each returns None, having done nothing, if nobody can do so at this gateway; that is then pinned in `lacks`.
    """

    def refund_in_dashboard(self, reference: str, amount: Money) -> str | None:
        """Pay back a part of a captured and settled charge; returns the refund's reference."""
        ...

    def open_dispute(self, reference: str, amount: Money) -> str | None:
        """Let the bank want a part of a captured charge back; returns the dispute's reference."""
        ...

    def decide_dispute(self, reference: str, *, won: bool) -> object:
        """Let a dispute be decided, in our favour or not."""
        ...

    def reverse_settlement(self, reference: str) -> str | None:
        """Let the settlement of a captured charge fail; returns the gateway's code for it."""
        ...

    def pay_in_dashboard(self, customer_id: str, amount: Money) -> str | None:
        """Charge a customer of ours without our metadata; returns the charge's reference."""
        ...

    def detach_card(self, token: str) -> str | None:
        """Take a saved card off its customer; returns its token."""
        ...

    def update_card(self, token: str) -> CardDetails | None:
        """Let the network renew a saved card; returns its new details, read from the gateway's own figures."""
        ...

    def delete_customer(self, customer_id: str) -> str | None:
        """Delete a customer of ours with its cards; returns its id."""
        ...


class Bench(Protocol):
    """An adapter under test with the server that it talks to; a new one for each test, with nothing in it.

    `SandboxGateway` offers most of this already. Methods that play the world never raise because the gateway
    refuses: a browser that cannot pay an old payment is what the kit hopes to see.
    """

    @property
    def gateway(self) -> Gateway:
        """The adapter under test."""
        ...

    def restarted(self) -> Gateway:
        """Return the adapter as a process that was just started has it: made anew, for the same server."""
        ...

    @property
    def clock(self) -> MovableClock:
        """The clock that the adapter reads, and the server if time means anything to it."""
        ...

    @property
    def secrets(self) -> Collection[str]:
        """What must never be seen: the API keys and webhook secrets that the adapter was given."""
        ...

    @property
    def others(self) -> Others | None:
        """What others do at the gateway; None if it neither keeps cards nor tells what left a charge again."""
        ...

    lookups_available: bool
    """False plays an outage of everything that the methods ask whose names begin with `find_`."""

    def card(self, kind: Behaviour | DeclineReason) -> str | None:
        """Return a fresh one-time token for a card that behaves so, or None if no card does so at this gateway."""
        ...

    def fail_next(self, verb: str, fault: Fault) -> None:
        """Let the next request that a method of the adapter sends fail (`charge`, `refund`, `find_saved_card`, …)."""
        ...

    def captured(self) -> Sequence[Captured]:
        """Return every payment that the gateway captured, refunded or not, oldest first."""
        ...

    def chargeable(self) -> Sequence[Chargeable]:
        """Return all that could yet be charged: payments that a browser could still pay, open savings, saved cards."""
        ...

    def saved_cards(self) -> Collection[object]:
        """Return the cards that the gateway keeps, without those that it was told to forget."""
        ...

    def authenticate(self, reference: str, *, succeed: bool = True) -> object:
        """Play the customer who authenticates, or fails to."""
        ...

    def settle(self, reference: str, *, succeed: bool = True) -> object:
        """Play the networks: what is pending is captured or declined, and what is captured is settled."""
        ...

    def pay_in_browser(self, reference: str, token: str) -> object:
        """Play an old browser tab that tries to pay a declined or abandoned payment with another card."""
        ...

    def return_refund(self, reference: str) -> object:
        """Play the bank that sends back what was refunded already."""
        ...

    def notices_due(self) -> Sequence[Delivery]:
        """Return the webhooks to deliver, signed at the present time; each comes until it is acknowledged.

        After a charge was captured and settled there is at least one about it.
        """
        ...

    def acknowledge(self, notice_id: str) -> None:
        """Take the receiver's yes."""
        ...

    def foreign_notice(self) -> Delivery:
        """Return an authentic webhook about something that is not ours, such as a payment made by hand."""
        ...
