"""The password in a database's address is shown by no error, no log and no object, whatever is wrong with it."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest

from interact_ledger import Ledger, Settings
from interact_ledger.errors import ConfigurationError, LedgerError, StorageUnavailable

PASSWORD = "hunter2-correct-horse"
HASTY = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=1)})

UNREADABLE = [
    f"ledger:{PASSWORD}@db/ledger",
    f"mysql://ledger:{PASSWORD}@db/ledger",
    f"postgresql+psycopg://ledger:{PASSWORD}@db/ledger",
    f"host=db user=ledger password={PASSWORD}",
    f"sqlite://ledger:{PASSWORD}@file.db",
    f"sqlite:///ledger.db?password={PASSWORD}",
    f"postgresql://ledger:{PASSWORD}%zz@db/ledger",
    f"postgresql://ledger:{PASSWORD}@[::1/ledger",
    f"postgresql://ledger@db/ledger?pasword={PASSWORD}",
    f"postgresql://ledger@db/ledger?{PASSWORD}",
    f"postgresql://ledger:@{PASSWORD}@db/ledger",
    f"postgresql://ledger:{PASSWORD}/more@db/ledger",
    f"postgresql://ledger:1234/{PASSWORD}@db/ledger",
    f"postgresql://ledger:{PASSWORD}?more@db/ledger",
    f"postgresql://ledger:pass\0{PASSWORD}@db/ledger",
    f"postgresql://ledger:{PASSWORD}\n@db/ledger",
    f"postgresql://ledger:{PASSWORD * 1000}@db/ledger",
]

UNREACHABLE = [
    f"postgresql://ledger:{PASSWORD}@127.0.0.1:1/ledger",
    f"postgresql://ledger@127.0.0.1:1/ledger?password={PASSWORD}",
    f"postgres://ledger:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/ledger?sslmode=require",
]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[BaseException], str]:
    """All that an error and everything before it said, on every channel."""
    caplog.set_level(logging.NOTSET)

    def everything(error: BaseException) -> str:
        parts = ["".join(traceback.format_exception(error)), pickle.dumps(error).decode("latin-1"), caplog.text]
        parts.extend(capfd.readouterr())
        link: BaseException | None = error
        while link is not None:
            parts.append(f"{link} {link!r} {link.args!r} {vars(link)!r}")
            link = link.__cause__ or link.__context__
        return "\n".join(parts)

    return everything


@pytest.mark.parametrize("url", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_address_that_cannot_be_read_is_not_repeated(url: str, said):
    with pytest.raises(ConfigurationError) as refused:
        Ledger.open(url, gateways=[], settings=HASTY)
    assert refused.value.field == "url"
    assert PASSWORD not in said(refused.value)


@pytest.mark.parametrize("url", UNREACHABLE, ids=range(len(UNREACHABLE)))
def test_a_database_that_refuses_the_connection_shows_no_password(url: str, said):
    with pytest.raises(StorageUnavailable) as unreachable:
        Ledger.open(url, gateways=[], settings=HASTY)
    assert PASSWORD not in said(unreachable.value)


def test_the_environment_s_address_is_not_repeated_either(said):
    for url in UNREADABLE:
        if "\0" not in url:
            with pytest.raises(LedgerError) as refused:
                Ledger.from_env({"INTERACT_LEDGER_URL": url, "INTERACT_LEDGER_GATEWAYS": ""})
            assert PASSWORD not in said(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ledger:p%40ss%2Fword%3A@127.0.0.1:1/ledger",
        "postgresql://127.0.0.1:1",
        "postgresql://[::1]:1/ledger",
        "postgresql:///ledger?host=/nowhere",
    ],
)
def test_an_address_that_is_well_written_is_tried(url: str):
    with pytest.raises(StorageUnavailable):
        Ledger.open(url, gateways=[], settings=HASTY)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"gateways": "sandbox"}, "gateways"),
        ({"gateways": ["sandbox"]}, "gateways"),
        ({"gateways": [None]}, "gateways"),
        ({"gateways": None}, "gateways"),
        ({"settings": {"seller": "me"}}, "settings"),
        ({"settings": "settings.toml"}, "settings"),
    ],
)
def test_a_ledger_is_not_opened_with_what_is_no_gateway_or_no_settings(options, field):
    with pytest.raises(ConfigurationError) as refused:
        Ledger.open("sqlite://", **{"gateways": [], **options})
    assert refused.value.field == field


@pytest.mark.parametrize("url", [None, 7, b"sqlite://", ["sqlite://"], "", "x" * 10_000_000])
def test_what_is_no_text_is_no_address(url):
    with pytest.raises(ConfigurationError) as refused:
        Ledger.open(url, gateways=[])
    assert refused.value.field == "url"
