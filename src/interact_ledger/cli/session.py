"""The options that every command takes, and the ledger that they open: the one place where one is opened."""

from __future__ import annotations

import getpass
import os
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Self

import typer

from interact_ledger.cli.output import Output
from interact_ledger.errors import ConfigurationError
from interact_ledger.gateways.discovery import gateway_from_env
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.ids import RandomIds
from interact_ledger.ledger import Ledger
from interact_ledger.settings import Settings

__all__ = ["Options", "Session"]

PANEL = "Options of every command"


def _option(name: str, text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=text, metavar=metavar, rich_help_panel=PANEL)
    return option


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every command can be told, before or after its name."""

    url: Annotated[str | None, _option("--url", "The database (INTERACT_LEDGER_URL).", "URL")] = None
    settings: Annotated[str | None, _option("--settings", "The settings file (INTERACT_LEDGER_SETTINGS).", "FILE")] = (
        None
    )
    gateways: Annotated[
        str | None, _option("--gateways", "Gateways, by comma (INTERACT_LEDGER_GATEWAYS).", "NAMES")
    ] = None
    actor: Annotated[
        str | None, _option("--actor", "Who acts, as the log records it; operator:<login name> if left out.", "WHO")
    ] = None
    correlation_id: Annotated[
        str | None, _option("--correlation-id", "The ticket or job behind it, as the log records it.", "ID")
    ] = None
    json: Annotated[bool, _option("--json", "Print one JSON document.")] = False

    def over(self, others: Self) -> Self:
        """Return these options, and the others where these say nothing."""
        return type(self)(**{f.name: getattr(self, f.name) or getattr(others, f.name) for f in fields(self)})


class Session:
    """One command's run: its ledger, opened when it is first needed, and its output."""

    def __init__(self, options: Options, resources: ExitStack) -> None:
        """Begin a run.

        Args:
            options: what the operator said.
            resources: closes what the run opened.
        """
        self.output = Output(as_json=options.json)
        self.key: str | None = None
        self._options = options
        self._resources = resources

    @cached_property
    def environ(self) -> dict[str, str]:
        """The environment, with the options over it."""
        said = {
            "INTERACT_LEDGER_URL": self._options.url,
            "INTERACT_LEDGER_SETTINGS": self._options.settings,
            "INTERACT_LEDGER_GATEWAYS": self._options.gateways,
        }
        return {**os.environ, **{name: value for name, value in said.items() if value is not None}}

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger with its gateways, acting on behalf of the operator."""
        return self._opened(self.environ)

    @cached_property
    def records(self) -> Ledger:
        """The ledger without any gateway, which is enough to read it: who reads needs no gateway's credentials."""
        return self._opened(self.environ | {"INTERACT_LEDGER_GATEWAYS": ""})

    @cached_property
    def settings(self) -> Settings:
        """The settings alone."""
        path = self.environ.get("INTERACT_LEDGER_SETTINGS")
        return Settings.load(path) if path else Settings.default()

    @property
    def gateways_in_use(self) -> list[str]:
        """The names of the gateways that the ledger is opened with."""
        names = self.environ.get("INTERACT_LEDGER_GATEWAYS", "sandbox").split(",")
        return [name.strip() for name in names if name.strip()]

    @cached_property
    def sandbox(self) -> SandboxGateway:
        """The sandbox gateway, if it is in use."""
        if "sandbox" not in self.gateways_in_use:
            raise ConfigurationError("the sandbox is not in use; add --gateways sandbox to use it", field="gateways")
        sandbox = gateway_from_env("sandbox", self.environ)
        assert isinstance(sandbox, SandboxGateway), "the name is the sandbox's own"
        return self._resources.enter_context(closing(sandbox))

    def key_or_new(self, key: str | None) -> str:
        """Return the idempotency key that the operator gave, or a new one, said at once so that it can be repeated."""
        self.key = key or RandomIds().new("key")
        if key is None:
            self.output.note(f"Repeat with: --key {self.key}")
        return self.key

    def _opened(self, environ: dict[str, str]) -> Ledger:
        ledger = self._resources.enter_context(Ledger.from_env(environ))
        actor = self._options.actor or f"operator:{_login_name()}"
        return ledger.on_behalf_of(actor, correlation_id=self._options.correlation_id)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return "unknown"
