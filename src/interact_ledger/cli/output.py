"""The one place that prints: results to stdout, for people or as one JSON document; all else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from interact_ledger.cli.documents import Document
from interact_ledger.cli.text import plain_text

__all__ = ["Answer", "Output", "print_for_people"]

UNWRAPPED_WIDTH = 10_000
"""Wider than any row, so that what is piped on keeps each row in one line and each id in one piece."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say."""

    document: Document
    """For `--json`."""
    shown: Sequence[RenderableType]
    """For people."""
    exit_code: int = field(default=0, kw_only=True)


class Output:
    """Prints one command's answer, errors and progress."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def answer(self, answer: Answer, key: str | None) -> None:
        """Print a result; a JSON document says the idempotency key that it goes by."""
        if self._as_json:
            print_json(sys.stdout, answer.document | ({"idempotency_key": key} if key else {}))
        else:
            print_for_people(sys.stdout, *answer.shown)

    def error(self, code: str, at_fault: str | None, message: str, key: str | None = None) -> None:
        """Print an error to stderr."""
        if self._as_json:
            document: Document = {"code": code, "field": at_fault, "message": message}
            print_json(sys.stderr, {"error": document | ({"idempotency_key": key} if key else {})})
        else:
            where = f"{at_fault}: " if at_fault else ""
            print_for_people(sys.stderr, plain_text(f"Error: {where}{message} [{code}]", "red"))

    def note(self, message: str) -> None:
        """Print something worth knowing beside the result, for people only, in one line that can be copied whole."""
        if not self._as_json:
            print_for_people(sys.stderr, plain_text(message, "dim"), wrapped=False)

    @contextmanager
    def progress(self, doing: str) -> Iterator[Callable[[int, int], None]]:
        """Show a bar on stderr while something long is done, if stderr is a terminal.

        Yields what to call with how many are done, of how many; until it is called, the bar only shows life.
        """
        if not sys.stderr.isatty():
            yield lambda _done, _of: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
            task = bar.add_task(doing, total=None)
            yield lambda done, of: bar.update(task, completed=done, total=of)


def print_json(stream: TextIO, document: Document) -> None:
    """Print one JSON document in ASCII, which every stream can carry."""
    _write(stream, json.dumps(document, indent=2) + "\n")


def print_for_people(stream: TextIO, *parts: RenderableType, wrapped: bool = True) -> None:
    """Print with colours and the terminal's width on a terminal, in plain whole lines elsewhere."""
    console = _console(stream)
    with console.capture() as captured:
        for part in parts:
            console.print(part, soft_wrap=not wrapped)
    text = captured.get()
    if not console.is_terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    encoding = stream.encoding or "utf-8"
    _write(stream, text.encode(encoding, errors="replace").decode(encoding))


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else UNWRAPPED_WIDTH
    return Console(file=stream, width=width, highlight=False)


def _write(stream: TextIO, text: str) -> None:
    # Flushed here, so that a broken pipe is met here and not at the interpreter's exit.
    stream.write(text)
    stream.flush()
