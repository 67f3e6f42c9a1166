"""What the HTTP library logs about an answer that breaks its rules names no card: it quotes the path of the request."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from braintree_bench import NOON
from interact_ledger.clock import MovableClock
from interact_ledger.gateways.braintree.cards import Cards
from interact_ledger.gateways.braintree.connection import Connection
from interact_ledger.gateways.braintree.sdk import Environment, open_sdk
from interact_ledger.gateways.protocol import SavedCard
from interact_ledger.gateways.stripe import StripeGateway
from servers.stripe import API_KEY

TOKEN = "pm_1TokenOfSomebodysCard"
BROKEN = b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def breaking_the_rules() -> Iterator[int]:
    """Give the port of a server whose answers have a line among their headers that is none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    asked, _ = listener.accept()
                except OSError:
                    return
                with asked:
                    asked.recv(65536)
                    asked.sendall(BROKEN)

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def forget_at_stripe(port: int) -> object:
    gateway = StripeGateway(API_KEY, clock=MovableClock(NOON), api_base=f"http://127.0.0.1:{port}", pauses=())
    return gateway.forget(SavedCard(TOKEN), "cus_1")


def forget_at_braintree(port: int) -> object:
    there = ("127.0.0.1", str(port))
    environment = Environment("loopback", *there, "http://127.0.0.1:1", False, None, *there)
    connection = Connection(open_sdk(environment, "m", "p", "k"), MovableClock(NOON), request_keys=True)
    return Cards(connection, None).forget(SavedCard(TOKEN), "acct_1")  # no merchant account is asked for


@pytest.mark.parametrize("forget", [forget_at_stripe, forget_at_braintree])
def test_a_warning_about_broken_headers_names_no_card(forget, caplog, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with breaking_the_rules() as port, caplog.at_level(logging.DEBUG):
        forget(port)
        logging.getLogger("urllib3.connection").warning("somebody else's")
    assert "somebody else's" in caplog.text
    assert TOKEN not in caplog.text
