"""Stripe: an adapter over its official SDK (the extra `stripe`).

`adapter` follows the protocol; `connection` sends, and knows whether anything may have arrived; `requests` says what
is sent, `results` what the answers mean; `amounts`, `declines` and `notices` know Stripe's units, codes and webhooks.
"""

from interact_ledger.gateways.stripe.adapter import StripeGateway

__all__ = ["StripeGateway"]
