"""The sandbox's test tokens: each does what it says."""

from __future__ import annotations

import pytest
from moneyed import Money
from sandbox_helpers import NOON, TWELVE, charge, paid, save

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import Advice, CardFunding, Declined, DeclineReason, Gateway, NewCard, SavedCard
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS, SandboxGateway


def test_it_satisfies_the_protocol(gateway: SandboxGateway) -> None:
    as_protocol: Gateway = gateway
    assert isinstance(as_protocol, Gateway)
    assert gateway.gateway_id == "sandbox"


@pytest.mark.parametrize(
    ("token", "brand", "funding"),
    [
        ("tok_visa", "visa", CardFunding.CREDIT),
        ("tok_visa_debit", "visa", CardFunding.DEBIT),
        ("tok_visa_prepaid", "visa", CardFunding.PREPAID),
        ("tok_mastercard", "mastercard", CardFunding.CREDIT),
        ("tok_american_express", "american_express", CardFunding.CREDIT),
        ("tok_maestro", "maestro", CardFunding.DEBIT),
        ("tok_discover", "discover", CardFunding.CREDIT),
        ("tok_jcb", "jcb", CardFunding.UNKNOWN),
    ],
)
def test_a_good_card_captures_the_whole_amount(
    gateway: SandboxGateway, token: str, brand: str, funding: CardFunding
) -> None:
    result = paid(gateway, source=token)
    assert (result.amount, result.captured_at) == (TWELVE, NOON)
    assert (result.card.brand, result.card.funding) == (brand, funding)
    assert brand in gateway.capabilities.brands


@pytest.mark.parametrize("reason", DeclineReason)
def test_there_is_a_token_for_every_reason_to_decline(gateway: SandboxGateway, reason: DeclineReason) -> None:
    result = charge(gateway, f"tok_declined_{reason}")
    assert isinstance(result, Declined)
    assert (result.reason, result.still_payable) == (reason, True)
    assert result.raw_code
    assert gateway.captured() == []


def test_every_advice_is_given_by_some_token(gateway: SandboxGateway) -> None:
    results = [charge(gateway, f"tok_declined_{r}", attempt=f"att_{r}") for r in DeclineReason]
    assert {r.advice for r in results if isinstance(r, Declined)} == set(Advice)


def test_every_published_token_works_and_says_what_it_does(gateway: SandboxGateway) -> None:
    for token, script in SANDBOX_TOKENS.items():
        assert script.description.endswith(".")
        charge(gateway, token, attempt=f"pay with {token}")
        save(gateway, token, attempt=f"save {token}")


def test_the_table_of_tokens_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SANDBOX_TOKENS["tok_mine"] = SANDBOX_TOKENS["tok_visa"]  # the very point


def test_one_token_pays_any_number_of_attempts(gateway: SandboxGateway) -> None:
    for number in range(3):
        paid(gateway, attempt=f"att_{number}")
    assert gateway.captured_total("GBP") == 3 * TWELVE


@pytest.mark.parametrize("token", ["", "tok_nonsense", "card_nonsense", "4242424242424242"])
def test_an_unknown_token_is_an_invalid_request_and_is_not_repeated(gateway: SandboxGateway, token: str) -> None:
    for call in (
        lambda: charge(gateway, NewCard(token)),
        lambda: charge(gateway, SavedCard(token)),
        lambda: save(gateway, token),
    ):
        with pytest.raises(GatewayInvalidRequest) as refusal:
            call()
        assert not token or token not in str(refusal.value)
    assert gateway.chargeable() == []


def test_a_card_may_capture_less_than_was_asked_for(gateway: SandboxGateway) -> None:
    assert paid(gateway, source="tok_captures_less").amount == Money("11.99", "GBP")
