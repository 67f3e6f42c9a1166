"""A configuration file that cannot be used says which, where and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import pytest

from interact_ledger.errors import ConfigurationError
from interact_ledger.pricing.configuration import Configuration, Label, bounded_decimal, read_file, validated


class Example(Configuration):
    amounts: tuple[Annotated[Decimal, bounded_decimal(minimum="1", maximum="100", places=2)], ...] = ()
    label: Label = "none"


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.toml", b"x = ", "is not valid TOML"),
        ("a.toml", b"x = 1\nx = 2", "is not valid TOML"),
        ("a.toml", b"x = '\xff'", "is not UTF-8 text"),
        ("a.json", b"{", "is not valid JSON"),
        ("a.json", b'{"x": 1, "y": {"z": 1, "z": 2}}', "'z' is given twice in one table"),
        ("a.json", b'{"x": NaN}', "NaN is not a JSON value"),
        ("a.json", b'{"x": -Infinity}', "-Infinity is not a JSON value"),
        ("a.json", b"[" * 100_000, "is not valid JSON"),
        ("a.json", b"1" * 5_000, "is not valid JSON"),
        ("a.json", b"[1]", "must be one table"),
        ("a.yaml", b"x: 1", "is neither a .toml nor a .json file"),
    ],
)
def test_a_file_that_does_not_parse_is_refused(tmp_path, name, content, rule):
    path = written(tmp_path, name, content)
    with pytest.raises(ConfigurationError) as refused:
        read_file(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert rule in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.toml: cannot be read: No such file"):
        read_file(tmp_path / "none.toml")


def test_a_directory_is_refused(tmp_path):
    (tmp_path / "a.toml").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_file(tmp_path / "a.toml")


def test_the_suffix_may_be_in_capitals(tmp_path):
    assert read_file(written(tmp_path, "A.TOML", b"x = 1")) == {"x": 1}


@pytest.mark.parametrize("value", ["1", "100.00", 50, Decimal("1.5")])
def test_decimals_within_bounds_are_taken_exactly(value):
    assert validated(Example, {"amounts": [value]}, "here").amounts == (Decimal(value),)


@pytest.mark.parametrize("value", ["0.99", "100.01", "1.001", 1.5, "", None, [], Decimal("NaN"), Decimal("1E+1000000")])
def test_other_decimals_are_refused_by_entry(value):
    with pytest.raises(ConfigurationError, match=r"^amounts\[1\]: here: amounts\[1\]: ") as refused:
        validated(Example, {"amounts": ["1", value]}, "here")
    assert refused.value.field == "amounts[1]"


@pytest.mark.parametrize("value", ["", " x", "x ", "a\nb", "x" * 201, 7])
def test_a_label_is_one_line_of_shown_text(value):
    with pytest.raises(ConfigurationError, match="here: label: "):
        validated(Example, {"label": value}, "here")


def test_all_mistakes_are_told_at_once_up_to_ten():
    with pytest.raises(ConfigurationError) as refused:
        validated(Example, {"amounts": [0] * 12}, "here")
    assert str(refused.value).count("must be from 1 to 100") == 10
    assert str(refused.value).endswith("; and 2 more")


def test_the_wrong_value_itself_is_not_repeated():
    with pytest.raises(ConfigurationError) as refused:
        validated(Example, {"label": "secret\n", "secret-entry": 1, "amounts": ["secret"]}, "here")
    assert "secret\n" not in str(refused.value)
    assert str(refused.value).count("secret") == 1
