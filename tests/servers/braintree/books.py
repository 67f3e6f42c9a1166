"""What the gateway knows: customers, its vault, transactions, nonces, and the rules by which they change.

Every answer is a status and a document. Amounts are kept as text, as they came.
"""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from interact_ledger.clock import Clock
from servers.braintree.dashboard import Dashboard
from servers.braintree.documents import Many, errors, write
from servers.braintree.objects import Dispute, Event, Nonce, Plan, Transaction, Vaulted, card_document

__all__ = ["CAPTURED", "Books"]

Answer: TypeAlias = tuple[int, str]

CAPTURED = ("submitted_for_settlement", "settling", "settled")
_SUCCESSFUL = (*CAPTURED, "authorized", "voided")
_REFUSED = ("processor_declined", "gateway_rejected", "failed", "settlement_declined")
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_WHOLE_ONLY = ("JPY", "KRW", "CLP", "ISK", "VND")


class Books(Dashboard):
    """The gateway's state. Each method that a request leads to holds the lock from first to last."""

    def __init__(self, clock: Clock, merchant_accounts: dict[str, str]) -> None:
        self.clock = clock
        self.merchant_accounts = merchant_accounts
        """By id, the currency."""
        self.request_keys = True
        self.key_error: str | None = None
        """The code with which a request whose key is known is refused, if it is not answered."""
        self.duplicate_window = timedelta(seconds=30)
        self.search_lag = timedelta(0)
        self.amounts_decide = False
        """Whether amounts bring about declines, as in the vendor's sandbox."""
        self.customers: set[str] = set()
        self.vault: dict[str, Vaulted] = {}
        self.transactions: dict[str, Transaction] = {}
        self.disputes: dict[str, tuple[Transaction, Dispute]] = {}
        """By id, with the sale."""
        self.verifications = 0
        self.events: list[Event] = []
        self.lock = threading.RLock()
        self._nonces: dict[str, Nonce] = {}
        self._keys: dict[str, tuple[dict[str, Any], str]] = {}
        self._numbers = itertools.count(1)

    def nonce(self, plan: Plan | None = None) -> str:
        """Play the browser: return a nonce for a card that behaves so."""
        with self.lock:
            name = f"nonce-{next(self._numbers):06d}-of-the-browser"
            self._nonces[name] = Nonce(plan or Plan())
            return name

    # Customers and the vault ------------------------------------------------------------------------------------

    def create_customer(self, params: dict[str, Any]) -> Answer:
        with self.lock:
            customer_id = params.get("id", "")
            if not _ID.fullmatch(customer_id):
                return 422, errors("customer", "91610", "id")
            if customer_id in self.customers:
                return 422, errors("customer", "91609", "id")
            self.customers.add(customer_id)
            return 201, write("customer", {"id": customer_id, "created-at": self.clock.now()})

    def find_customer(self, customer_id: str) -> Answer:
        return (200, write("customer", {"id": customer_id})) if customer_id in self.customers else (404, "")

    def create_card(self, params: dict[str, Any]) -> Answer:
        with self.lock:
            if params.get("customer_id") not in self.customers:
                return 422, errors("credit-card", "91705", "customer_id")
            if params["token"] in self.vault:
                return 422, errors("credit-card", "91719", "token")
            if not _ID.fullmatch(params["token"]):
                return 422, errors("credit-card", "91718", "token")
            nonce = self._nonces.get(params["payment_method_nonce"])
            if nonce is None:
                return 422, errors("credit-card", "91565", "payment_method_nonce")
            if nonce.used:
                return 422, errors("credit-card", "93107", "payment_method_nonce")
            nonce.used = True
            if params.get("options", {}).get("verify_card"):
                self.verifications += 1
                if params["options"].get("verification_merchant_account_id") not in self.merchant_accounts:
                    return 422, errors("credit-card", "91728", "verification_merchant_account_id")
                if nonce.plan.code or nonce.plan.rejection:
                    return 422, errors("credit-card", "", "", verification=_verification(nonce.plan))
            card = Vaulted(params["token"], params["customer_id"], nonce.plan, self.clock.now())
            self.vault[card.token] = card
            return 201, write("credit-card", card_document(card.plan, card.token, card.customer_id))

    def find_card(self, token: str) -> Answer:
        card = self.vault.get(token)
        return (
            (404, "")
            if card is None
            else (200, write("credit-card", card_document(card.plan, token, card.customer_id)))
        )

    def delete_card(self, token: str) -> Answer:
        with self.lock:
            return (404, "") if self.vault.pop(token, None) is None else (200, "")

    # Sales ------------------------------------------------------------------------------------------------------

    def sell(self, params: dict[str, Any]) -> Answer:
        with self.lock:
            return self._once(params, "transaction", self._sell)

    def _once(self, params: dict[str, Any], about: str, act: Any) -> Answer:
        key = params.get("api_request_key")
        if key is None:
            answer: Answer = act(params)[0]
            return answer
        if not self.request_keys:
            return 422, errors(about, "915231", "api_request_key")
        if key in self._keys:
            first, transaction_id = self._keys[key]
            if self.key_error is not None:
                return 422, errors(about, self.key_error, "api_request_key")
            if first != params:
                return 422, errors(about, "915232", "api_request_key")
            return self.told(self.transactions[transaction_id])
        answer, transaction = act(params)
        if transaction is not None:
            self._keys[key] = (params, transaction.id)
        return answer

    def _sell(self, params: dict[str, Any]) -> tuple[Answer, Transaction | None]:
        refusal = self._invalid(params)
        if refusal is not None:
            return (422, errors("transaction", *refusal)), None
        plan, token = self._card(params)
        options = params.get("options", {})
        sale = Transaction(
            id=f"bt{next(self._numbers):08d}",
            type="sale",
            status="submitted_for_settlement" if options.get("submit_for_settlement") else "authorized",
            amount=params["amount"],
            currency=self.merchant_accounts[params["merchant_account_id"]],
            merchant_account=params["merchant_account_id"],
            order_id=params.get("order_id"),
            customer_id=params.get("customer_id"),
            plan=plan,
            created_at=self.clock.now(),
            token=token,
            source=params.get("transaction_source"),
        )
        self._decide(sale, params)
        if sale.status in _SUCCESSFUL and options.get("store_in_vault_on_success") and token is None:
            sale.token = f"vault{next(self._numbers):06d}"
            self.vault[sale.token] = Vaulted(sale.token, params["customer_id"], plan, self.clock.now())
        sale.history.append((sale.status, sale.created_at))
        self.transactions[sale.id] = sale
        return self.told(sale), sale

    def _invalid(self, params: dict[str, Any]) -> tuple[str, str] | None:
        amount, account = params.get("amount", ""), params.get("merchant_account_id")
        if not _AMOUNT.fullmatch(amount):
            return "81503", "amount"
        if account not in self.merchant_accounts:
            return "91513", "merchant_account_id"
        if not Decimal(amount) or (self.merchant_accounts[account] in _WHOLE_ONLY and Decimal(amount) % 1):
            return "81503", "amount"
        if params.get("customer_id") not in self.customers:
            return "91510", "customer_id"
        if "payment_method_token" in params:
            card = self.vault.get(params["payment_method_token"])
            if card is None:
                return "91518", "payment_method_token"
            return None if card.customer_id == params["customer_id"] else ("91516", "payment_method_token")
        nonce = self._nonces.get(params.get("payment_method_nonce", ""))
        if nonce is None:
            return "91565", "payment_method_nonce"
        if nonce.used:
            return "91564", "payment_method_nonce"
        return None

    def _card(self, params: dict[str, Any]) -> tuple[Plan, str | None]:
        if "payment_method_token" in params:
            return self.vault[params["payment_method_token"]].plan, params["payment_method_token"]
        nonce = self._nonces[params["payment_method_nonce"]]
        nonce.used = True
        return nonce.plan, None

    def _decide(self, sale: Transaction, params: dict[str, Any]) -> None:
        plan, options = sale.plan, params.get("options", {})
        duplicate = "api_request_key" not in params and self._is_duplicate(sale)
        unauthenticated = options.get("three_d_secure", {}).get("required") and not plan.three_d_secure
        rejection = "duplicate" if duplicate else "three_d_secure" if unauthenticated else plan.rejection
        code = plan.off_session if plan.off_session and sale.source and sale.token else plan.code
        by_amount = int(Decimal(sale.amount)) if self.amounts_decide else 0
        if code is None and 2000 <= by_amount <= 3000:
            code = str(by_amount)
        if rejection is not None:
            sale.status, sale.rejection, sale.code, sale.kind = "gateway_rejected", rejection, None, None
        elif code is not None:
            sale.status, sale.code, sale.kind = "processor_declined", code, _kind(code)
            if code == "3000":
                sale.status = "failed"
        elif plan.partly or by_amount == 1004:
            sale.amount, sale.code = str(Decimal(sale.amount) - 1), "1004"
        elif plan.pends:
            sale.status = "settlement_pending"

    def _is_duplicate(self, sale: Transaction) -> bool:
        since = self.clock.now() - self.duplicate_window
        return any(
            other.amount == sale.amount
            and other.order_id == sale.order_id
            and other.plan == sale.plan
            and other.status in _SUCCESSFUL
            and other.created_at >= since
            for other in self.transactions.values()
            if other.type == "sale"
        )

    @staticmethod
    def told(transaction: Transaction) -> Answer:
        if transaction.status in _REFUSED:
            return 422, errors("transaction", "", "", transaction=transaction.document())
        return 201, write("transaction", transaction.document())

    # What becomes of transactions -------------------------------------------------------------------------------

    def find(self, transaction_id: str) -> Answer:
        found = self.transactions.get(transaction_id)
        return (404, "") if found is None else (200, write("transaction", found.document()))

    def void(self, transaction_id: str) -> Answer:
        with self.lock:
            found = self.transactions.get(transaction_id)
            if found is None:
                return 404, ""
            if found.status not in ("authorized", "submitted_for_settlement", "settlement_pending"):
                return 422, errors("transaction", "91504", "base")
            found.move("voided", self.clock.now())
            return 200, write("transaction", found.document())

    def refund(self, transaction_id: str, params: dict[str, Any]) -> Answer:
        with self.lock:
            if transaction_id not in self.transactions:
                return 404, ""
            asked = {**params, "of": transaction_id}
            return self._once(asked, "transaction", self._refund)

    def _refund(self, params: dict[str, Any]) -> tuple[Answer, Transaction | None]:
        sale = self.transactions[params["of"]]
        amount = params.get("amount") or sale.amount
        if sale.status not in ("settling", "settled"):
            return (422, errors("transaction", "91506", "base")), None
        if not _AMOUNT.fullmatch(amount):
            return (422, errors("transaction", "81503", "amount")), None
        if Decimal(amount) + self.refunded(sale) > Decimal(sale.amount):
            code = "91512" if self.refunded(sale) == Decimal(sale.amount) else "91521"
            return (422, errors("transaction", code, "amount")), None
        refund = replace(
            sale,
            id=f"bt{next(self._numbers):08d}",
            type="credit",
            amount=amount,
            order_id=params.get("order_id") or sale.order_id,  # the vendor copies it
            status="submitted_for_settlement",
            refunded=sale.id,
            refunds=[],
            created_at=self.clock.now(),
            updated_at=None,
            disputes=[],
            history=[],
        )
        if sale.plan.refund == "pends":
            refund.status = "settlement_pending"
        if sale.plan.refund == "declines":
            refund.status, refund.code, refund.kind = "processor_declined", "2005", "hard_declined"
        refund.history.append((refund.status, refund.created_at))
        self.transactions[refund.id] = refund
        sale.refunds.append(refund.id)
        return self.told(refund), refund

    def refunded(self, sale: Transaction) -> Decimal:
        """Return what of a sale was paid back or is on its way."""
        refunds = (self.transactions[refund_id] for refund_id in sale.refunds)
        return sum((Decimal(r.amount) for r in refunds if r.status in (*CAPTURED, "settlement_pending")), Decimal(0))

    def settle(self, transaction_id: str, *, succeed: bool = True) -> Answer:
        """Play the networks."""
        with self.lock:
            found = self.transactions.get(transaction_id)
            if found is None:
                return 404, ""
            was_pending = found.status == "settlement_pending"
            if was_pending or found.status in CAPTURED:
                found.move("settled" if succeed else "settlement_declined", self.clock.now())
                found.settlement_code = None if succeed else "4001"
                if found.type == "sale":
                    # The vendor tells it of methods that settle later, and of cards not at all.
                    self.tell(f"transaction_{found.status}", {"transaction": found.document()})
                if not succeed and found.type == "credit":
                    self.tell("refund_failed", {"transaction": found.document()})
            return 200, write("transaction", found.document())

    def find_dispute(self, dispute_id: str) -> Answer:
        found = self.disputes.get(dispute_id)
        return (404, "") if found is None else (200, write("dispute", found[1].document(found[0])))

    def accept_dispute(self, dispute_id: str) -> Answer:
        with self.lock:
            if dispute_id not in self.disputes:
                return 404, ""
            sale, dispute = self.disputes[dispute_id]
            if dispute.status != "open":
                return 422, errors("dispute", "95701", "status")
            self.decide_dispute(dispute_id, "accepted")
            return 200, write("dispute", dispute.document(sale))

    def tell(self, kind: str, subject: dict[str, Any]) -> None:
        """Remember what a webhook is to tell."""
        self.events.append(Event(kind, subject, self.clock.now()))

    # Searching --------------------------------------------------------------------------------------------------

    def search_ids(self, params: dict[str, Any]) -> Answer:
        with self.lock:
            return 200, write(
                "search-results", {"page-size": 50, "ids": Many("item", [t.id for t in self._search(params)])}
            )

    def search(self, params: dict[str, Any]) -> Answer:
        with self.lock:
            found = [t.document() for t in self._search(params) if t.id in params["ids"]]
            documents = "".join(write("transaction", document) for document in found)
            head = write("current-page-number", 1) + write("page-size", 50) + write("total-items", len(found))
            return 200, f'<credit-card-transactions type="collection">{head}{documents}</credit-card-transactions>'

    def _search(self, params: dict[str, Any]) -> list[Transaction]:
        order_id = params["order_id"]["is"].lower()
        seen = self.clock.now() - self.search_lag
        return [
            t for t in self.transactions.values() if (t.order_id or "").lower() == order_id and t.created_at <= seen
        ]

    def merchant_account(self, account_id: str) -> Answer:
        currency = self.merchant_accounts.get(account_id)
        if currency is None:
            return 404, ""
        return 200, write("merchant-account", {"id": account_id, "currency-iso-code": currency, "status": "active"})

    def client_token(self, params: dict[str, Any]) -> Answer:
        if params.get("merchant_account_id") not in self.merchant_accounts:
            return 422, errors("client-token", "92805", "merchant_account_id")
        return 201, write("client-token", {"value": f"token-for-{params['merchant_account_id']}"})


def _kind(code: str) -> str:
    soft = ("2000", "2001", "2002", "2003", "2046", "2057", "2099", "3000")
    return "soft_declined" if code in soft else "hard_declined"


def _verification(plan: Plan) -> dict[str, Any]:
    status = "gateway_rejected" if plan.rejection else "processor_declined"
    return {
        "status": status,
        "processor-response-code": plan.code,
        "processor-response-type": _kind(plan.code) if plan.code else None,
        "gateway-rejection-reason": plan.rejection,
    }
