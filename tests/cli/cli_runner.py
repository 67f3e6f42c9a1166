"""Running the command line in this process, as an operator would in a shell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from interact_ledger.cli import PROGRAM
from interact_ledger.cli.app import app


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.stderr)["error"]


class Cli:
    """An operator's shell, whose environment names a ledger and a sandbox of its own."""

    def run(self, *words: object, stdin: str | None = None) -> Ran:
        """Run a command, whatever comes of it."""
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name=PROGRAM, input=stdin)
        return Ran(result.exit_code, result.stdout, result.stderr)

    def text(self, *words: object) -> str:
        """Run a command that succeeds; return what people read."""
        ran = self.run(*words)
        assert ran.exit_code == 0, ran.stderr
        return ran.stdout

    def json(self, *words: object, stdin: str | None = None) -> dict[str, Any]:
        """Run a command that succeeds; return its document. Nothing else may be on either stream."""
        ran = self.run(*words, "--json", stdin=stdin)
        assert (ran.exit_code, ran.stderr) == (0, ""), ran
        document = json.loads(ran.stdout)
        assert isinstance(document, dict)
        return document

    def refused(self, *words: object) -> dict[str, Any]:
        """Run a command that is refused; return the error's document."""
        ran = self.run(*words, "--json")
        assert (ran.exit_code, ran.stdout) == (2, ""), ran
        return ran.error

    # What most tests begin with

    def account(self, *details: object) -> str:
        return self.json("account", "open", *(details or ("customer-1", "GBP", "GB")))["account_id"]

    def quote(self, account_id: str, amount: str = "50") -> str:
        return self.json("payment", "checkout", account_id, amount)["quote_id"]

    def top_up(self, account_id: str, *options: object, token: str = "tok_visa", amount: str = "50") -> dict[str, Any]:
        quote = self.quote(account_id, amount)
        return self.json("payment", "top-up", account_id, quote, "--card-token", token, *options)

    def funded(self) -> str:
        account_id = self.account()
        self.top_up(account_id)
        return account_id
