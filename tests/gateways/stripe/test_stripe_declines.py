"""Stripe's codes in the protocol's vocabulary, over HTTP, one by one."""

from __future__ import annotations

import pytest
from stripe_helpers import charge, payment

from interact_ledger.gateways.protocol import Advice, Declined, DeclineReason, Found
from interact_ledger.gateways.stripe.declines import DECLINES
from servers.stripe import Decline, Script

WHY = DeclineReason
TABLE = [
    # code, decline_code, advice_code, reason, advice, raw code
    ("card_declined", "insufficient_funds", None, WHY.INSUFFICIENT_FUNDS, Advice.LATER, "insufficient_funds"),
    ("card_declined", "generic_decline", None, WHY.OTHER, Advice.LATER, "generic_decline"),
    ("card_declined", "do_not_honor", None, WHY.DO_NOT_HONOUR, Advice.LATER, "do_not_honor"),
    ("card_declined", "try_again_later", None, WHY.OTHER, Advice.LATER, "try_again_later"),
    ("card_declined", "card_velocity_exceeded", None, WHY.LIMIT_EXCEEDED, Advice.LATER, "card_velocity_exceeded"),
    ("card_declined", "lost_card", None, WHY.LOST_OR_STOLEN, Advice.NEVER, "lost_card"),
    ("card_declined", "stolen_card", None, WHY.LOST_OR_STOLEN, Advice.NEVER, "stolen_card"),
    ("card_declined", "pickup_card", None, WHY.LOST_OR_STOLEN, Advice.NEVER, "pickup_card"),
    ("card_declined", "fraudulent", None, WHY.FRAUD, Advice.NEVER, "fraudulent"),
    ("card_declined", "card_not_supported", None, WHY.METHOD_UNUSABLE, Advice.NEW_METHOD, "card_not_supported"),
    ("card_declined", None, None, WHY.OTHER, Advice.LATER, "card_declined"),
    ("card_declined", "never_heard_of", None, WHY.OTHER, Advice.LATER, "never_heard_of"),
    ("never_heard_of", None, None, WHY.OTHER, Advice.LATER, "never_heard_of"),
    ("expired_card", None, None, WHY.EXPIRED_CARD, Advice.NEVER, "expired_card"),
    ("expired_card", "never_heard_of", None, WHY.EXPIRED_CARD, Advice.NEVER, "never_heard_of"),
    ("incorrect_number", None, None, WHY.INCORRECT_DETAILS, Advice.NEVER, "incorrect_number"),
    ("incorrect_cvc", "incorrect_cvc", None, WHY.INCORRECT_DETAILS, Advice.NEW_METHOD, "incorrect_cvc"),
    ("processing_error", None, None, WHY.OTHER, Advice.LATER, "processing_error"),
    (
        *("authentication_required", "authentication_required", None),
        *(WHY.AUTHENTICATION_REQUIRED, Advice.CUSTOMER_PRESENT, "authentication_required"),
    ),
    (
        *("payment_intent_authentication_failure", None, None),
        *(WHY.AUTHENTICATION_FAILED, Advice.CUSTOMER_PRESENT, "payment_intent_authentication_failure"),
    ),
    # What the issuer advises
    ("card_declined", "generic_decline", "do_not_try_again", WHY.OTHER, Advice.NEVER, "generic_decline"),
    ("card_declined", "do_not_honor", "confirm_card_data", WHY.DO_NOT_HONOUR, Advice.NEW_METHOD, "do_not_honor"),
    ("card_declined", "stolen_card", "try_again_later", WHY.LOST_OR_STOLEN, Advice.NEVER, "stolen_card"),
    ("card_declined", "generic_decline", "never_heard_of", WHY.OTHER, Advice.LATER, "generic_decline"),
]


@pytest.mark.parametrize(("code", "decline_code", "advice_code", "reason", "advice", "raw_code"), TABLE)
def test_a_decline_is_told_in_our_words(bench, code, decline_code, advice_code, reason, advice, raw_code):
    token = bench.server.card(Script(pay=Decline(code, decline_code, advice_code)))
    result = charge(bench, source=token)
    assert isinstance(result, Declined)
    assert (result.reason, result.advice, result.raw_code) == (reason, advice, raw_code)
    assert result.still_payable
    assert bench.gateway.find_charge(payment(bench, reference=result.reference)) == Found(result)


def test_every_reason_of_the_vocabulary_has_a_code():
    assert {meaning.reason for meaning in DECLINES.values()} == set(DeclineReason)


def test_nobody_is_told_to_charge_a_stolen_card_or_to_present_one():
    for meaning in DECLINES.values():
        grave = meaning.reason in {WHY.LOST_OR_STOLEN, WHY.FRAUD}
        assert not grave or meaning.advice is Advice.NEVER
