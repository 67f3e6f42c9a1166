"""Stripe's test tokens, and cards that a test has made up: what each does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["TEST_TOKENS", "Decline", "Outcome", "Script"]


class Outcome(Enum):
    """What becomes of a confirmation that is not declined."""

    SUCCEED = "succeed"
    PROCESS = "process"
    AUTHENTICATE = "authenticate"


@dataclass(frozen=True)
class Decline:
    """Stripe's codes of a decline."""

    code: str
    decline_code: str | None = None
    advice_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Script:
    """One card."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    pay: Outcome | Decline = Outcome.SUCCEED
    """Paying, in the customer's presence."""
    off_session: Outcome | Decline = Outcome.SUCCEED
    """Paying on the merchant's initiative, if paying is not declined anyway."""
    save: Outcome | Decline | None = None
    """Saving; as paying if None."""
    refund: str = "succeeded"
    """The status of a refund, or `refused`."""
    disputed: bool = False
    """Whether its holder disputes each payment at once."""
    short_by: int = 0
    """By how many units less is captured than was asked for."""


def _declined(decline_code: str) -> Script:
    return Script(pay=Decline("card_declined", decline_code))


TEST_TOKENS = {
    "pm_card_visa": Script(),
    "pm_card_visa_debit": Script(last4="5556", funding="debit"),
    "pm_card_mastercard": Script(brand="mastercard", last4="4444"),
    "pm_card_mastercard_prepaid": Script(brand="mastercard", last4="5100", funding="prepaid"),
    "pm_card_amex": Script(brand="amex", last4="8431"),
    "pm_card_discover": Script(brand="discover", last4="9424"),
    "pm_card_diners": Script(brand="diners", last4="3237"),
    "pm_card_jcb": Script(brand="jcb", last4="0505"),
    "pm_card_unionpay": Script(brand="unionpay", last4="0005"),
    "pm_card_chargeDeclined": _declined("generic_decline"),
    "pm_card_visa_chargeDeclined": _declined("generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": _declined("insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": _declined("lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": _declined("stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": Script(pay=Decline("expired_card")),
    "pm_card_chargeDeclinedIncorrectCvc": Script(pay=Decline("incorrect_cvc")),
    "pm_card_chargeDeclinedProcessingError": Script(pay=Decline("processing_error")),
    "pm_card_radarBlock": _declined("fraudulent"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": _declined("card_velocity_exceeded"),
    "pm_card_chargeCustomerFail": Script(
        last4="0341",
        pay=Decline("card_declined", "generic_decline"),
        save=Outcome.SUCCEED,
    ),
    "pm_card_authenticationRequired": Script(last4="3184", pay=Outcome.AUTHENTICATE, off_session=Outcome.AUTHENTICATE),
    "pm_card_authenticationRequiredOnSetup": Script(last4="3155", save=Outcome.AUTHENTICATE),
    "pm_card_createDispute": Script(last4="0259", disputed=True),
    "pm_card_pendingRefund": Script(last4="7726", refund="pending"),
}
"""By Stripe's names; each use of one in a request is a card of its own."""
