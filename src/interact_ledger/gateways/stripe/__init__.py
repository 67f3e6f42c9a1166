"""Stripe: an adapter over its official SDK (the extra `stripe`).

`adapter` is put together from the verbs about `charges`, `cards` and `refunds`. `connection` sends, and knows whether
anything may have arrived; `intents` is what both kinds of intent have in common; `requests` says what is sent and
`results` what the answers mean; `amounts`, `declines` and `notices` know Stripe's units, codes and webhooks.
"""

from interact_ledger.gateways.stripe.adapter import StripeGateway

__all__ = ["StripeGateway"]
