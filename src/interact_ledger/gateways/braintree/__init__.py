"""Braintree: cards through its vault and its Transaction API.

`adapter` is put together from the verbs about `charges`, `cards` and `refunds`. `connection` sends, and `calls` tells
what was surely not sent from what may have arrived; `merchant` knows whose accounts are charged; `requests` writes what
is sent, `results` and `declines` read what comes back; `amounts` owns how money is written there; `notices` verifies
webhooks; `sdk` is the one place that imports the vendor's SDK.
"""

from interact_ledger.gateways.braintree.adapter import BraintreeGateway

__all__ = ["BraintreeGateway"]
