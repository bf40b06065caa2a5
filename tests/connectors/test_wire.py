"""What a browser may send, and what it gets: no socket involved."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.texts import DOORS_FILE, NOTICES, load_texts
from connectors.types import Event, EventType, LogPage
from connectors.web import wire
from connectors.web.crypto import make_token, read_token
from connectors.web.guard import parse_origins
from core.errors import BadInput, KnowledgeError, TooLarge
from core.types import Button, Source

AT = datetime(2026, 11, 23, 2, tzinfo=UTC)
KEY = b"k" * 32
CONVERSATION = "web_" + "0a" * 12


def body(text: str, message_id: str = "m1") -> bytes:
    return json.dumps({"message_id": message_id, "text": text}).encode()


@given(st.text(max_size=300))
def test_any_text_is_cleaned_or_refused_by_name(text: str) -> None:
    """What passes has no control character, is not blank, and is not changed by a second cleaning."""
    try:
        message = wire.parse_message(body(text))
    except wire.EmptyText:
        assert wire.clean(text) == ""
        return
    assert message.text == wire.clean(message.text) != ""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", message.text)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_crash_the_parsers(data: bytes) -> None:
    """Everything that is not a message is ``BadInput``, in bytes and where it decodes as text."""
    for parse in (wire.parse_message, wire.parse_hello):
        with pytest.raises(BadInput):
            parse(data)
    wire.peek_message_id(data)


@given(st.integers(min_value=0, max_value=60))
def test_a_truncated_message_is_refused(length: int) -> None:
    """A message cut off anywhere is never taken for a whole one."""
    whole = body("我想问一下失业金")
    with pytest.raises(BadInput):
        wire.parse_message(whole[: min(length, len(whole) - 1)])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("您好👨‍👩‍👧", "您好👨‍👩‍👧"),
        ("<b>补贴</b>", "<b>补贴</b>"),
        ("一\r\n二\r三", "一\n二\n三"),
        ("\x00\x1b[31m红\x07", "[31m红"),
        ("a\u202eb\u200fc\ufeff", "abc"),
        ("  空\t格  ", "空 格"),
    ],
)
def test_cleaning_keeps_words_and_drops_tricks(text: str, kept: str) -> None:
    """Emoji and markup stay as text; control and direction characters go."""
    assert wire.parse_message(body(text)).text == kept


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x01", "\u200b\u202e"])
def test_a_message_without_words_is_refused(text: str) -> None:
    """Nothing readable has an error of its own, so that the citizen is told what is missing."""
    with pytest.raises(wire.EmptyText):
        wire.parse_message(body(text))


def test_length_is_counted_in_characters() -> None:
    """2,000 characters pass, emoji included, one more does not."""
    assert len(wire.parse_message(body("😀" * 2_000)).text) == 2_000
    with pytest.raises(TooLarge):
        wire.parse_message(body("字" * 2_001))
    with pytest.raises(TooLarge):
        wire.parse_message(b" " * (wire.MAX_BODY + 1))


@pytest.mark.parametrize(
    "bad",
    [
        {"text": "好"},
        {"message_id": "m1"},
        {"message_id": "", "text": "好"},
        {"message_id": "m" * 65, "text": "好"},
        {"message_id": "../x", "text": "好"},
        {"message_id": 1, "text": "好"},
        {"message_id": "m1", "text": ["好"]},
        {"message_id": "m1", "text": "好", "type": "call_answered"},
        ["m1", "好"],
        None,
    ],
)
def test_what_breaks_the_contract_is_refused_without_quoting_it(bad: object) -> None:
    """The reason names the place, never what was written."""
    with pytest.raises(BadInput) as caught:
        wire.parse_message(json.dumps(bad))
    assert "好" not in str(caught.value)


def test_a_lone_surrogate_is_not_a_message() -> None:
    """Text that cannot be UTF-8 is refused before it can break a log or a database."""
    with pytest.raises(BadInput):
        wire.parse_message('{"message_id":"m1","text":"\\ud800"}')
    with pytest.raises(BadInput):
        wire.parse_message('{"message_id":"m1","text":"\ud800"}')


def test_the_id_of_a_refused_message_is_found_where_it_can_be() -> None:
    """So that the page can mark the right bubble."""
    assert wire.peek_message_id(body("字" * 3_000, "m7")) == "m7"
    assert wire.peek_message_id(b'{"message_id":"<x>"}') == ""
    assert wire.peek_message_id(b"[]") == ""


def test_a_page_of_the_log_is_plain_json() -> None:
    """Everything that the page shows survives the journey."""
    event = Event(
        EventType.REPLY,
        AT,
        "m1",
        "第一行\n</script>",
        buttons=(Button("是", "是的"),),
        sources=(Source("p", "名", "文号", "2026-06-17", "https://example.org"),),
        id="7-0",
    )
    plain = json.loads(wire.dump(wire.render_page(LogPage((event,), "7-0", 2))))
    assert plain["type"] == "events"
    assert (plain["cursor"], plain["pending"]) == ("7-0", 2)
    assert plain["events"][0]["text"] == "第一行\n</script>"
    assert plain["events"][0]["at"] == "2026-11-23T02:00:00Z"
    assert plain["events"][0]["sources"][0]["as_of"] == "2026-06-17"


def test_a_token_opens_its_own_conversation_only() -> None:
    """Changed, foreign, future and old tokens are refused."""
    token = make_token(KEY, CONVERSATION, AT)
    assert read_token(KEY, token, AT + timedelta(hours=23), max_age_s=86_400) == CONVERSATION
    for bad in (token.replace("0a", "0b", 1), token[:-1] + "!", token + "x", "", "v1.." * 3):
        with pytest.raises(BadInput):
            read_token(KEY, bad, AT, max_age_s=86_400)
    with pytest.raises(BadInput):
        read_token(b"other" * 8, token, AT, max_age_s=86_400)
    with pytest.raises(BadInput):
        read_token(KEY, token, AT + timedelta(hours=25), max_age_s=86_400)
    with pytest.raises(BadInput):
        read_token(KEY, token, AT - timedelta(minutes=5), max_age_s=86_400)


def test_origins_are_read_from_the_setting() -> None:
    """White space and a closing slash do not matter."""
    assert parse_origins(" https://a.example/ ,https://b.example,") == {
        "https://a.example",
        "https://b.example",
    }
    assert parse_origins("") == frozenset()


def test_the_doors_sentences_are_complete() -> None:
    """Every notice exists, placeholders for names are filled, and no code reads a text that is missing."""
    texts = load_texts({"agency": "某市就业中心", "hotline": "12333"})
    assert set(texts.notices) == NOTICES
    assert "12333" in texts.notice("gave_up")
    assert "{hotline}" not in str(texts.page)
    declared = (Path(wire.__file__).parents[1] / "frontend/src/config.ts").read_text(encoding="utf-8")
    declared = declared[declared.index("interface Texts") : declared.index("interface Language")]
    names = set(re.findall(r"readonly (\w+): (?:string|readonly string\[\]);", declared))
    server_side = {"noscript", "languages", "embed_open", "embed_close", "installed_name"}
    server_side |= {"consent", "consent_agree", "copy_link"}
    assert names == set(texts.page) - server_side
    assert set(texts.cantonese) < names


def test_a_damaged_text_file_is_named(tmp_path: Path) -> None:
    """A missing file, broken YAML and a missing sentence stop the start with a reason."""
    broken = tmp_path / "doors.yml"
    with pytest.raises(KnowledgeError):
        load_texts({}, broken)
    broken.write_text("notices: [", encoding="utf-8")
    with pytest.raises(KnowledgeError):
        load_texts({}, broken)
    whole = DOORS_FILE.read_text(encoding="utf-8")
    broken.write_text(re.sub(r"  slow: .*\n", "", whole), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="slow"):
        load_texts({}, broken)
