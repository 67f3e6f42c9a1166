"""What of each charge was taken back, as a second accountant keeps it: gross, by the gateway's references."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from simulation.violation import Violation

__all__ = ["TOPICS", "Charge", "Charges", "Moved"]

REFUND_TOPICS = {"refund-attempted", "refunded", "refund-mismatched", "refund-failed", "refund-returned"}
CLAIM_TOPICS = {
    *("dispute-opened", "dispute-won", "dispute-lost"),
    *("refund-made-elsewhere", "refund-elsewhere-returned", "payment-reversed"),
}
TOPICS = {"payment-captured", *REFUND_TOPICS, *CLAIM_TOPICS}
NOTHING = Decimal(0)


class Moved(NamedTuple):
    """What an event adds to the balance, and to what is held of it."""

    balance: Decimal = NOTHING
    held: Decimal = NOTHING


@dataclass(slots=True)
class Dispute:
    claimed: Decimal
    held: Decimal
    share: Decimal
    """What of the charge nobody else may be promised while it is open."""
    status: str = "open"


@dataclass(slots=True)
class Charge:
    """One captured payment, and what took it back."""

    total: Decimal
    taken: dict[str, Decimal] = field(default_factory=dict)
    """By each refund's or dispute's reference, or as the reversal."""
    under_way: dict[str, Decimal] = field(default_factory=dict)
    """What refunds of ours are about to take, by their attempts."""
    disputes: dict[str, Dispute] = field(default_factory=dict)
    elsewhere: dict[str, bool] = field(default_factory=dict)
    """Whether each refund in the dashboard is still paid back, and was not returned."""
    is_reversed: bool = False
    gave_back: bool = False
    """Whether anything that was taken came back, so that what else was claimed may be less than what there was."""

    @property
    def kept(self) -> Decimal:
        return self.total - sum(self.taken.values())

    @property
    def claimable(self) -> Decimal:
        """What a lost dispute or a failed settlement may take."""
        return self.kept - sum(self.under_way.values())

    @property
    def left(self) -> Decimal:
        """What may yet be promised."""
        return self.claimable - sum(dispute.share for dispute in self.disputes.values() if dispute.status == "open")


class Charges:
    """All charges, followed event by event."""

    def __init__(self) -> None:
        self.by_reference: dict[str, Charge] = {}
        self._refunds: dict[str, tuple[str, Decimal]] = {}
        """Charge and amount of each attempt to pay back."""

    @property
    def paid_elsewhere(self) -> set[str]:
        return {one for charge in self.by_reference.values() for one, stands in charge.elsewhere.items() if stands}

    def take(self, topic: str, event: dict[str, Any]) -> Moved:
        """Follow an event; say what one that is no command of ours does to the account."""
        if topic == "payment-captured":
            self.by_reference[event["reference"]] = Charge(Decimal(event["total"]))
        elif topic in REFUND_TOPICS:
            self._refund(topic, event)
        elif topic in CLAIM_TOPICS:
            return self._claim(topic, event)
        return Moved()

    def _refund(self, topic: str, event: dict[str, Any]) -> None:
        attempt_id = event["attempt_id"]
        if topic == "refund-attempted":
            self._refunds[attempt_id] = event["charge_reference"], Decimal(event["total"])
        reference, total = self._refunds[attempt_id]
        charge = self.by_reference[reference]
        if topic == "refund-attempted":
            if total > charge.left:
                raise Violation("I3", f"{attempt_id} pays back more than is left of {reference}: {charge.left}")
            charge.under_way[attempt_id] = total
            return
        charge.under_way.pop(attempt_id, None)
        if topic == "refund-returned":
            charge.gave_back |= bool(charge.taken.pop(event["reference"], NOTHING))
        elif topic != "refund-failed":
            self._takes(charge, event["reference"], total, late=event["late"])

    def _claim(self, topic: str, event: dict[str, Any]) -> Moved:
        charge = self.by_reference[event.get("charge_reference", event["reference"])]
        reference, total, credit = event["reference"], Decimal(event["total"]), Decimal(event["credit"])
        if not 0 <= credit <= total:
            raise Violation("I1", f"{topic} of {reference} splits {total} into {credit} and the rest")
        match topic:
            case "dispute-opened":
                if reference in charge.disputes:
                    raise Violation("I3", f"{reference} was opened twice")
                claimed, held = Decimal(event["claimed"]), Decimal(event["held"])
                self._is_all(topic, total, claimed, charge.left)
                charge.disputes[reference] = Dispute(claimed, held, share=total)
                return Moved(held=held)
            case "dispute-won" | "dispute-lost":
                return self._decided(charge, topic, reference, total, credit)
            case "refund-made-elsewhere":
                if reference in charge.elsewhere:
                    raise Violation("I3", f"{reference} was debited twice")
                charge.elsewhere[reference] = True
                self._is_all(topic, total, Decimal(event["claimed"]), charge.kept)
                self._takes(charge, reference, total)
            case "refund-elsewhere-returned":
                charge.elsewhere[reference] = False
                return self._gives(charge, reference, total, credit)
            case _:
                self._is_all(topic, total, charge.total, charge.claimable)
                charge.is_reversed = True
                self._takes(charge, "reversal", total)
        return Moved(-credit)

    def _decided(self, charge: Charge, topic: str, reference: str, total: Decimal, credit: Decimal) -> Moved:
        dispute = charge.disputes[reference]
        released = dispute.held if dispute.status == "open" else NOTHING
        dispute.status = topic.removeprefix("dispute-")
        if topic == "dispute-won":
            return self._gives(charge, reference, total, credit)._replace(held=-released)
        self._is_all(topic, total, dispute.claimed - charge.taken.get(reference, NOTHING), charge.claimable)
        self._takes(charge, reference, total)
        return Moved(-credit, -released)

    def _is_all(self, topic: str, total: Decimal, claimed: Decimal, there_is: Decimal) -> None:
        if total != min(claimed, max(there_is, NOTHING)):
            raise Violation("I3", f"{topic} of {claimed} took {total} where there was {there_is}")

    def _takes(self, charge: Charge, reference: str, total: Decimal, *, late: bool = False) -> None:
        charge.taken[reference] = charge.taken.get(reference, NOTHING) + total
        if charge.kept < 0 and not late:
            raise Violation("I3", f"more was taken back than was captured: {charge}")

    def _gives(self, charge: Charge, reference: str, total: Decimal, credit: Decimal) -> Moved:
        if total != charge.taken.pop(reference, NOTHING):
            raise Violation("I3", f"{reference} gave back {total}, and that is not what it took")
        charge.gave_back |= total > 0
        return Moved(credit)
