"""HTTP around the books, and what can go wrong on the wire."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from interact_ledger.clock import Clock
from servers.braintree.books import Answer, Books
from servers.braintree.documents import read

__all__ = ["MERCHANT", "PRIVATE_KEY", "PUBLIC_KEY", "BraintreeServer", "WireFault"]

MERCHANT = "merchant_of_tests"
PUBLIC_KEY = "publickeyoftests"
PRIVATE_KEY = "privatekeyoftests0123456789abcdef"

_AUTHORIZATION = f"Basic {base64.b64encode(f'{PUBLIC_KEY}:{PRIVATE_KEY}'.encode()).decode()}"
_EFFECTS = {
    "link_customer": r"POST /customers",
    "begin": r"nothing is ever begun",
    "charge": r"POST /transactions",
    "cancel": r"PUT /transactions/\w+/void",
    "save": r"POST /payment_methods",
    "forget": r"DELETE /payment_methods/.+",
    "refund": r"POST /transactions/\w+/refund|PUT /transactions/\w+/void",
    "find_charge": r"GET /transactions/.+|POST /transactions/advanced_search_ids",
    "find_refund": r"GET /transactions/.+",
    "find_card": r"GET /payment_methods/.+",
    "find_after_capture": r"GET /transactions/.+",
    "find_saved_card": r"GET /payment_methods/.+",
}
_LOOKUPS = r"GET /transactions/.+|POST /transactions/advanced_search.*|GET /payment_methods/.+"


class WireFault(StrEnum):
    """What befalls one request."""

    BEFORE = "before"
    """The connection is cut before the request takes effect."""
    AFTER = "after"
    """It takes effect, and the connection is cut."""
    AFTER_THEN_REFUSED = "after_then_refused"
    """It takes effect, the connection is cut, and no other is taken until the call is over."""
    REFUSED = "refused"
    """No connection is taken until the call is over."""
    HANG = "hang"
    """It takes effect, and no answer comes for half a second."""
    GARBAGE = "garbage"
    """It takes effect, and is answered with a page of HTML."""
    EMPTY = "empty"
    """It takes effect, and is answered with nothing."""
    REDIRECT = "redirect"
    """It takes effect, and is answered with a redirect to where nobody listens."""
    SLOW_DOWN = "429"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    REQUEST_TIMEOUT = "408"
    UPGRADE = "426"
    ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that did not wait for their answer."""


class BraintreeServer:
    """The books, reachable at 127.0.0.1 and `port`."""

    def __init__(self, clock: Clock, merchant_accounts: dict[str, str]) -> None:
        self.books = Books(clock, merchant_accounts)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """What was asked, in order: method and path, and the document."""
        self.lookups_available = True
        self.port = 0
        self._faults: dict[str, deque[WireFault]] = {verb: deque() for verb in _EFFECTS}
        self._listener: _Listener | None = None
        self._switch = threading.RLock()

    def __enter__(self) -> BraintreeServer:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def listen(self) -> None:
        """Take connections, always at the same port."""
        with self._switch:
            if self._listener is None:
                self._listener = _Listener(("127.0.0.1", self.port), self._handler())
                self.port = self._listener.server_address[1]
                threading.Thread(target=self._listener.serve_forever, args=(0.005,), daemon=True).start()

    def refuse(self) -> None:
        """Take no connection any more."""
        with self._switch:
            if self._listener is not None:
                self._listener.shutdown()
                self._listener.server_close()
                self._listener = None

    def fail_next(self, verb: str, fault: WireFault) -> None:
        """Let the next request fail by which the adapter's method takes effect."""
        self._faults[verb].append(fault)

    @contextmanager
    def during(self, verb: str) -> Iterator[None]:
        """Refuse connections during a call, if that was wished for."""
        if self._faults.get(verb, ()) and self._faults[verb][0] is WireFault.REFUSED:
            self._faults[verb].popleft()
            self.refuse()
        try:
            yield
        finally:
            self.listen()

    # Answering --------------------------------------------------------------------------------------------------

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = server._answer(f"{self.command} {self.path}", dict(self.headers), body)
                if answer is None:
                    self.close_connection = True
                    return
                status, document = answer
                content = document.encode()
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/")  # means something beside a redirect only
                self.send_header("Content-Type", "application/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        for method in ("GET", "POST", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._any)
        return Handler

    def _answer(self, line: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """Return the answer, or None to cut the connection."""
        if headers.get("Authorization") != _AUTHORIZATION or headers.get("X-ApiVersion") != "6":
            return 401, ""
        method, _, path = line.partition(" ")
        prefix = f"/merchants/{MERCHANT}"
        if not path.startswith(prefix):
            return 404, ""
        asked = f"{method} {path.removeprefix(prefix)}"
        params = read(body)
        self.requests.append((asked, params))
        if not self.lookups_available and re.fullmatch(_LOOKUPS, asked):
            return 503, ""
        return self._with_faults(asked, lambda: self._route(asked, params))

    def _with_faults(self, asked: str, act: Callable[[], Answer]) -> Answer | None:
        fault = next(
            (
                faults.popleft()
                for verb, faults in self._faults.items()
                if faults and re.fullmatch(_EFFECTS[verb], asked)
            ),
            None,
        )
        if fault is None:
            return act()
        if fault is WireFault.BEFORE:
            return None
        if fault.value.isdigit():
            return int(fault.value), ""
        answer = act()
        if fault is WireFault.GARBAGE:
            return 200, "<html><body>Bad day</body></html>"
        if fault is WireFault.EMPTY:
            return 200, ""
        if fault is WireFault.REDIRECT:
            return 302, ""
        if fault is WireFault.HANG:
            time.sleep(0.5)
            return answer
        if fault is WireFault.AFTER_THEN_REFUSED:
            self.refuse()
        return None

    def _route(self, asked: str, params: dict[str, Any]) -> Answer:
        books = self.books
        routes: dict[str, Callable[..., Answer]] = {
            r"POST /customers": lambda: books.create_customer(params),
            r"GET /customers/(\S+)": books.find_customer,
            r"POST /client_token": lambda: books.client_token(params),
            r"POST /payment_methods": lambda: books.create_card(params),
            r"GET /payment_methods/any/(\S+)": books.find_card,
            r"DELETE /payment_methods/any/(\S+)": books.delete_card,
            r"POST /transactions": lambda: books.sell(params),
            r"GET /transactions/(\w+)": books.find,
            r"PUT /transactions/(\w+)/void": books.void,
            r"POST /transactions/(\w+)/refund": lambda found: books.refund(found, params),
            r"PUT /transactions/(\w+)/settle": books.settle,
            r"PUT /transactions/(\w+)/settlement_decline": lambda found: books.settle(found, succeed=False),
            r"POST /transactions/advanced_search_ids": lambda: books.search_ids(params),
            r"POST /transactions/advanced_search": lambda: books.search(params),
            r"GET /disputes/(\w+)": books.find_dispute,
            r"PUT /disputes/(\w+)/accept": books.accept_dispute,
            r"GET /merchant_accounts/(\S+)": books.merchant_account,
        }
        for route, act in routes.items():
            match = re.fullmatch(route, asked)
            if match:
                return act(*match.groups())
        return 404, ""
