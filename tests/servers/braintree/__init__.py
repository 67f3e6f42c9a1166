"""A loopback server that speaks Braintree's XML over HTTP, with books of its own and faults on request.

`books` is what the gateway knows and does, `objects` what it keeps, `dashboard` what is done there without us,
`documents` how it writes and reads XML, `web` the HTTP around it with its faults, `webhooks` what it would deliver.
"""

from servers.braintree.books import Books
from servers.braintree.objects import Plan
from servers.braintree.web import MERCHANT, PRIVATE_KEY, PUBLIC_KEY, BraintreeServer, WireFault

__all__ = ["MERCHANT", "PRIVATE_KEY", "PUBLIC_KEY", "Books", "BraintreeServer", "Plan", "WireFault"]
