"""Adding balance by card, paying it back, and keeping cards."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from moneyed import Money

from interact_ledger.domain import cards as card_rules
from interact_ledger.errors import Busy, InvalidRequest, QuoteNotFound
from interact_ledger.free_text import free_text
from interact_ledger.gateways.protocol import Initiator, NewCard
from interact_ledger.money import card_amount_in
from interact_ledger.pricing.availability import PaymentMethod
from interact_ledger.processes import cards, checkout, invoicing, notices, refunds, top_up
from interact_ledger.processes.cards import Progress as SavingProgress
from interact_ledger.processes.notices import ReceivedNotice
from interact_ledger.processes.top_up import Progress as TopUpProgress
from interact_ledger.projections import checkouts
from interact_ledger.verbs.base import Verbs, exact, flag, named, reference_or_none
from interact_ledger.views import (
    CardSavingResult,
    RefundResult,
    SavedCardDetails,
    TopUpResult,
    card_saving_result,
    refund_result,
    saved_cards,
    top_up_result,
)

__all__ = ["PaymentVerbs"]

TOKEN_LENGTH_MAX = 2000


class PaymentVerbs(Verbs):
    """Verbs about money coming in, and cards."""

    def payment_methods(self, account_id: str) -> tuple[PaymentMethod, ...]:
        """Return the payment methods offered for the account's currency and country: show these.

        What `checkout` and `save_card` are told, and saved cards, are checked against them. The brand of a card just
        typed in is not: it is known only after the gateway has read the card.

        Raises:
            AccountNotFound
        """
        return checkout.offered_methods(self._context, self._account(account_id))

    def checkout(self, account_id: str, amount: Money, *, method: str | None = None) -> checkouts.CheckoutSummary:
        """Return the breakdown of a top-up to show before paying, and keep it so that exactly it can be charged.

        Args:
            account_id: the account to top up.
            amount: the recharge amount that the customer entered, in the currency's minor unit.
            method: the code of the payment method that the customer named, if any.

        Raises:
            BelowMinimum, AboveMaximum, InvalidAmount, CurrencyMismatch, MethodNotOffered, AccountClosed
        """
        named(account_id=account_id)
        quote_id = self._ids.new("quote")
        checkout.quote(self._context, account_id, quote_id, amount, method)
        return self.checkout_summary(account_id, quote_id)

    def checkout_summary(self, account_id: str, quote_id: str) -> checkouts.CheckoutSummary:
        """Return an earlier checkout summary.

        Raises:
            QuoteNotFound: if the account has no such quote.
        """
        named(account_id=account_id, quote_id=quote_id)
        summary = checkouts.checkout(self._query, quote_id)
        if summary is None or summary.account_id != account_id:
            raise QuoteNotFound("there is no such quote on this account; call checkout first", field="quote_id")
        return summary

    def top_up(
        self,
        account_id: str,
        quote_id: str,
        *,
        idempotency_key: str,
        card_token: str | None = None,
        card_id: str | None = None,
        save_card: bool = False,
    ) -> TopUpResult:
        """Charge exactly what `checkout` showed, once.

        Repeating the same request returns its present state; if it is then sure that nothing was charged, it goes
        on with a new attempt. Money results are values: look at `status`, and at `client_secret` if the customer
        must authenticate.

        Args:
            account_id: the account to top up.
            quote_id: from `checkout`.
            idempotency_key: names this request, 1 to 255 characters.
            card_token: the gateway's one-time token for a card just typed in; or
            card_id: a saved card.
            save_card: whether the customer chose to save the new card.

        Raises:
            QuoteNotFound, QuoteExpired, QuoteAlreadyUsed, CardNotFound, CardRemoved, MethodNotOffered, InvalidAmount,
            AccountClosed, IdempotencyConflict, InvalidRequest: nothing was stored or sent.
            GatewayUnsupported: the gateway saves no cards; nothing was stored or sent.
            GatewayError: the gateway refuses us, or the token; nothing was charged.
            Busy, StorageUnavailable: repeat with the same key.
        """
        named(account_id=account_id, quote_id=quote_id)
        card = _card(card_token, card_id, save_card=flag(save_card, "save_card"))
        token = card_token if isinstance(card, NewCard) else None
        request = self._request(account_id, idempotency_key, "top_up", quote_id, token, card_id, save_card)
        progress = top_up.top_up(
            self._context,
            account_id,
            request,
            quote_id=quote_id,
            card=card,
            save_card=save_card,
            initiator=Initiator.CUSTOMER,
        )
        return self._confirmation(account_id, progress)

    def top_up_elsewhere(self, account_id: str, transaction_id: str, *, gateway: str, card_token: str) -> TopUpResult:
        """Go on with a top-up at another gateway, once it is sure that the first one charged nothing.

        That is so when its status is "not_attempted". After anything else nothing is sent, and its present state is
        returned: a decline ends a top-up, and what is unknown may yet have been paid. A token belongs to the gateway
        whose fields the card was typed into, and a saved card stays at its gateway, so the customer types a card
        into the other gateway's fields. The top-up is charged once, at whichever gateway.

        An automatic payment goes nowhere else: the ledger goes on with it by itself, with the card that was agreed to.

        Args:
            account_id: the account to top up.
            transaction_id: the top-up.
            gateway: the id of the other gateway, one of those that `payment_methods` names.
            card_token: that gateway's one-time token.

        Raises:
            TransactionNotFound, QuoteExpired, MethodNotOffered, InvalidAmount, AccountClosed, GatewayUnsupported,
            InvalidRequest, ConfigurationError: nothing was stored or sent.
            GatewayError: the gateway refuses us, or the token; nothing was charged.
            Busy, StorageUnavailable: repeat it.
        """
        named(account_id=account_id, transaction_id=transaction_id, gateway=gateway)
        card = NewCard(free_text(card_token, "card_token", length_max=TOKEN_LENGTH_MAX))
        progress = top_up.top_up_elsewhere(self._context, account_id, transaction_id, gateway, card)
        return self._confirmation(account_id, progress)

    def complete(self, account_id: str, transaction_id: str) -> TopUpResult:
        """Go on with a top-up after the customer authenticated, or learn what became of it, by asking the gateway.

        Raises:
            TransactionNotFound: if the account has no such top-up.
        """
        named(account_id=account_id, transaction_id=transaction_id)
        return self._confirmation(account_id, top_up.settle(self._context, account_id, transaction_id))

    def cancel(self, account_id: str, transaction_id: str) -> TopUpResult:
        """Call a top-up off. One that is over stays as it is; one that was paid meanwhile is credited.

        A monthly recharge that did not reach the gateway would be attempted again: it is not, and the month passes
        without a charge. The agreement stays.

        Raises:
            TransactionNotFound: if the account has no such top-up.
            GatewayError: if the gateway cannot be asked; recovery goes on.
        """
        named(account_id=account_id, transaction_id=transaction_id)
        return self._confirmation(account_id, top_up.cancel(self._context, account_id, transaction_id))

    def top_up_result(self, account_id: str, transaction_id: str) -> TopUpResult:
        """Return where a top-up stands, as far as the ledger knows, without asking the gateway.

        Raises:
            TransactionNotFound: if the account has no such top-up.
        """
        named(account_id=account_id, transaction_id=transaction_id)
        found = top_up.load(self._context, account_id, transaction_id)
        account = self._account(account_id)
        return top_up_result(account, found, self._total(account), None)

    def refundable(self, account_id: str, transaction_id: str, *, charge: str | None = None) -> Money:
        """Return the most that can be paid back of a top-up now, gross: what is left of it and the balance covers.

        Args:
            account_id: whose top-up it is.
            transaction_id: the top-up.
            charge: the gateway's reference of the charge, if the top-up was captured more than once.

        Raises:
            TransactionNotFound, InvalidRequest
        """
        named(transaction_id=transaction_id)
        reference_or_none(charge, "charge")
        currency = self._account(account_id).currency
        return Money(refunds.refundable(self._context, account_id, transaction_id, charge), currency)

    def refund(
        self,
        account_id: str,
        transaction_id: str,
        amount: Money | None,
        reason: str,
        *,
        idempotency_key: str,
        charge: str | None = None,
    ) -> RefundResult:
        """Pay a top-up back to the card that paid it, in full or in part.

        What it takes of the credit is reserved before the gateway is asked, and given back if the gateway refuses.
        Repeating the same request returns its present state; if it is then sure that nothing was paid back, it goes
        on with a new attempt.

        Args:
            account_id: whose top-up it is.
            transaction_id: the top-up.
            amount: how much, gross, in the currency's minor unit; None for all that is left of the charge.
            reason: why, for the record.
            idempotency_key: names this request, 1 to 255 characters.
            charge: the gateway's reference of the charge, if the top-up was captured more than once.

        Raises:
            NotRefundable, TransactionNotFound, InvalidAmount, CurrencyMismatch, AccountClosed, IdempotencyConflict,
            GatewayUnsupported: nothing was stored or sent.
            GatewayError: the gateway refuses us; nothing was paid back.
            Busy, StorageUnavailable: repeat with the same key.
        """
        named(transaction_id=transaction_id)
        reference_or_none(charge, "charge")
        account = self._account(account_id)
        gross = None if amount is None else card_amount_in(account.currency, amount, "amount")
        free_text(reason, "reason")
        written = None if amount is None else exact(amount, "amount")
        request = self._request(account_id, idempotency_key, "refund", transaction_id, written, reason, charge)
        refund = refunds.refund(self._context, account_id, request, transaction_id, gross, reason, charge)
        if refund.paid:
            self._give_numbers(account_id)
        return refund_result(refund, self._total(self._account(account_id)))

    def refund_result(self, account_id: str, refund_id: str) -> RefundResult:
        """Return where a refund stands, as far as the ledger knows, without asking the gateway.

        Raises:
            TransactionNotFound: if the account has no such refund.
        """
        named(account_id=account_id, refund_id=refund_id)
        refund = refunds.load(self._context, account_id, refund_id)
        return refund_result(refund, self._total(self._account(account_id)))

    def save_card(
        self, account_id: str, card_token: str, *, idempotency_key: str, method: str | None = None
    ) -> CardSavingResult:
        """Save a card without charging it.

        Args:
            account_id: whose card it is.
            card_token: the gateway's one-time token.
            idempotency_key: names this request.
            method: the code of the payment method that the customer named, if any; it may decide the gateway.

        Raises:
            MethodNotOffered, AccountClosed, IdempotencyConflict, GatewayError
            GatewayUnsupported: no gateway that serves the account saves a card without charging it.
        """
        card = NewCard(free_text(card_token, "card_token", length_max=TOKEN_LENGTH_MAX))
        if method:
            named(method=method)
        request = self._request(account_id, idempotency_key, "save_card", card_token, method)
        account = self._account(account_id)
        gateway_id = cards.gateway_to_save_at(self._context, account, method)
        return self._saving(account_id, cards.save_card(self._context, account_id, request, gateway_id, card))

    def complete_saving(self, account_id: str, saving_id: str) -> CardSavingResult:
        """Go on with the saving of a card after the customer authenticated.

        Raises:
            TransactionNotFound: if the account has no such saving.
            GatewayError: if the gateway cannot be asked; recovery goes on.
        """
        named(account_id=account_id, saving_id=saving_id)
        return self._saving(account_id, cards.complete_saving(self._context, account_id, saving_id))

    def cancel_saving(self, account_id: str, saving_id: str) -> CardSavingResult:
        """Call the saving of a card off. One that is over stays as it is.

        Raises:
            TransactionNotFound: if the account has no such saving.
            GatewayError: if the gateway cannot be asked; recovery goes on.
        """
        named(account_id=account_id, saving_id=saving_id)
        return self._saving(account_id, cards.cancel_saving(self._context, account_id, saving_id))

    def choose_default_card(self, account_id: str, card_id: str) -> tuple[SavedCardDetails, ...]:
        """Make a saved card the one that is offered first; return all of them.

        Raises:
            CardNotFound, CardRemoved, AccountClosed
        """
        named(card_id=card_id)
        account = self._decide(
            account_id,
            lambda account, history: card_rules.choose_default(account, card_id, history(card_id)),
        )
        return saved_cards(account)

    def remove_card(self, account_id: str, card_id: str, *, idempotency_key: str) -> Sequence[SavedCardDetails]:
        """Remove a saved card: it is not charged from now on, and its gateway is told to forget it.

        If the gateway does not confirm at once, recovery goes on asking it. Returns the cards that are left.

        Raises:
            CardNotFound, CardRemoved, AccountClosed, IdempotencyConflict
        """
        named(card_id=card_id)
        request = self._request(account_id, idempotency_key, "remove_card", card_id)
        cards.remove_card(self._context, account_id, request, card_id)
        return saved_cards(self._account(account_id))

    def receive(self, gateway_id: str, body: bytes, headers: Mapping[str, str]) -> list[ReceivedNotice]:
        """Take a gateway's webhook request: verify it, look up what it is about, and record what is new.

        Answer the request with yes (200) if every notice `is_acknowledged`, with 503 if one is not, so that the
        gateway sends it again, and with 400 if this raises `NoticeRejected`. Report what is "foreign" or
        "unexplained".

        Args:
            gateway_id: the gateway whose address was called.
            body: the request's raw bytes, unparsed.
            headers: the request's headers, as your web framework has them.

        Raises:
            NoticeRejected: if it is not authentic, not recent, not readable or over a million bytes long; nothing
                was looked up or stored.
            ConfigurationError, InvalidText: if the ledger was opened without that gateway.
            GatewayError, Busy, StorageUnavailable: answer 503; the gateway sends it again.
        """
        named(gateway_id=gateway_id)
        received = notices.receive(self._context, self._books, self._query, gateway_id, body, headers)
        for account_id in dict.fromkeys(notice.account_id for notice in received if notice.account_id):
            self._give_numbers(account_id)
        return received

    def _confirmation(self, account_id: str, progress: TopUpProgress) -> TopUpResult:
        if progress.top_up.captured is not None:
            self._give_numbers(account_id)
        account = self._account(account_id)
        return top_up_result(account, progress.top_up, self._total(account), progress.client_secret)

    def _give_numbers(self, account_id: str) -> None:
        with contextlib.suppress(Busy):  # given when the receipt is asked for, or by the schedule
            invoicing.issue_due(self._context, self._books, self._query, account_id)

    def _saving(self, account_id: str, progress: SavingProgress) -> CardSavingResult:
        return card_saving_result(self._account(account_id), progress.saving, progress.client_secret)


def _card(card_token: str | None, card_id: str | None, *, save_card: bool) -> NewCard | str:
    if (card_token is None) == (card_id is None):
        raise InvalidRequest("pass either card_token (a new card) or card_id (a saved one)", field="card_token")
    if card_token is not None:
        return NewCard(free_text(card_token, "card_token", length_max=TOKEN_LENGTH_MAX))
    if save_card:
        raise InvalidRequest("a saved card is saved already; leave it out", field="save_card")
    return free_text(card_id, "card_id")
