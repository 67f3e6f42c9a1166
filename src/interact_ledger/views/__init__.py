"""What the ledger's verbs return: frozen records in `Money` and UTC, with nothing secret in their `repr`."""

from interact_ledger.views.accounts import AccountDetails, ReplicaLag, account_details
from interact_ledger.views.amounts import Tax, taxes_from_json
from interact_ledger.views.automatic import (
    AutomaticPayments,
    AutoTopUpDetails,
    MonthlyRechargeDetails,
    automatic_payments,
)
from interact_ledger.views.cards import (
    CardSavingResult,
    SavedCardDetails,
    card_details,
    card_saving_result,
    saved_cards,
)
from interact_ledger.views.money_back import CreditNote, DisputeDetails, RefundResult, dispute_details, refund_result
from interact_ledger.views.payments import TopUpResult, top_up_result
from interact_ledger.views.spending import (
    GrantedCredit,
    HoldResult,
    PurchaseResult,
    RentedNumberDetails,
    granted_credit,
    rented_number,
)

__all__ = [
    "AccountDetails",
    "AutoTopUpDetails",
    "AutomaticPayments",
    "CardSavingResult",
    "CreditNote",
    "DisputeDetails",
    "GrantedCredit",
    "HoldResult",
    "MonthlyRechargeDetails",
    "PurchaseResult",
    "RefundResult",
    "RentedNumberDetails",
    "ReplicaLag",
    "SavedCardDetails",
    "Tax",
    "TopUpResult",
    "account_details",
    "automatic_payments",
    "card_details",
    "card_saving_result",
    "dispute_details",
    "granted_credit",
    "refund_result",
    "rented_number",
    "saved_cards",
    "taxes_from_json",
    "top_up_result",
]
