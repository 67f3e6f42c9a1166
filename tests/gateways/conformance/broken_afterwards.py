"""Gateways that tell wrongly what others did, each in one way."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kit_runner import Broken, breaks
from moneyed import Money

from interact_ledger.gateways.protocol import (
    AfterCapture,
    Capabilities,
    CardDetails,
    ChargeRequest,
    ChargeResult,
    DisputeStatus,
    Found,
    Indeterminate,
    NotFound,
    Notice,
    NoticeSubject,
    PaymentSource,
    RefundMade,
    SavedCard,
    Succeeded,
)
from interact_ledger.gateways.sandbox.memory import KeptCard, Kind


class Misreports(Broken):
    """It tells of a charge otherwise than it is."""

    def find_after_capture(self, charge_reference: str) -> Any:
        found = super().find_after_capture(charge_reference)
        return Found(self.misreported(found.result, charge_reference)) if isinstance(found, Found) else found

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        raise NotImplementedError


@breaks(
    "a_charge_that_nothing_left_is_told_so",
    "a_refund_is_told_once_it_went_out",
    "each_refund_of_ours_is_told_with_our_id",
    "refunds_made_elsewhere_are_told_beside_ours",
    "what_left_another_charge_is_not_told",
    "what_left_is_told_exactly_in_every_currency",
)
class InventsARefund(Misreports):
    """It tells of a refund that nobody made."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        amount = Money(1, "GBP")
        made_up = RefundMade(reference="rfd_0", amount=amount, refunded_at=self._now(), operation_id=None)
        return replace(left, refunds=(*left.refunds, made_up))


@breaks(
    "a_refund_is_told_once_it_went_out",
    "each_refund_of_ours_is_told_with_our_id",
    "refunds_made_elsewhere_are_told_beside_ours",
)
class ForgetsWhoseRefund(Misreports):
    """Every refund is told as if somebody else had made it."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, refunds=tuple(replace(refund, operation_id=None) for refund in left.refunds))


@breaks(
    "refunds_made_elsewhere_are_told_beside_ours",
    "what_left_is_told_exactly_in_every_currency",
)
class TellsOurRefundsOnly(Misreports):
    """What bears no id of ours is none of its business."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, refunds=tuple(refund for refund in left.refunds if refund.operation_id))


@breaks(
    "each_refund_of_ours_is_told_with_our_id",
    "refunds_made_elsewhere_are_told_beside_ours",
)
class ReadsTheFirstPageOnly(Misreports):
    """A page holds one refund."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, refunds=left.refunds[:1])


@breaks(
    "a_refund_is_told_once_it_went_out",
)
class TellsRefundsUnderWay(Misreports):
    """A refund is told as soon as it was asked for."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        known = {refund.reference for refund in left.refunds}
        under_way = tuple(
            RefundMade(
                reference=refund.reference,
                amount=refund.amount or Money(0, "GBP"),
                refunded_at=refund.moved_at,
                operation_id=refund.operation_id or None,
            )
            for refund in self._memory.refunds(charge_reference)
            if refund.reference not in known
        )
        return replace(left, refunds=left.refunds + under_way)


@breaks(
    "a_refund_that_the_bank_sent_back_is_told_as_returned",
)
class NothingEverReturns(Misreports):
    """A refund that the bank sent back is told as gone."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, refunds=tuple(replace(refund, returned=False) for refund in left.refunds))


@breaks(
    "a_dispute_is_told_as_it_stands",
)
class DisputesAreOpenForEver(Misreports):
    """It never hears what was decided."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, disputes=tuple(replace(each, status=DisputeStatus.OPEN) for each in left.disputes))


@breaks(
    "a_dispute_is_told_as_it_stands",
)
class LocalTimeOfDisputes(Misreports):
    """Its times bear no zone."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        opened = (replace(each, opened_at=each.opened_at.replace(tzinfo=None)) for each in left.disputes)
        return replace(left, disputes=tuple(opened))


@breaks(
    "a_settlement_that_failed_is_told",
)
class NeverReverses(Misreports):
    """What is captured stays captured."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, reversed_at=None, reversal_code=None)


@breaks(
    "what_left_is_told_exactly_in_every_currency",
)
class HundredthsOfYen(Misreports):
    """It reads every amount as hundredths."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        return replace(left, disputes=tuple(replace(each, amount=_read(each.amount)) for each in left.disputes))


def _read(amount: Money) -> Money:
    return amount / 100 if amount.currency.code == "JPY" else amount


@breaks(
    "what_left_another_charge_is_not_told",
    "what_left_is_told_exactly_in_every_currency",
)
class TellsTheDisputesOfAll(Misreports):
    """It lists the disputes of the whole account."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        payments = (intent.reference for intent in self._memory.intents() if intent.kind is Kind.PAYMENT)
        return replace(left, disputes=tuple(each for payment in payments for each in self._memory.disputes(payment)))


@breaks(
    "a_charge_that_was_never_captured_is_not_found",
)
class FindsWhatNeverWas(Broken):
    """Of a charge that was not captured it tells that nothing left it."""

    def find_after_capture(self, charge_reference: str) -> Any:
        found = super().find_after_capture(charge_reference)
        return Found(AfterCapture()) if isinstance(found, NotFound) else found


@breaks(
    "telling_what_left_changes_nothing",
)
class LooksAloud(Misreports):
    """Each look at a charge sets off a notice about it."""

    def misreported(self, left: AfterCapture, charge_reference: str) -> AfterCapture:
        self._tell(NoticeSubject.CHARGE, charge_reference, charge_reference, None)
        return left


