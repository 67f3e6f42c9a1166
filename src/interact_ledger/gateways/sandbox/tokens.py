"""The sandbox's well-known test tokens: for each, the card that it stands for and the script that it follows.

A token may be used for any number of attempts. `SANDBOX_TOKENS` is data, so that documentation and the command
line can list it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import Advice, CardDetails, CardFunding, DeclineReason

__all__ = ["DECLINES", "SANDBOX_TOKENS", "Fault", "Script", "Status", "Step", "script_of"]


class Status(StrEnum):
    """Where a payment, a saving or a refund stands at the sandbox."""

    CREATED = "created"
    """Begun and not confirmed: nothing can be charged yet."""
    PENDING = "pending"
    ACTION_REQUIRED = "action_required"
    DECLINED = "declined"
    """A payment that was declined can still be paid, by the browser, until it is cancelled."""
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"


class Fault(StrEnum):
    """What can go wrong between us and the sandbox."""

    BEFORE = "before"
    """Time-out; the request never arrived."""
    AFTER = "after"
    """Time-out; the request took effect and its answer was lost."""
    REFUSED = "refused"
    """The connection was refused, so nothing was sent."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where confirming leads, with the sandbox's own code if that is a decline."""

    status: Status
    code: str | None = None


SUCCEED = Step(Status.SUCCEEDED)
PEND = Step(Status.PENDING)
AUTHENTICATE = Step(Status.ACTION_REQUIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How the sandbox treats one card."""

    description: str
    card: CardDetails
    first: Step = SUCCEED
    """Paying with the token, or saving it."""
    later: Step = SUCCEED
    """Paying with the saved card while the customer is there."""
    off_session: Step = SUCCEED
    """Paying with the saved card on the merchant's initiative."""
    refunding: Step = SUCCEED
    """Paying back what was paid with it."""
    settles_in: timedelta = timedelta(0)
    """How long after its capture a payment can be paid back."""
    fault: Fault | None = None
    """What befalls the request that confirms with the token."""
    notices: int = 1
    """How many different notices tell each change, and how often each of them is delivered."""
    short_by: int = 0
    """By how many minor units less than the request is captured."""


DECLINES: Mapping[str, tuple[DeclineReason, Advice]] = MappingProxyType(
    {
        "insufficient_funds": (DeclineReason.INSUFFICIENT_FUNDS, Advice.LATER),
        "expired_card": (DeclineReason.EXPIRED_CARD, Advice.NEW_METHOD),
        "incorrect_cvc": (DeclineReason.INCORRECT_DETAILS, Advice.NEW_METHOD),
        "stolen_card": (DeclineReason.LOST_OR_STOLEN, Advice.NEVER),
        "fraudulent": (DeclineReason.FRAUD, Advice.NEVER),
        "authentication_required": (DeclineReason.AUTHENTICATION_REQUIRED, Advice.CUSTOMER_PRESENT),
        "authentication_failed": (DeclineReason.AUTHENTICATION_FAILED, Advice.CUSTOMER_PRESENT),
        "card_not_supported": (DeclineReason.METHOD_UNUSABLE, Advice.NEW_METHOD),
        "withdrawal_limit_exceeded": (DeclineReason.LIMIT_EXCEEDED, Advice.LATER),
        "do_not_honor": (DeclineReason.DO_NOT_HONOUR, Advice.LATER),
        "generic_decline": (DeclineReason.OTHER, Advice.NEW_METHOD),
        "card_removed": (DeclineReason.METHOD_UNUSABLE, Advice.NEW_METHOD),
        "card_of_another_customer": (DeclineReason.METHOD_UNUSABLE, Advice.NEW_METHOD),
        "settlement_declined": (DeclineReason.DO_NOT_HONOUR, Advice.NEW_METHOD),
        "charge_not_captured": (DeclineReason.OTHER, Advice.NEVER),
        "refund_exceeds_capture": (DeclineReason.OTHER, Advice.NEVER),
        "refund_refused": (DeclineReason.METHOD_UNUSABLE, Advice.NEVER),
        "refund_returned": (DeclineReason.METHOD_UNUSABLE, Advice.NEVER),
    }
)
"""The sandbox's own decline codes, in the vocabulary of the protocol."""

_SCRIPTED_DECLINES = (
    "insufficient_funds",
    "expired_card",
    "incorrect_cvc",
    "stolen_card",
    "fraudulent",
    "authentication_required",
    "authentication_failed",
    "card_not_supported",
    "withdrawal_limit_exceeded",
    "do_not_honor",
    "generic_decline",
)


def _card(brand: str, last_four: str, funding: CardFunding = CardFunding.CREDIT) -> CardDetails:
    return CardDetails(brand=brand, last_four=last_four, expiry_month=12, expiry_year=2039, funding=funding)


_VISA = _card("visa", "4242")


def _brands() -> dict[str, Script]:
    cards = {
        "tok_visa": _VISA,
        "tok_visa_debit": _card("visa", "5556", CardFunding.DEBIT),
        "tok_visa_prepaid": _card("visa", "0077", CardFunding.PREPAID),
        "tok_mastercard": _card("mastercard", "4444"),
        "tok_american_express": _card("american_express", "0005"),
        "tok_maestro": _card("maestro", "0604", CardFunding.DEBIT),
        "tok_discover": _card("discover", "1117"),
        "tok_jcb": _card("jcb", "0505", CardFunding.UNKNOWN),
    }
    return {
        token: Script(description=f"Succeeds: {card.brand}, {card.funding} card ending {card.last_four}.", card=card)
        for token, card in cards.items()
    }


def _declines() -> dict[str, Script]:
    return {
        f"tok_declined_{DECLINES[code][0]}": Script(
            description=f"Declined with {code}.", card=_VISA, first=Step(Status.DECLINED, code)
        )
        for code in _SCRIPTED_DECLINES
    }


def _interactions() -> dict[str, Script]:
    return {
        "tok_authentication_required": Script(
            description="The customer must authenticate; `authenticate` plays the browser.",
            card=_card("visa", "3155"),
            first=AUTHENTICATE,
        ),
        "tok_pending": Script(
            description="Stays pending until `settle` captures or declines it.", card=_card("visa", "3006"), first=PEND
        ),
        "tok_timeout_before_charging": Script(
            description="Unknown: the request times out and never arrives; nothing is charged or saved.",
            card=_VISA,
            fault=Fault.BEFORE,
        ),
        "tok_timeout_after_charging": Script(
            description="Unknown: the card is charged or saved and the answer is lost; a repeat tells.",
            card=_VISA,
            fault=Fault.AFTER,
        ),
        "tok_unreachable": Script(
            description="Not attempted: the connection is refused.", card=_VISA, fault=Fault.REFUSED
        ),
        "tok_duplicate_notices": Script(
            description="Succeeds, and every change is told by two different notices, each delivered twice.",
            card=_VISA,
            notices=2,
        ),
        "tok_captures_less": Script(
            description="Succeeds with one minor unit less than was asked for, as no gateway should.",
            card=_VISA,
            short_by=1,
        ),
    }


def _refund_troubles() -> dict[str, Script]:
    return {
        "tok_refund_pending": Script(
            description="Succeeds; a refund of it stays pending until `settle` pays or declines it.",
            card=_card("visa", "7726"),
            refunding=PEND,
        ),
        "tok_settles_in_a_day": Script(
            description="Succeeds; a refund of it has to wait for a day.",
            card=_card("visa", "4012"),
            settles_in=timedelta(days=1),
        ),
        "tok_refund_declined": Script(
            description="Succeeds; a refund of it is declined.",
            card=_card("visa", "5126"),
            refunding=Step(Status.DECLINED, "refund_refused"),
        ),
    }


def _saved_card_troubles() -> dict[str, Script]:
    short, refused = Step(Status.DECLINED, "insufficient_funds"), Step(Status.DECLINED, "do_not_honor")
    unauthenticated = Step(Status.DECLINED, "authentication_required")
    return {
        "tok_later_declined_off_session": Script(
            description="Can be saved; the saved card is declined off-session and pays while the customer is there.",
            card=_card("visa", "0341"),
            off_session=refused,
        ),
        "tok_later_insufficient_funds": Script(
            description="Can be saved; the saved card then has insufficient funds, whoever initiates.",
            card=_card("visa", "9995"),
            later=short,
            off_session=short,
        ),
        "tok_later_authentication_required": Script(
            description="Can be saved; the saved card is declined off-session until the customer authenticates, "
            "and asks for authentication while the customer is there.",
            card=_card("visa", "3184"),
            later=AUTHENTICATE,
            off_session=unauthenticated,
        ),
        "tok_later_action_required": Script(
            description="Can be saved; the saved card then asks for authentication, whoever initiates.",
            card=_card("visa", "3220"),
            later=AUTHENTICATE,
            off_session=AUTHENTICATE,
        ),
    }


SANDBOX_TOKENS: Mapping[str, Script] = MappingProxyType(
    _brands() | _declines() | _interactions() | _saved_card_troubles() | _refund_troubles()
)
"""Every one-time token that the sandbox knows, with its script."""


def script_of(token: str | None) -> Script:
    """Return the script of a well-known token.

    Raises:
        GatewayInvalidRequest: if the sandbox knows no such token. The message never repeats it.
    """
    script = None if token is None else SANDBOX_TOKENS.get(token)
    if script is None:
        raise GatewayInvalidRequest(
            "is not one of the sandbox's test tokens; `interact-ledger sandbox tokens` lists them", field="source"
        )
    return script
