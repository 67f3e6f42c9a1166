"""A loopback server that speaks Braintree's XML over HTTP, with books of its own and faults on request.

`books` is what the gateway knows and does, `documents` how it writes and reads XML, `web` the HTTP around it with its
faults, `webhooks` what it would deliver.
"""

from servers.braintree.books import Books, Plan
from servers.braintree.web import MERCHANT, PRIVATE_KEY, PUBLIC_KEY, BraintreeServer, WireFault

__all__ = ["MERCHANT", "PRIVATE_KEY", "PUBLIC_KEY", "Books", "BraintreeServer", "Plan", "WireFault"]
