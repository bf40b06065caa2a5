"""The platforms' XML, read without trust and written safely. Pure.

A document type, an entity declaration, deep nesting, many elements or many bytes end the reading at
once, so neither an entity bomb nor an external entity can do anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from core.errors import BadInput, TooLarge

MAX_BYTES = 64 * 1024
_MAX_DEPTH = 6
_MAX_ELEMENTS = 200

# What XML 1.0 cannot hold at all, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Fields = dict[str, Any]
"""Tag to text, to nested ``Fields``, or to a list of either where a tag repeats."""


class _Reader:
    def __init__(self) -> None:
        self.stack: list[tuple[str, Fields, list[str]]] = []
        self.root: Fields = {}
        self._elements = 0

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if len(self.stack) >= _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise BadInput("XML: nested too deeply or too many elements")
        self.stack.append((tag, {}, []))

    def text(self, data: str) -> None:
        if self.stack:
            self.stack[-1][2].append(data)

    def end(self, _tag: str) -> None:
        tag, children, words = self.stack.pop()
        if not self.stack:
            self.root = children
            return
        value: Any = children or "".join(words)
        parent = self.stack[-1][1]
        if tag not in parent:
            parent[tag] = value
        elif isinstance(parent[tag], list):
            parent[tag].append(value)
        else:
            parent[tag] = [parent[tag], value]


def parse_xml(data: bytes, *, max_bytes: int = MAX_BYTES) -> Fields:
    """Return what stands below the root element.

    Raises:
        TooLarge: more than ``max_bytes``.
        BadInput: not well-formed, a document type or entity, too deep, or nothing in it.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"XML: more than {max_bytes} bytes")
    reader = _Reader()
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadInput(f"XML: not well-formed (line {error.lineno})") from None
    if not reader.root:
        raise BadInput("XML: nothing in it")
    return reader.root


def text_of(fields: Fields, tag: str, default: str | None = None) -> str:
    """Return the text of ``tag``; ``default`` when it is missing. Raises ``BadInput``."""
    value = fields.get(tag, default)
    if not isinstance(value, str):
        raise BadInput(f"XML: {tag} is missing or is not text")
    return value


def render_xml(fields: Mapping[str, Any]) -> bytes:
    """Write ``<xml>…</xml>``: texts as CDATA, whole numbers bare, mappings nested."""
    return f"<xml>{_inside(fields)}</xml>".encode()


def clean(text: str) -> str:
    """Drop what XML cannot hold (control characters, lone surrogates); line breaks and emoji stay."""
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _inside(fields: Mapping[str, Any]) -> str:
    return "".join(f"<{escape(tag)}>{_value(value)}</{escape(tag)}>" for tag, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _inside(value)
    if isinstance(value, int):
        return str(value)
    # A CDATA section ends at its first "]]>": cut the text there and go on in another section.
    return "<![CDATA[" + clean(str(value)).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _refuse(*_declaration: object) -> int:
    raise BadInput("XML: a document type or an entity is not allowed")
