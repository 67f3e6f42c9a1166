"""Reading a campaign, one message per line, for the price estimator."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from interact_ledger.errors import InvalidRequest
from interact_ledger.pricing.catalogue import Message
from interact_ledger.pricing.countries import known_country

__all__ = ["read_campaign"]


def read_campaign(path: str | PathLike[str], destination: str) -> tuple[Message, ...]:
    """Read a campaign file in UTF-8: on each line a text, or a label, a tab and a text.

    A message's reference is its line, such as "line-12". Labels and lines without a text are skipped; texts are
    counted exactly as written (a blank at the end of a line is part of it) and let go.

    Args:
        destination: the country that all of it goes to, ISO 3166-1 alpha-2.

    Raises:
        InvalidRequest: naming the file and, where there is one, the line: it cannot be read, is not UTF-8, holds no
            message, or holds one that cannot be sent; or the destination is no country.
    """
    file = Path(path)
    known_country(destination, "destination")
    try:
        messages = tuple(_messages(file, destination))
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}", field="path") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is not UTF-8 text", field="path") from error
    if not messages:
        raise InvalidRequest(f"{file} holds no message", field="path")
    return messages


def _messages(file: Path, destination: str) -> Iterator[Message]:
    # Only a line feed ends a line: other characters that Python takes for line ends may be part of a message.
    with file.open(encoding="utf-8-sig", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            before, tab, after = line.removesuffix("\n").removesuffix("\r").partition("\t")
            if text := after if tab else before:
                yield _message(file, number, destination, text)


def _message(file: Path, number: int, destination: str, text: str) -> Message:
    try:
        return Message(f"line-{number}", destination, text=text)
    except InvalidRequest as error:
        raise type(error)(f"{file}, line {number}: {error.message}", field=error.field) from None
