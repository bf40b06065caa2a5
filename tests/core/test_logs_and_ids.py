"""Nothing personal reaches a log; ids repeat exactly when their source does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import mask_name, mask_phone, new_id, result_id
from core.logs import REDACTED_KEYS, configure_logs, get_log


def test_personal_keys_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """A name, a number or a transcript leaves only its length in the log."""
    configure_logs("info", process="test")
    get_log("t").info("call_ended", **dict.fromkeys(REDACTED_KEYS, "陈桂英 13800138000"), call_id="att_1")

    line = capsys.readouterr().err
    assert "call_ended" in line
    assert "att_1" in line
    assert "13800138000" not in line
    assert "陈桂英" not in line


def test_the_same_source_has_the_same_result_id() -> None:
    """A repeat is recognised, another kind or source is not confused with it."""
    assert result_id("call", "att_1") == result_id("call", "att_1")
    assert (
        len({result_id("call", "att_1"), result_id("call", "att_2"), result_id("correction", "att_1")}) == 3
    )


def test_new_ids_differ() -> None:
    """Random ids do not repeat."""
    assert len({new_id("att") for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("address", "masked"),
    [("13800138000", "138****8000"), ("sip:13800138000@127.0.0.1:5060", "138****8000"), ("110", "***")],
)
def test_numbers_are_masked(address: str, masked: str) -> None:
    """The middle of a number is hidden, also inside a SIP address."""
    assert masked == mask_phone(address)


@given(st.text(min_size=2, max_size=8))
def test_a_masked_name_keeps_only_its_first_character(name: str) -> None:
    """All but the surname is hidden."""
    assert mask_name(name) == name[0] + "*" * (len(name) - 1)
