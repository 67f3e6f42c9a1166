"""Gateways that go wrong over a customer that somebody deleted, each in one way."""

from __future__ import annotations

from kit_runner import Broken, breaks

from interact_ledger.errors import GatewayCustomerGone, GatewayInvalidRequest
from interact_ledger.gateways.protocol import Begun, CardDetails, ChargeRequest, Found, NotAttempted, SavedCard, Unknown


@breaks(
    "for_a_deleted_customer_nothing_is_charged_or_saved_and_that_is_said",
)
class ChargesTheDeleted(Broken):
    """It charges for customers that are not there."""

    def _refuse_deleted(self, customer_id: str | None) -> None:
        """Refuse none."""


@breaks(
    "for_a_deleted_customer_nothing_is_charged_or_saved_and_that_is_said",
)
class CallsItInvalid(Broken):
    """To it a customer that was deleted is any mistake in a request."""

    def begin(self, request: ChargeRequest) -> Begun | NotAttempted | Unknown:
        try:
            return super().begin(request)
        except GatewayCustomerGone:
            raise GatewayInvalidRequest("is no customer", field="customer_id") from None


@breaks(
    "after_a_deleted_customer_another_is_linked",
)
class LinksTheDeletedAgain(Broken):
    """For each account it remembers the first customer, and returns that one for ever."""

    def link_customer(self, account_id: str) -> str:
        self.__dict__.setdefault("_linked", {}).setdefault(account_id, super().link_customer(account_id))
        return self.__dict__["_linked"][account_id]


@breaks(
    "the_cards_of_a_deleted_customer_are_not_found",
)
class ShowsCardsOfTheDeleted(Broken):
    """It shows cards from a list of its own, which nobody tells of deleted customers."""

    def find_saved_card(self, card: SavedCard, customer_id: str) -> object:
        kept = self._memory.card(card.token)
        if kept is not None and self._memory.is_deleted(kept.customer_id):
            details: CardDetails = kept.details
            return Found(details)
        return super().find_saved_card(card, customer_id)
