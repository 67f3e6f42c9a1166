"""Sends what customers should be told of by mail: one CloudEvent in JSON on the standard input, one mail.

    interact-ledger deliver-notifications mailer -- python examples/send_mail.py addresses.csv

`addresses.csv` has lines of account id and address; a service asks its own records instead. SMTP_HOST, SMTP_PORT and
MAIL_FROM come from the environment. A mail that is sent twice bears one Message-ID, so that mail programs show it once.
A mail server that cannot be reached, or says later, ends the delivery, which goes on there the next time. A mailbox
that it refuses for good is passed over: else everybody's mail behind it would wait for ever.
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
    "interact_ledger.auto_top_up_failed": "Your automatic top-up failed",
    "interact_ledger.auto_top_up_paused": "Your automatic top-ups are paused",
    "interact_ledger.auto_top_up_capped": "Your automatic top-ups are used up for now",
    "interact_ledger.monthly_recharge_action_required": "Please confirm your monthly recharge",
    "interact_ledger.monthly_recharge_disabled": "Your monthly recharge has ended",
    "interact_ledger.card_expiring": "Your card expires",
}
"""What customers are told of; the rest is for the service's own eyes."""

REFUSED_FOR_GOOD = 500
"""From this answer of a mail server on, trying again is of no use."""


def mail_about(event: BaseCloudEvent, addresses: Mapping[str, str], sender: str) -> EmailMessage | None:
    """Return the mail about a notification, None if it is not for customers or there is nobody to write to."""
    address, subject = addresses.get(str(event.get_subject())), SUBJECTS.get(event.get_type())
    data: Any = event.get_data()
    if address is None or subject is None or not isinstance(data, dict):
        return None
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, address
    mail["Subject"] = subject
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
            try:
                server.send_message(mail)
            except smtplib.SMTPRecipientsRefused as refused:
                if any(code < REFUSED_FOR_GOOD for code, _ in refused.recipients.values()):
                    raise
                print(f"refused for good: {mail['Message-ID']}", file=sys.stderr)


if __name__ == "__main__":
    main()