@breaks(
    "a_part_of_what_left_is_never_told",
    "every_look_up_that_fails_is_indeterminate",
)
class TellsWhatItGot(Broken):
    """What could not be listed is left out."""

    def find_after_capture(self, charge_reference: str) -> Any:
        found = super().find_after_capture(charge_reference)
        return Found(AfterCapture()) if isinstance(found, Indeterminate) else found


@breaks(
    "a_charge_that_nothing_left_is_told_so",
    "a_charge_that_was_never_captured_is_not_found",
    "a_dispute_is_told_as_it_stands",
    "a_part_of_what_left_is_never_told",
    "a_payment_made_elsewhere_is_noticed_with_its_customer",
    "a_refund_is_told_once_it_went_out",
    "a_refund_that_the_bank_sent_back_is_told_as_returned",
    "a_settlement_that_failed_is_told",
    "each_refund_of_ours_is_told_with_our_id",
    "refunds_made_elsewhere_are_told_beside_ours",
    "telling_what_left_changes_nothing",
    "what_left_another_charge_is_not_told",
    "what_left_is_told_exactly_in_every_currency",
    "what_others_do_to_a_charge_is_noticed_with_its_reference",
)
class TellsUndeclared(Broken):
    """It tells what left a charge, and its capabilities say that it does not."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, tells_after_capture=False)


# Cards ------------------------------------------------------------------------------------------------------------


@breaks(
    "a_card_that_the_network_renewed_is_told_with_its_new_details",
    "a_saved_card_is_told_with_its_details",
)
class ReadsTheYearInTwoDigits(Broken):
    """A card's year is told without its century."""

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        found = super().find_saved_card(card, customer_id)
        if not isinstance(found, Found):
            return found
        return Found(replace(found.result, expiry_year=found.result.expiry_year % 100))


@breaks(
    "a_card_that_is_gone_or_anothers_is_not_found",
    "a_card_that_somebody_detached_is_not_found",
    "the_cards_of_a_deleted_customer_are_not_found",
)
class RemembersEveryCard(Broken):
    """A card that is gone is told as if it were kept."""

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        found = super().find_saved_card(card, customer_id)
        known = self._memory.card(card.token)
        gone = isinstance(found, NotFound) and known is not None and known.customer_id == customer_id
        return Found(known.details) if gone and known else found


@breaks(
    "a_card_that_is_gone_or_anothers_is_not_found",
)
class TellsAnybodysCard(Broken):
    """Whose a card is does not matter."""

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        known = self._memory.card(card.token)
        return super().find_saved_card(card, known.customer_id if known else customer_id)


@breaks(
    "a_card_that_somebody_detached_is_not_found",
)
class KnowsOnlyWhatItForgot(Broken):
    """A card that somebody else took off its customer is told as kept."""

    def detach_card(self, card_token: str) -> None:
        self._detached = self._memory.card(card_token)
        super().detach_card(card_token)

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        detached: KeptCard | None = getattr(self, "_detached", None)
        return Found(detached.details) if detached else super().find_saved_card(card, customer_id)


@breaks(
    "a_card_that_the_network_renewed_is_told_with_its_new_details",
)
class TellsTheCardAsItWasSaved(Broken):
    """It keeps what it learnt when the card was saved."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if isinstance(result, Succeeded) and result.saved_card:
            self._first: CardDetails = result.saved_card.details
        return result

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        found = super().find_saved_card(card, customer_id)
        return Found(self._first) if isinstance(found, Found) else found


@breaks(
    "a_card_that_could_not_be_looked_up_is_not_gone",
    "every_look_up_that_fails_is_indeterminate",
)
class TakesSilenceForGone(Broken):
    """A card that could not be looked up is told as gone."""

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        found = super().find_saved_card(card, customer_id)
        return NotFound() if isinstance(found, Indeterminate) else found


@breaks(
    "nothing_secret_is_logged_shown_or_raised",
)
class LogsTheCardItLooksUp(Broken):
    """A debug log names the card that is looked up."""

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Any:
        logging.getLogger(__name__).debug("looking up %s", card.token)
        return super().find_saved_card(card, customer_id)


# Notices ----------------------------------------------------------------------------------------------------------


class Renames(Broken):
    """It reads its notices wrongly."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return [self.renamed(notice) for notice in super().notices(body, headers)]

    def renamed(self, notice: Notice) -> Notice:
        raise NotImplementedError


@breaks(
    "what_others_do_to_a_charge_is_noticed_with_its_reference",
)
class NamesNoCharge(Renames):
    """A notice says which dispute it is about, and not of which charge."""

    def renamed(self, notice: Notice) -> Notice:
        return replace(notice, charge_reference=None)


@breaks(
    "a_payment_made_elsewhere_is_noticed_with_its_customer",
    "what_others_do_to_a_card_is_noticed_with_its_customer",
)
class NamesNoCustomer(Renames):
    """A notice says which card it is about, and not whose."""

    def renamed(self, notice: Notice) -> Notice:
        return replace(notice, customer_id=None)


@breaks(
    "a_foreign_objects_notice_bears_no_id_of_ours",
    "a_payment_made_elsewhere_is_noticed_with_its_customer",
)
class TakesWhatIsNotOurs(Renames):
    """A payment without our metadata is told under an id made for it."""

    def renamed(self, notice: Notice) -> Notice:
        is_foreign = notice.subject is NoticeSubject.CHARGE and notice.operation_id is None
        return replace(notice, operation_id=f"txn_{notice.reference}") if is_foreign else notice


@breaks(
    "what_others_do_to_a_card_is_noticed_with_its_customer",
)
class ShowsTheToken(Broken):
    """A notice about a card names it by its token."""

    def _announce_card(self, card: KeptCard) -> None:
        self._tell(NoticeSubject.CARD, card.card_token, None, card.customer_id)
