"""Gateways that save, charge or forget saved cards wrongly, each in one way."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kit_runner import BeginsNothing, Broken, breaks

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.conformance.requests import ACCOUNT, OTHER_ACCOUNT
from interact_ledger.gateways.protocol import (
    Advice,
    Begun,
    Cancelled,
    Capabilities,
    CardRequest,
    CardResult,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Declined,
    DeclineReason,
    ForgetResult,
    Forgotten,
    Found,
    Indeterminate,
    Initiator,
    NewCard,
    NotAttempted,
    NotFound,
    PaymentSource,
    SavedCard,
    Succeeded,
    Unknown,
)

FOR_EVER = timedelta(days=3650)


def saving_of(request: ChargeRequest, attempt_id: str) -> CardRequest:
    return CardRequest(
        attempt_id=attempt_id,
        saving_id=request.transaction_id,
        account_id=request.account_id,
        customer_id=request.customer_id,
        send_before=request.send_before,
    )


@breaks(
    "a_card_that_is_gone_or_anothers_is_not_found",
    "a_forgotten_card_is_not_found_as_saved",
    "a_saved_card_pays_until_it_is_forgotten",
    "forgetting_after_a_fault_converges_on_forgotten",
    "forgetting_one_card_keeps_the_others",
)
class ForgetsNothing(Broken):
    """It says Forgotten and keeps the card."""

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        return Forgotten()


@breaks(
    "a_saved_card_pays_until_it_is_forgotten",
)
class ForgetsTheListOnly(Broken):
    """A forgotten card is shown no more, and still pays."""

    def _unusable(self, intent: Any) -> Any:
        step = super()._unusable(intent)
        return None if step and step.code == "card_removed" else step


@breaks(
    "a_saved_card_pays_whoever_initiates",
)
class OnlyWithTheCustomer(Broken):
    """A saved card pays only while the customer is there."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        if request.initiator is Initiator.CUSTOMER:
            return super().charge(request, source)
        why = DeclineReason.AUTHENTICATION_REQUIRED
        return Declined(reason=why, advice=Advice.CUSTOMER_PRESENT, raw_code="off_session")


@breaks(
    "a_repeated_saving_charge_keeps_one_card",
)
class SavesAgainOnEachRepeat(Broken):
    """A repeated charge saves the card once more."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        repeated = any(captured.attempt_id == request.attempt_id for captured in self.captured())
        result = super().charge(request, source)
        if repeated and request.save_card and isinstance(source, NewCard):
            self.save(saving_of(request, f"{request.attempt_id}-{len(self.saved_cards())}"), source)
        return result


@breaks(
    "a_declined_card_is_not_kept",
)
class KeepsDeclinedCards(Broken):
    """A card that was declined is saved all the same."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if isinstance(result, Declined) and request.save_card:
            self.save(saving_of(request, "declined"), NewCard("tok_visa"))
        return result


@breaks(
    "a_charge_with_a_saved_card_saves_no_other",
    "a_saved_card_pays_until_it_is_forgotten",
    "forgetting_one_card_keeps_the_others",
)
class SavesTheSavedCard(Broken):
    """Charging a saved card saves it once more."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if isinstance(result, Succeeded) and isinstance(source, SavedCard):
            self.save(saving_of(request, f"{request.attempt_id}-card"), NewCard("tok_visa"))
        return result


@breaks(
    "forgetting_after_a_fault_converges_on_forgotten",
    "forgetting_twice_or_what_never_was_is_success",
)
class ForgetsOnce(Broken):
    """Forgetting what is gone is an error, so that recovery never comes to an end."""

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        if card.token not in [kept.card_token for kept in self.saved_cards()]:
            raise GatewayInvalidRequest("is no card", field="card")
        return super().forget(card, customer_id)


@breaks(
    "forgetting_one_card_keeps_the_others",
)
class ForgetsTheCustomer(Broken):
    """Forgetting one card forgets all of its customer's."""

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        result = super().forget(card, customer_id)
        if isinstance(result, Forgotten):
            for kept in self.saved_cards():
                super().forget(SavedCard(kept.card_token), kept.customer_id)
        return result


@breaks(
    "another_customers_saved_card_never_pays",
)
class ChargesAnyonesCard(BeginsNothing):
    """A saved card pays for whoever names it."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        owners = {kept.card_token: kept.customer_id for kept in self.saved_cards()}
        return super().charge(replace(request, customer_id=owners.get(source.token, request.customer_id)), source)


@breaks(
    "forgetting_after_a_fault_converges_on_forgotten",
)
class ForgottenWhenLost(Broken):
    """A time-out on forgetting counts as forgotten."""

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        result = super().forget(card, customer_id)
        return Forgotten() if isinstance(result, Unknown) else result


@breaks(
    "a_card_saved_alone_is_not_charged_and_pays_later",
    "an_authentic_notice_names_the_object_and_our_id_for_it",
)
class ChargesToSave(Broken):
    """A card is verified by charging it, and nobody pays that back."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        result = super().save(request, card)
        if isinstance(result, CardSaved):
            amount = self.capabilities.currencies["GBP"].minimum
            payment = ChargeRequest(
                attempt_id=f"{request.attempt_id}-check",
                transaction_id=request.saving_id,
                account_id=request.account_id,
                customer_id=request.customer_id,
                amount=_pounds(amount),
                save_card=False,
                initiator=Initiator.CUSTOMER,
                send_before=request.send_before,
            )
            self.charge(payment, card)
        return result


def _pounds(amount: Any) -> Any:
    from moneyed import Money

    return Money(amount, "GBP")


