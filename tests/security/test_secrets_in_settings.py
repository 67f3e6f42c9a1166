"""Card numbers and credentials in what operators write: refused in every field, and repeated from nowhere in it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from interact_ledger import LedgerError, Settings, read_campaign
from interact_ledger.errors import ConfigurationError
from interact_ledger.pricing.configuration import Configuration, validated
from secrets_corpus import CARD_TEXTS, CREDENTIALS, in_ascii_digits

TEXTS = [*CARD_TEXTS[::4], *CREDENTIALS]


def kinds(root: type[Configuration] = Configuration) -> Iterator[type[Configuration]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


OFFERS = [(kind, field) for kind in kinds() for field in kind.model_fields]


def said_by(error: BaseException) -> str:
    said = ["".join(traceback.format_exception(error))]
    link: BaseException | None = error
    while link is not None:
        said.append(f"{link} {link!r} {link.args!r} {vars(link)!r}")
        link = link.__cause__ or link.__context__
    return "\n".join(said)


def refused(text: str, content: object, kind: type[Configuration] = Settings) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        validated(kind, content, "settings.toml")
    assert not [form for form in in_ascii_digits(text) if form in said_by(error.value)]
    return error.value


def test_all_settings_are_offered():
    assert {kind.__name__ for kind in kinds()} >= {"Settings", "Seller", "PriceList", "TaxRule", "OfferedMethod"}
    assert len(OFFERS) >= 35


@pytest.mark.programme(row=11, what="offers to settings", ci=len(OFFERS), release=len(OFFERS), each=10)
def test_what_is_secret_is_refused_in_every_setting(part, tried):
    for number in part:
        kind, field = OFFERS[number]
        for text in TEXTS:
            for value in (text, [text], {text: text}, {"name": text}):
                message = refused(text, {field: value}, kind).message
                assert f"{field}" in message
                assert f"{field}: Field required" not in message, "it was looked at"
    tried(len(part) * len(TEXTS) * 4)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_what_is_secret_is_not_repeated_from_anywhere_in_a_file(tmp_path: Path, suffix: str):
    for number, text in enumerate(text for text in TEXTS if "/" not in text):
        quoted = json.dumps(text)
        contents = {
            ".toml": (f"{quoted} = 1", f"[{quoted}]\n[{quoted}]", f"a = {text}", text, f"a = {quoted}\na = {quoted}"),
            ".json": (f"{{{quoted}: 1}}", f"{{{quoted}: 1, {quoted}: 1}}", f'{{"a": {text}}}', text, f"[{quoted}]"),
        }
        for content in contents[suffix]:
            file = tmp_path / f"{number}{suffix}"
            file.write_text(content, encoding="utf-8")
            with pytest.raises(ConfigurationError) as error:
                Settings.load(file)
            assert not [form for form in in_ascii_digits(text) if form in said_by(error.value)], content


def test_what_is_secret_is_not_repeated_as_the_name_of_a_file(tmp_path: Path):
    for text in (text for text in TEXTS if "/" not in text and "\n" not in text):
        for read in (
            lambda text=text: Settings.load(tmp_path / f"{text}.toml"),
            lambda text=text: Settings.load(f"{text}.xml"),
            lambda text=text: read_campaign(tmp_path / text, "GB"),
        ):
            with pytest.raises(LedgerError) as error:
                read()
            assert not [form for form in in_ascii_digits(text) if form in said_by(error.value)]
