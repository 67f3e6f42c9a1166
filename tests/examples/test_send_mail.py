"""Notifications reach a mail server on the loopback, through the command line and the example's own process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from moneyed import Money

from interact_ledger import Message
from interact_ledger.testing import ledger_kit

SEND_MAIL = Path(__file__).parents[2] / "examples" / "send_mail.py"


class Inbox:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - the library's name
        if address.startswith("gone"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    kept = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield kept, port
    finally:
        controller.stop()


def deliver(subscriber: str, url: str, port: int, addresses: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "interact_ledger", "deliver-notifications", subscriber, "--"),
            *(sys.executable, SEND_MAIL, addresses),
        ],
        env={
            **os.environ,
            "INTERACT_LEDGER_URL": url,
            "INTERACT_LEDGER_GATEWAYS": "",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "MAIL_FROM": "billing@example.com",
        },
        check=True,
    )


def test_a_low_balance_is_written_to_the_customer_and_once_more_under_the_same_id_if_told_again(inbox, tmp_path):
    kept, port = inbox
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_kit(url) as kit:
        account_id = kit.account().account_id
        kit.top_up(account_id, Money("10.00", "GBP"))
        kit.ledger.notify_below(account_id, Money("9.99", "GBP"))
        kit.ledger.spend(account_id, Message("m", "GB", text="hi"), idempotency_key="m")
    (tmp_path / "addresses.csv").write_text(f"{account_id},customer@example.org\n")
    for subscriber in ("mailer", "another"):
        deliver(subscriber, url, port, tmp_path / "addresses.csv")
    first, second = kept.mails
    assert (first["To"], first["Subject"]) == ("customer@example.org", "Your balance is low")
    assert "available: 9.9675" in first.get_payload()
    assert first["Message-ID"] == second["Message-ID"]


def test_a_mailbox_that_is_gone_holds_up_nobody_else_and_a_dispute_is_not_for_customers(inbox, tmp_path):
    kept, port = inbox
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_kit(url) as kit:
        gone, other = (kit.account().account_id for _ in range(2))
        kit.ledger.suspend(gone, "review")
        paid = kit.top_up(other, Money("10.00", "GBP"))
        kit.gateway.open_dispute(kit.ledger.receipt(paid.transaction_id).gateway_reference)
        for told in kit.gateway.notices_due():
            kit.ledger.receive(kit.gateway.gateway_id, told.body, told.headers)
        kit.ledger.suspend(other, "review")
    (tmp_path / "addresses.csv").write_text(f"{gone},gone@example.org\n{other},customer@example.org\n")
    deliver("mailer", url, port, tmp_path / "addresses.csv")
    assert [(mail["To"], mail["Subject"]) for mail in kept.mails] == [
        ("customer@example.org", "Your account is suspended")
    ]


def test_a_program_that_fails_ends_the_delivery_and_the_notification_comes_again(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_kit(url) as kit:
        kit.ledger.suspend(kit.account().account_id, "review")
    environ = {**os.environ, "INTERACT_LEDGER_URL": url, "INTERACT_LEDGER_GATEWAYS": ""}
    command = [sys.executable, "-m", "interact_ledger", "deliver-notifications", "mailer", "--"]
    failed = subprocess.run([*command, "false"], env=environ, capture_output=True, text=True, check=False)
    assert (failed.returncode, "not_delivered" in failed.stderr) == (3, True)
    nowhere = subprocess.run([*command, "/nowhere"], env=environ, capture_output=True, text=True, check=False)
    assert (nowhere.returncode, "program: cannot be run" in nowhere.stderr) == (2, True)
    done = subprocess.run([*command, "cat"], env=environ, capture_output=True, text=True, check=True)
    assert '"type": "interact_ledger.account_suspended"' in done.stdout
