"""Stripe's decline codes in the vocabulary of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from interact_ledger.gateways.protocol import Advice, Declined, DeclineReason

__all__ = ["DECLINES", "Meaning", "declined"]


class Meaning(NamedTuple):
    """Why, and what may be tried."""

    reason: DeclineReason
    advice: Advice


def _each(codes: str, reason: DeclineReason, advice: Advice) -> dict[str, Meaning]:
    return {code: Meaning(reason, advice) for code in codes.split()}


DECLINES: Mapping[str, Meaning] = MappingProxyType(
    {
        **_each("insufficient_funds", DeclineReason.INSUFFICIENT_FUNDS, Advice.LATER),
        **_each("expired_card", DeclineReason.EXPIRED_CARD, Advice.NEVER),
        **_each("incorrect_number invalid_number", DeclineReason.INCORRECT_DETAILS, Advice.NEVER),
        **_each(
            "incorrect_cvc invalid_cvc incorrect_zip incorrect_address incorrect_pin invalid_pin"
            " invalid_expiry_month invalid_expiry_year",
            DeclineReason.INCORRECT_DETAILS,
            Advice.NEW_METHOD,
        ),
        **_each("lost_card stolen_card pickup_card", DeclineReason.LOST_OR_STOLEN, Advice.NEVER),
        **_each("fraudulent merchant_blacklist security_violation", DeclineReason.FRAUD, Advice.NEVER),
        **_each("authentication_required", DeclineReason.AUTHENTICATION_REQUIRED, Advice.CUSTOMER_PRESENT),
        **_each(
            "payment_intent_authentication_failure setup_intent_authentication_failure",
            DeclineReason.AUTHENTICATION_FAILED,
            Advice.CUSTOMER_PRESENT,
        ),
        **_each(
            "card_not_supported currency_not_supported invalid_account invalid_card_type live_mode_test_card"
            " new_account_information_available not_permitted offline_pin_required online_or_offline_pin_required"
            " payment_intent_incompatible_payment_method payment_method_not_available payment_method_restricted"
            " restricted_card service_not_allowed testmode_decline transaction_not_allowed",
            DeclineReason.METHOD_UNUSABLE,
            Advice.NEW_METHOD,
        ),
        **_each(
            "card_velocity_exceeded withdrawal_count_limit_exceeded card_decline_rate_limit_exceeded",
            DeclineReason.LIMIT_EXCEEDED,
            Advice.LATER,
        ),
        **_each("do_not_honor call_issuer no_action_taken", DeclineReason.DO_NOT_HONOUR, Advice.LATER),
        **_each(
            "do_not_try_again revocation_of_authorization revocation_of_all_authorizations stop_payment_order",
            DeclineReason.DO_NOT_HONOUR,
            Advice.NEVER,
        ),
        **_each(
            "generic_decline card_declined processing_error try_again_later issuer_not_available reenter_transaction"
            " approve_with_id duplicate_transaction payment_intent_payment_attempt_failed",
            DeclineReason.OTHER,
            Advice.LATER,
        ),
    }
)
"""By `decline_code`, or by `code` where there is none; whatever is not here is declined for another reason, later."""

_OTHER = Meaning(DeclineReason.OTHER, Advice.LATER)

_ADVICE = {
    "do_not_try_again": Advice.NEVER,
    "try_again_later": Advice.LATER,
    "confirm_card_data": Advice.NEW_METHOD,
}


def declined(
    code: str | None,
    decline_code: str | None,
    advice_code: str | None,
    *,
    reference: str | None,
    still_payable: bool = False,
) -> Declined:
    """Return a decline; the issuer's own advice, where there is one that forbids, counts more than the code's.

    Args:
        code: the error's code.
        decline_code: the issuer's reason, if it gave one.
        advice_code: what the issuer advises, if it does.
        reference: Stripe's object.
        still_payable: whether that can yet be paid.
    """
    raw_code = decline_code or code or "card_declined"
    meaning = DECLINES.get(raw_code) or DECLINES.get(code or "", _OTHER)
    advice = _ADVICE.get(advice_code or "", meaning.advice)
    if meaning.advice in {Advice.NEVER, Advice.CUSTOMER_PRESENT}:
        advice = meaning.advice  # an issuer's "try again" does not make a stolen card usable
    return Declined(
        reason=meaning.reason,
        advice=advice,
        raw_code=raw_code,
        reference=reference,
        still_payable=still_payable,
    )
