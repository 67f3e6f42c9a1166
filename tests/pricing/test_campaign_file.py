"""A campaign is read one message per line."""

from __future__ import annotations

import pytest

from interact_ledger.errors import InvalidRequest, InvalidText
from interact_ledger.pricing.campaign_file import read_campaign
from interact_ledger.pricing.catalogue import Message


def campaign(tmp_path, content):
    path = tmp_path / "campaign.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_each_line_is_a_message_named_by_its_line(tmp_path):
    path = campaign(tmp_path, "Hello\n\n" + "a" * 161 + "\n")
    assert read_campaign(path, "GB") == (Message("line-1", "GB", segments=1), Message("line-3", "GB", segments=2))


def test_what_comes_before_the_first_tab_is_a_label(tmp_path):
    path = campaign(tmp_path, f"ham\t{'a' * 160}\n{'long label' * 20}\tHi\nham\ta\tb\n{'b' * 161}")
    assert [message.segments for message in read_campaign(path, "GB")] == [1, 1, 1, 2]


def test_a_tab_within_the_text_counts_as_written(tmp_path):
    path = campaign(tmp_path, f"ham\t{'a' * 70}\t")
    assert read_campaign(path, "GB")[0].segments == 2


def test_a_label_without_a_text_is_skipped(tmp_path):
    assert len(read_campaign(campaign(tmp_path, "ham\t\nham\tHi\n"), "GB")) == 1


def test_line_ends_and_byte_order_marks_of_windows_are_no_part_of_a_text(tmp_path):
    path = campaign(tmp_path, b"\xef\xbb\xbf" + b"a" * 160 + b"\r\n" + b"b" * 160 + b"\r\n")
    assert [message.segments for message in read_campaign(path, "GB")] == [1, 1]


def test_only_a_line_feed_ends_a_line(tmp_path):
    path = campaign(tmp_path, "one\x0btwo\x85three\u2028four\rfive\n")
    assert len(read_campaign(path, "GB")) == 1


def test_blanks_at_the_end_of_a_line_are_counted(tmp_path):
    assert read_campaign(campaign(tmp_path, "a" * 160 + " \n"), "GB")[0].segments == 2


def test_a_text_too_long_is_refused_by_file_and_line(tmp_path):
    path = campaign(tmp_path, "Hi\n" + "a" * 40_000)
    with pytest.raises(InvalidText, match=r"path: .*campaign\.txt, line 2: takes 262 segments"):
        read_campaign(path, "GB")


def test_a_destination_that_is_no_country_is_the_caller_s_mistake_not_a_line_s(tmp_path):
    with pytest.raises(InvalidRequest, match=r"^destination: is not an ISO 3166-1"):
        read_campaign(campaign(tmp_path, "Hi"), "UK")


@pytest.mark.parametrize("content", ["", "\n\n", "ham\t\n"])
def test_a_file_without_a_message_is_refused(tmp_path, content):
    with pytest.raises(InvalidRequest, match="holds no message"):
        read_campaign(campaign(tmp_path, content), "GB")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="is not UTF-8 text"):
        read_campaign(campaign(tmp_path, "50 £".encode("latin-1")), "GB")


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"path: .* cannot be read"):
        read_campaign(tmp_path / "none.txt", "GB")


def test_the_collection_of_real_messages_is_read(real_messages):
    messages = read_campaign(real_messages, "GB")
    assert len(messages) == 5574
    assert messages[0] == Message("line-1", "GB", segments=1)
