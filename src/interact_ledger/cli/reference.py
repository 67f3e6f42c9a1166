"""The reference page of the command line, from the commands themselves; `make docs` writes it with the others."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import typer

from interact_ledger.cli import PROGRAM
from interact_ledger.cli.app import app
from interact_ledger.cli.session import Options

__all__ = ["commands", "reference"]

INTRODUCTION = """\
# Command line

`interact-ledger` does for operators what `Ledger` does for services, and nothing else. It comes with the extra `cli`;
from a clone:

```
python -m pip install ".[cli]"
```

<!-- Written by interact_ledger/cli/reference.py from the commands; run `make docs` after a change there. -->

**Results** go to standard output. With `--json` that is exactly one JSON document: money is
`{"amount": "50.00", "currency": "GBP"}`, other decimals are text, times are UTC in ISO 8601 with `Z`. Amounts are
never rounded. Everything else (errors, notes, progress) goes to standard error; an error with `--json` is
`{"error": {"code": …, "field": …, "message": …}}`.

**Exit codes**: 0 done (a declined card is a result, not an error); 1 the audit found something wrong, or the log is
not what was written; 2 the request is wrong or refused; 3 the database or a gateway is busy or out of reach, so try
again; 70 a defect of the program; 130 interrupted; 141 nobody read the output any more.

**Repeating**: what moves money goes by an idempotency key. Without `--key` one is made, printed before anything is
done, and part of the JSON document. The same command with the same key never does the thing twice.

**Secrets**: the tokens of saved cards are masked wherever they turn up. One thing is shown although it is not for
everybody's eyes: the `client_secret` of a payment or saving that the customer must authenticate, since the operator
hands it to the gateway's code in the customer's browser. It serves that one payment only.

**Colours** appear on terminals only, and not if `NO_COLOR` is set. Times that are typed are UTC unless they carry an
offset.

**Version**: `interact-ledger --version`. `python -m interact_ledger` is the same program.
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *_options_of_every_command(), *_all_commands()])


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that does something, with the words that name it, in the order of help."""
    yield from _commands(typer.main.get_command(app), ())


def _commands(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(node, "commands"):
        yield path, node
        return
    for name, child in node.commands.items():
        yield from _commands(child, (*path, name))


def _options_of_every_command() -> Iterator[str]:
    yield "## Options of every command\n"
    yield "Before or after the command's name; the environment variable in brackets says the same.\n"
    yield from _table(param for param in typer.main.get_command(app).params if param.name in _SHARED)


def _all_commands() -> Iterator[str]:
    for path, node in commands():
        words = " ".join((PROGRAM, *path))
        own = [param for param in node.params if param.name not in _SHARED and param.name != "help"]
        arguments = [_argument(param) for param in own if param.param_type_name == "argument"]
        yield f"## {words}\n"
        yield f"{inspect.cleandoc(node.help)}\n"
        yield f"```\n{' '.join([words, '[OPTIONS]', *arguments])}\n```\n"
        yield from _table(own)


def _table(params: Any) -> Iterator[str]:
    rows = [f"| {_name(param)} | {_meaning(param)} |" for param in params]
    if rows:
        yield "| | |\n|---|---|"
        yield from rows
        yield ""


def _name(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{_argument(param)}`"
    return f"`{param.opts[0]} {param.metavar}`" if param.metavar else f"`{param.opts[0]}`"


def _argument(param: Any) -> str:
    return str(param.metavar if param.required else f"[{param.metavar}]")


def _meaning(param: Any) -> str:
    text = str(param.help or "").replace("<", "&lt;").replace("|", "\\|")
    if param.param_type_name == "option" and param.required:
        return f"{text} Required."
    return f"{text} Default: {param.default}." if param.default not in (None, False) and not param.required else text


_SHARED = {field.name for field in fields(Options)}

if __name__ == "__main__":
    sys.stdout.write(reference())
