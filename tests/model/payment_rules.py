"""Opening accounts, money coming in, and cards, each with whatever can go wrong beside it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import hypothesis.strategies as st
from hypothesis.stateful import initialize, precondition, rule
from machine import CRASHED, LedgerMachine
from simple_model import LATER, OUTCOMES, SUCCEEDING, ModelAccount

D = Decimal
PICKS = st.integers(0, 30)
TOKENS = st.sampled_from(sorted(OUTCOMES))
TOKENS_IN_TROUBLE = st.sampled_from(
    ["tok_visa", "tok_declined_fraud", "tok_authentication_required", "tok_pending", "tok_captures_less"]
)


def faults(*verbs: str, most: int = 2) -> st.SearchStrategy[list[tuple[str, str]]]:
    """What fails at the sandbox's network during one command."""
    kinds = ("before", "after", "refused")
    return st.lists(st.sampled_from([(verb, kind) for verb in verbs for kind in kinds]), max_size=most, unique=True)


def troubles(*verbs: str) -> st.SearchStrategy[tuple[str, str] | None]:
    """What goes wrong at our end, half of the time."""
    kinds = ("asleep", "before", "after", "refused")
    return st.none() | st.sampled_from([(verb, kind) for kind in kinds for verb in verbs])


PAYING_FAULTS = faults("charge", "cancel", "begin", "link_customer")
SAVING_FAULTS = faults("save", "link_customer")
ASKING_FAULTS = faults("find_charge", "find_card", "cancel", "cancel_save", "forget", "complete_save")
PAYING_TROUBLES = troubles("charge", "cancel", "begin")
ACCOUNTS = st.sampled_from([("GBP", "GB"), ("GBP", "FR"), ("EUR", "DE"), ("JPY", "JP"), ("GBP", "KW")])