@breaks(
    "a_saving_attempt_with_another_card_saves_no_other",
    "a_saving_is_found_by_its_reference_and_by_our_ids",
    "a_saving_that_asks_the_customer_goes_on_or_is_called_off",
    "a_saving_whose_answer_is_lost_is_unknown_and_then_found",
    "the_same_saving_twice_keeps_one_card",
    "the_same_saving_after_a_restart_keeps_one_card",
)
class SavesUnderNewKeys(Broken):
    """Saving has no key of its own."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        return super().save(replace(request, attempt_id=f"{request.attempt_id}-{len(self.saved_cards())}"), card)


@breaks(
    "a_saving_is_found_by_its_reference_and_by_our_ids",
    "a_saving_whose_answer_is_lost_is_unknown_and_then_found",
    "every_look_up_that_fails_is_indeterminate",
)
class FindsNoSavingWithoutReference(Broken):
    """A saving whose reference a crash lost is not found."""

    def find_card(self, request: CardRequest) -> Any:
        return super().find_card(request) if request.reference else NotFound()


@breaks(
    "a_forgotten_card_is_not_found_as_saved",
)
class FindsForgottenCards(Broken):
    """A saving is found as done although its card was forgotten."""

    def find_card(self, request: CardRequest) -> Any:
        found = super().find_card(request)
        kept = getattr(self, "_done", None)
        if isinstance(found, Found) and isinstance(found.result, Cancelled) and kept:
            return Found(kept)
        return found

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        result = super().save(request, card)
        self._done = result if isinstance(result, CardSaved) else None
        return result


@breaks(
    "a_declined_saving_keeps_nothing",
)
class KeepsDeclinedSavings(Broken):
    """A card whose saving was declined is kept."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        result = super().save(request, card)
        if isinstance(result, Declined):
            super().save(replace(request, attempt_id="again"), NewCard("tok_visa"))
        return result


@breaks(
    "a_saving_that_asks_the_customer_goes_on_or_is_called_off",
)
class CancelsNoSaving(Broken):
    """A saving that is called off can still be completed."""

    def cancel_save(self, request: CardRequest) -> CardResult:
        found = super().find_card(request)
        done = isinstance(found, Found) and isinstance(found.result, CardSaved)
        return found.result if done else Cancelled(reference=request.reference)


@breaks(
    "nothing_is_saved_at_or_after_send_before",
)
class SavesTooLate(Broken):
    """`send_before` is not looked at when saving."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        return super().save(replace(request, send_before=request.send_before + FOR_EVER), card)


@breaks(
    "a_saving_whose_answer_is_lost_is_unknown_and_then_found",
)
class LostSavingIsNotAttempted(Broken):
    """A time-out on saving is taken for a no."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        result = super().save(request, card)
        return NotAttempted(why="timed out") if isinstance(result, Unknown) else result


@breaks(
    "a_card_saved_alone_is_not_charged_and_pays_later",
    "a_card_that_could_not_be_looked_up_is_not_gone",
    "a_card_that_is_gone_or_anothers_is_not_found",
    "a_card_that_somebody_detached_is_not_found",
    "a_card_that_the_network_renewed_is_told_with_its_new_details",
    "a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge",
    "a_charge_with_a_saved_card_saves_no_other",
    "a_declined_card_is_not_kept",
    "a_declined_saving_keeps_nothing",
    "a_forgotten_card_is_not_found_as_saved",
    "a_repeated_saving_charge_keeps_one_card",
    "a_saved_card_is_told_with_its_details",
    "a_saved_card_pays_until_it_is_forgotten",
    "a_saved_card_pays_whoever_initiates",
    "a_saving_attempt_with_another_card_saves_no_other",
    "a_saving_is_found_by_its_reference_and_by_our_ids",
    "a_saving_that_asks_the_customer_goes_on_or_is_called_off",
    "another_customers_card_is_not_forgotten",
    "another_customers_saved_card_never_pays",
    "forgetting_one_card_keeps_the_others",
    "forgetting_twice_or_what_never_was_is_success",
    "nothing_is_saved_at_or_after_send_before",
    "the_same_saving_twice_keeps_one_card",
    "what_others_do_to_a_card_is_noticed_with_its_customer",
    "the_cards_of_a_deleted_customer_are_not_found",
)
class SavesUndeclared(Broken):
    """It saves cards, and its capabilities say that it does not."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, saves_cards=False, saves_without_charging=False)


@breaks(
    "a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge",
)
class TellsOfTheCardOnce(Broken):
    """The saved card is told with the answer to the charge, and a crash may lose that one."""

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, Succeeded):
            return Found(replace(found.result, saved_card=None))
        return found


@breaks(
    "another_customers_card_is_not_forgotten",
)
class ForgetsAnyonesCard(Broken):
    """A saved card is forgotten for whoever names it."""

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        customers = dict.fromkeys((customer_id, *(self.link_customer(account) for account in (ACCOUNT, OTHER_ACCOUNT))))
        for customer in customers:
            with contextlib.suppress(GatewayInvalidRequest):
                return super().forget(card, customer)
        return Forgotten()


@breaks(
    "a_saving_attempt_with_another_card_saves_no_other",
)
class SavesEachCardOfAnAttempt(Broken):
    """The key of a saving is its attempt and its card."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        first = self.__dict__.setdefault("_first_cards", {}).setdefault(request.attempt_id, card)
        if card != first:
            request = replace(request, attempt_id=f"{request.attempt_id}-{card.token}")
        return super().save(request, card)
