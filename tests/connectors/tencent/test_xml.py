"""XML from outside: what is read, and what ends the reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.tencent.xml import MAX_BYTES, clean, parse_xml, render_xml, text_of
from core.errors import BadInput, TooLarge

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><xml><Content>&c;</Content></xml>'
)
QUADRATIC = b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 20_000 + b'">]><xml><C>' + b"&a;" * 5_000 + b"</C></xml>"
EXTERNAL = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><C>&f;</C></xml>'
PARAMETER = b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><xml><C>1</C></xml>'
DOCTYPE = b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd"><xml><C>1</C></xml>'


@pytest.mark.parametrize("data", [BOMB, QUADRATIC, EXTERNAL, PARAMETER, DOCTYPE])
def test_bombs_and_external_entities_are_refused(data: bytes) -> None:
    """A document type ends the reading before anything in it is expanded or fetched."""
    with pytest.raises(BadInput, match=r"document type|more than"):
        parse_xml(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        b"<xml>",
        b"<xml></xml>",
        b"<xml>text only</xml>",
        b"<xml><a></b></xml>",
        b"<xml><a>1</a></xml><xml/>",
        b"\xff\xfe<xml/>",
        b"<xml><a>\xff</a></xml>",
        b"<xml><a>&unknown;</a></xml>",
        b"<xml><a>\x00</a></xml>",
        b"<a>" * 10 + b"x" + b"</a>" * 10,
        b"<xml>" + b"<a>1</a>" * 300 + b"</xml>",
    ],
)
def test_malformed_documents_are_bad_input(data: bytes) -> None:
    """Whatever is not a flat document of ours is a named error that quotes nothing."""
    with pytest.raises(BadInput) as caught:
        parse_xml(data)
    assert "text only" not in str(caught.value)


def test_ten_megabytes_are_not_read() -> None:
    """The size is looked at first."""
    with pytest.raises(TooLarge, match=str(MAX_BYTES)):
        parse_xml(b"<xml><a>" + b"x" * 10_000_000 + b"</a></xml>")


def test_texts_nested_parts_and_repeats_are_kept() -> None:
    """CDATA, escapes, nested elements and repeated ones read as they were meant."""
    document = "<xml><A><![CDATA[<你好> & 😀]]></A><B>&lt;1&gt;</B><C><D>x</D></C><E>1</E><E>2</E><F/></xml>"
    fields = parse_xml(document.encode())
    assert fields == {"A": "<你好> & 😀", "B": "<1>", "C": {"D": "x"}, "E": ["1", "2"], "F": ""}


def test_a_tag_that_is_not_text_is_bad_input() -> None:
    """A missing, repeated or nested tag is not mistaken for text."""
    fields = parse_xml(b"<xml><A>1</A><A>2</A><B><C>x</C></B></xml>")
    for tag in ("A", "B", "Missing"):
        with pytest.raises(BadInput, match=tag):
            text_of(fields, tag)
    assert text_of(fields, "Missing", "") == ""


@given(st.text())
def test_any_text_survives_writing_and_reading(text: str) -> None:
    """What is written reads back as its clean self: no text can break out of its CDATA section."""
    fields = parse_xml(render_xml({"Content": text, "Time": 12}))
    assert fields == {"Content": clean(text), "Time": "12"}


@pytest.mark.parametrize(
    "text", ["]]>", "a]]>b]]]]>>", "第一行\n第二行", "👨‍👩‍👧‍👦 ✓", "<![CDATA[x]]>", "</Content><B>1</B>"]
)
def test_the_awkward_texts_survive(text: str) -> None:
    """Section ends, line breaks, joined emoji and markup come out as they went in."""
    assert parse_xml(render_xml({"Content": text}))["Content"] == text


def test_what_xml_cannot_hold_is_dropped() -> None:
    """Control characters and lone surrogates go; Windows line breaks become plain ones."""
    assert clean("a\x00\x0b\ud800b\r\nc\rd") == "ab\nc\nd"
