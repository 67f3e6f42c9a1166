"""How the demo speaks: chapters, sentences, aligned facts, and figures that must be as told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from moneyed import Money
from moneyed.l10n import format_money
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

__all__ = ["NotAsToldError", "Teller", "shown"]

WIDTH_MAX = 100


class NotAsToldError(Exception):
    """Something in the story came out otherwise."""


def shown(money: Money) -> str:
    """Write an amount with every decimal that it has: `str(money)` would round £49.9675 to the penny."""
    return format_money(money, locale="en_GB", decimal_quantization=False)


class Teller:
    """Prints a story on a terminal of any width, or into a pipe; rich itself respects NO_COLOR."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = Console(highlight=False, width=min(console.width, WIDTH_MAX))
        self._chapters = 0

    def title(self, title: str, sentence: str) -> None:
        self._print(f"[bold]{title}[/bold]")
        self._print(sentence)

    def chapter(self, title: str) -> None:
        self._chapters += 1
        self._print("")
        self._print(Rule(f"[bold]{self._chapters}. {title}[/bold]", align="left", style="dim"))

    def say(self, sentence: str) -> None:
        self._print(Text(sentence))

    def facts(self, *facts: tuple[str, object], amounts: bool = False) -> None:
        """Print names and values in two columns; amounts are aligned at their right."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(justify="right" if amounts else "left", overflow="fold")
        for name, value in facts:
            table.add_row(name, _text(value))
        self._print(Padding.indent(table, 2))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, amounts_from: int) -> None:
        """Print rows under headings; columns from `amounts_from` on are aligned at their right."""
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="cyan")
        for position, column in enumerate(columns):
            table.add_column(column, justify="right" if position >= amounts_from else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(_text(value) for value in row))
        self._print(Padding.indent(table, 2))

    def _print(self, what: RenderableType) -> None:
        """Print without the spaces that fill rich's lines up."""
        with self._console.capture() as printed:
            self._console.print(what)
        self._console.file.write(re.sub(r" +$", "", printed.get(), flags=re.MULTILINE))

    def expect(self, what: str, actual: object, told: object) -> None:
        """Stop the story if something is not as told.

        Raises:
            NotAsToldError: saying what came out instead.
        """
        if actual != told:
            raise NotAsToldError(f"{what}: told {_text(told)!r}, came out as {_text(actual)!r}")


def _text(value: object) -> str:
    return shown(value) if isinstance(value, Money) else str(value)
