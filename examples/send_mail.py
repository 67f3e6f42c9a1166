"""Sends what customers should be told of by mail: one CloudEvent in JSON on the standard input, one mail.

    interact-ledger deliver-notifications mailer -- python examples/send_mail.py addresses.csv

`addresses.csv` has lines of account id and address; a service asks its own records instead. SMTP_HOST, SMTP_PORT and
MAIL_FROM come from the environment. A mail that is sent twice bears one Message-ID, so that mail programs show it once.
"""

from __future__ import annotations

import csv
import os
import smtplib
import sys
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat

SUBJECTS = {
    "interact_ledger.refund_done": "Your refund is on its way",
    "interact_ledger.low_balance": "Your balance is low",
    "interact_ledger.account_suspended": "Your account is suspended",
}


def mail_about(event: BaseCloudEvent, addresses: Mapping[str, str], sender: str) -> EmailMessage | None:
    """Return the mail about a notification, None if there is nobody to write to."""
    address = addresses.get(str(event.get_subject()))
    data: Any = event.get_data()
    if address is None or not isinstance(data, dict):
        return None
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, address
    mail["Subject"] = SUBJECTS.get(event.get_type(), "News of your account")
    mail["Message-ID"] = f"<{event.get_id().replace('/', '.')}@{sender.rpartition('@')[2]}>"
    mail.set_content("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in data.items()))
    return mail


def main() -> None:
    """Send one mail."""
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        addresses = dict(csv.reader(file))
    mail = mail_about(JSONFormat().read(None, sys.stdin.read()), addresses, os.environ["MAIL_FROM"])
    if mail is not None:
        with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=10) as server:
            server.send_message(mail)


if __name__ == "__main__":
    main()
