"""Reading a campaign, one message per line, for the price estimator."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TextIO

from interact_ledger.errors import InvalidRequest
from interact_ledger.free_text import from_outside
from interact_ledger.pricing.catalogue import ITEMS_MAX, Message
from interact_ledger.pricing.countries import known_country

__all__ = ["read_campaign"]

LINES_MAX = 1_000_000
LINE_LENGTH_MAX = 50_000
"""In characters: more than the longest message that can be sent, and a label before it."""


def read_campaign(path: str | PathLike[str], destination: str) -> tuple[Message, ...]:
    """Read a campaign file in UTF-8: on each line a text, or a label, a tab and a text.

    A message's reference is its line, such as "line-12". Labels and lines without a text are skipped; texts are
    counted exactly as written (a blank at the end of a line is part of it) and let go.

    Args:
        destination: the country that all of it goes to, ISO 3166-1 alpha-2.

    Raises:
        InvalidRequest: naming the file and, where there is one, the line: it cannot be read, is not UTF-8, holds no
            message or more than 100,000, or holds one that cannot be sent; or the destination is no country.
    """
    known_country(destination, "destination")
    source = from_outside(path)
    messages: tuple[Message, ...] = ()
    wrong = None
    try:
        with Path(path).open(encoding="utf-8-sig", newline="\n") as file:
            messages = tuple(islice(_messages(file, source, destination), ITEMS_MAX + 1))
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    except (TypeError, ValueError):
        wrong = "names no file"
    if wrong:  # raised here, because what Python says of a file has all of it
        raise InvalidRequest(f"{source} {wrong}", field="path")
    if not messages:
        raise InvalidRequest(f"{source} holds no message", field="path")
    if len(messages) > ITEMS_MAX:
        raise InvalidRequest(f"{source} holds more than {ITEMS_MAX:,} messages; split it", field="path")
    return messages


def _messages(file: TextIO, source: str, destination: str) -> Iterator[Message]:
    # Only a line feed ends a line: other characters that Python takes for line ends may be part of a message.
    for number in range(1, LINES_MAX + 1):
        line = file.readline(LINE_LENGTH_MAX + 1)
        if not line:
            return
        if len(line) > LINE_LENGTH_MAX:
            why = f"{source}, line {number}: is longer than {LINE_LENGTH_MAX:,} characters"
            raise InvalidRequest(why, field="path")
        before, tab, after = line.removesuffix("\n").removesuffix("\r").partition("\t")
        if text := after if tab else before:
            yield _message(source, number, destination, text)
    if file.read(1):
        raise InvalidRequest(f"{source} has more than {LINES_MAX:,} lines; split it", field="path")


def _message(source: str, number: int, destination: str, text: str) -> Message:
    try:
        return Message(f"line-{number}", destination, text=text)
    except InvalidRequest as error:
        raise type(error)(f"{source}, line {number}: {error.message}", field="path") from None