class PaymentRules(LedgerMachine):
    """Rules about money coming in."""

    @initialize(kind=ACCOUNTS, begins=st.booleans())
    def open_first_account(self, kind: tuple[str, str], *, begins: bool) -> None:
        self.world.gateway.begins = begins
        self.open_account(kind)

    @precondition(lambda self: len(self.accounts) < 3)
    @rule(kind=ACCOUNTS)
    def open_account(self, kind: tuple[str, str]) -> None:
        currency, country = kind
        key = self.key()
        opened = self.ledger.open_account("customer-1", currency, country, idempotency_key=key)
        assert self.ledger.open_account("customer-1", currency, country, idempotency_key=key) == opened
        self.accounts.append(ModelAccount(opened.account_id, currency, country))

    # Money coming in ----------------------------------------------------------------------------------------------

    def checkout(self, pick: int, tens: int, extra: str) -> None:
        account = self.account(pick)
        amount = D(tens * 1500) if account.currency == "JPY" else tens * 10 + D(extra)
        quote = self.ledger.checkout(account.account_id, self.money(amount, account))
        account.quote(quote.quote_id, amount, quote.expires_at)
        expected = account.quotes[quote.quote_id]
        assert (quote.credit.amount, quote.total.amount) == (expected["credit"], expected["total"])
        assert quote.expires_at == self.now + timedelta(minutes=30)

    @rule(pick=PICKS, save=st.booleans())
    def top_up_without_trouble(self, pick: int, *, save: bool) -> None:
        self.top_up(pick, SUCCEEDING[pick % len(SUCCEEDING)], save, None, [], None, True)

    @rule(pick=PICKS, card=PICKS, trouble=PAYING_TROUBLES)
    def top_up_with_a_saved_card(self, pick: int, card: int, trouble: tuple[str, str] | None) -> None:
        self.top_up(pick, "tok_visa", True, card, [], trouble, True)

    @rule(pick=PICKS, token=TOKENS, save=st.booleans())
    def top_up_with_any_token(self, pick: int, token: str, *, save: bool) -> None:
        self.top_up(pick, token, save, None, [], None, pick % 8 > 0)

    @rule(pick=PICKS, token=TOKENS_IN_TROUBLE, fault=PAYING_FAULTS, trouble=PAYING_TROUBLES)
    def top_up_in_trouble(self, pick, token, fault, trouble) -> None:
        self.top_up(pick, token, pick % 2 == 0, None, fault, trouble, True)

    def top_up(self, pick, token, save, card, fault, trouble, fresh) -> None:
        account = self.account(pick)
        self.checkout(pick, 1 + pick % 9, ("0", "0.01", "0.33", "9.99")[pick % 4])
        quote_id = list(account.quotes)[-1 if fresh else pick % len(account.quotes)]
        refusal = account.refusal_of_quote(quote_id, self.now)
        if card is not None and account.cards:
            card_id = list(account.cards)[card % len(account.cards)]
            refusal = refusal or ("card_removed" if card_id in account.removed_cards else None)
            source, token = {"card_id": card_id}, account.cards[card_id]
            outcome = LATER.get(token, "succeeded")
        else:
            source, outcome = {"card_token": token, "save_card": save}, OUTCOMES[token]
        arguments = {"quote_id": quote_id, "idempotency_key": self.key(), **source}
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(lambda: self.ledger.top_up(account.account_id, **arguments))
        if refusal is not None:
            assert answer == refusal
            return
        transaction_id = self._transaction_of(account, quote_id)
        account.ask(transaction_id, quote_id, arguments)
        self.tokens[transaction_id] = token
        self.follow(account)
        if not fault and trouble is None:
            assert answer.status == outcome
            assert answer.transaction_id == transaction_id

    def _transaction_of(self, account: ModelAccount, quote_id: str) -> str:
        requested = [x for x in self.events(account) if x.TOPIC == "top-up-requested"]
        return next(x.operation_id for x in requested if x.quote_id == quote_id)

    @rule(pick=PICKS, verb=st.sampled_from(["begin", "charge"]), ask=st.booleans())
    def wake_a_sender_that_was_asked_about(self, pick: int, verb: str, *, ask: bool) -> None:
        self.top_up(pick, "tok_visa", False, None, [], (verb, "asleep"), True)
        if ask:
            self.complete_or_cancel(0, "complete", [], None)
        self.wake_the_sleepers()

    @rule(pick=PICKS, fault=PAYING_FAULTS, trouble=PAYING_TROUBLES)
    def repeat_top_up(self, pick, fault, trouble) -> None:
        account, transaction_id = self._some_top_up(pick)
        before = account.top_ups[transaction_id].status
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(lambda: self.ledger.top_up(account.account_id, **account.top_ups[transaction_id].repeat))
        self.follow(account)
        if before in {"succeeded", "mismatched", "cancelled", "expired"}:
            assert answer.status == before
            assert answer.transaction_id == transaction_id

    def reuse_a_key_for_another_request(self, pick: int) -> None:
        account, transaction_id = self._some_top_up(pick)
        repeat = {**account.top_ups[transaction_id].repeat, "quote_id": "quote_other"}
        assert self.call(lambda: self.ledger.top_up(account.account_id, **repeat)) == "idempotency_conflict"

    def _some_top_up(self, pick: int) -> tuple[ModelAccount, str]:
        choices = [(account, t) for account in self.accounts for t in account.top_ups]
        if not choices:
            self.top_up(pick, "tok_authentication_required", False, None, [], None, True)
            return self._some_top_up(pick)
        return choices[-1 - pick % min(3, len(choices))]

    @rule(
        pick=PICKS,
        verb=st.sampled_from(["complete", "cancel"]),
        fault=ASKING_FAULTS,
        trouble=troubles("cancel"),
    )
    def complete_or_cancel(self, pick, verb, fault, trouble) -> None:
        account, transaction_id = self._some_top_up(pick)
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(lambda: getattr(self.ledger, verb)(account.account_id, transaction_id))
        self.follow(account)
        if answer != CRASHED:
            assert answer.status == account.top_ups[transaction_id].status

    @precondition(lambda self: self.world.sandbox.chargeable())
    @rule(pick=PICKS, act=st.sampled_from(["authenticate", "settle", "pay_in_browser"]), token=TOKENS, ok=st.booleans())
    def play_customer_or_network(self, pick: int, act: str, token: str, *, ok: bool) -> None:
        wanted = {"authenticate": "action_required", "settle": "pending", "pay_in_browser": "declined"}[act]
        references = [c.reference for c in self.world.sandbox.chargeable() if c.status == wanted]
        for reference in references[-1 - pick % 2 :][:1]:
            if act == "pay_in_browser":
                self.world.sandbox.pay_in_browser(reference, token)
            else:
                getattr(self.world.sandbox, act)(reference, succeed=ok)

    @precondition(lambda self: self.world.gateway.asleep)
    @rule()
    def wake_the_sleepers(self) -> None:
        self.world.gateway.wake()

    # Cards --------------------------------------------------------------------------------------------------------

    @rule(pick=PICKS, token=TOKENS)
    def save_card_with_any_token(self, pick: int, token: str) -> None:
        self.save_card(pick, token, [], None)

    @rule(pick=PICKS, token=TOKENS_IN_TROUBLE, fault=SAVING_FAULTS, trouble=troubles("save"))
    def save_card(self, pick, token, fault, trouble) -> None:
        account = self.account(pick)
        key = self.key()
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(lambda: self.ledger.save_card(account.account_id, token, idempotency_key=key))
        requested = [x.operation_id for x in self.events(account) if x.TOPIC == "card-saving-requested"]
        account.savings[requested[-1]] = "requested"
        self.tokens[requested[-1]] = token
        self.follow(account)
        if not fault and trouble is None:
            assert answer.status == OUTCOMES[token].replace("mismatched", "succeeded")
            self.requests_of_savings[requested[-1]] = (token, key)

    @rule(
        pick=PICKS,
        verb=st.sampled_from(["complete_saving", "cancel_saving", "repeat"]),
        fault=ASKING_FAULTS,
        trouble=troubles("complete_save", "cancel_save", "save"),
    )
    def go_on_with_a_saving(self, pick, verb, fault, trouble) -> None:
        account, saving_id = self._some_saving(pick)
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        if verb == "repeat":
            token, key = self.requests_of_savings.get(saving_id, ([], None))
            if token is not None:
                self.call(lambda: self.ledger.save_card(account.account_id, token, idempotency_key=key))
        else:
            self.call(lambda: getattr(self.ledger, verb)(account.account_id, saving_id))
        self.world.repair()
        self.follow(account)

    def _some_saving(self, pick: int) -> tuple[ModelAccount, str]:
        choices = [(account, s) for account in self.accounts for s in account.savings]
        if not choices:
            self.save_card(pick, "tok_authentication_required", [], None)
            return self._some_saving(pick)
        return choices[-1 - pick % min(3, len(choices))]

    @rule(
        pick=PICKS,
        fault=faults("forget", most=1),
        trouble=troubles("forget"),
    )
    def remove_card(self, pick, fault, trouble) -> None:
        account, card_id = self._some_card(pick)
        self.world.fail_next(fault)
        self.world.gateway.trouble = trouble
        answer = self.call(lambda: self.ledger.remove_card(account.account_id, card_id, idempotency_key=self.key()))
        assert (answer == "card_removed") == (card_id in account.removed_cards)
        account.removed_cards.add(card_id)
        self.follow(account)

    def choose_default_card(self, pick: int) -> None:
        account, card_id = self._some_card(pick)
        answer = self.call(lambda: self.ledger.choose_default_card(account.account_id, card_id))
        if card_id in account.removed_cards:
            assert answer == "card_removed"
        else:
            assert [card.card_id for card in answer if card.is_default] == [card_id]

    def _some_card(self, pick: int) -> tuple[ModelAccount, str]:
        choices = [(account, c) for account in self.accounts for c in account.cards]
        if not choices:
            self.save_card(pick, "tok_visa", [], None)
            return self._some_card(pick)
        return choices[pick % len(choices)]
