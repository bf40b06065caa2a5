"""Clean text the way the classifier and the answer parsers expect it."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

_TAG = re.compile(r"<[^<>]{0,200}>")
_SPACE = re.compile(r"\s+")
_REPEAT = re.compile(r"(.)\1{3,}")
_CONTENT = re.compile(r"[\w\u3400-\u9fff]")
_FILLER = re.compile(r"^(?:嗯+|呃+|额+|啊+|喂+|那个|就是说?|哦+|噢+|诶+|哎+)[,，。、!！ ]*")
# OpenCC's simplification changes these Cantonese words into other words.
_CANTONESE = str.maketrans(
    {"咁": "咁", "畀": "俾", "嚟": "嚟", "喺": "喺", "係": "系", "咗": "咗", "搵": "搵"}
)


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Return ``text`` with half-width forms, simplified characters, no tags, emoji or controls.

    The result never begins with ``/`` unless the input did: Rasa reads such text as an intent.
    """
    plain = unicodedata.normalize("NFKC", text)
    plain = _TAG.sub(" ", plain)
    plain = "".join(_keep(char) for char in plain)
    plain = _converter().convert(plain.translate(_CANTONESE))
    plain = _REPEAT.sub(r"\1\1\1", _SPACE.sub(" ", plain)).strip()
    if not text.startswith("/"):
        plain = plain.lstrip("/ ")
    return plain


def has_content(text: str) -> bool:
    """Say whether anything is left that can carry meaning (a letter, digit or character)."""
    return bool(_CONTENT.search(normalise(text)))


def strip_fillers(text: str) -> str:
    """Remove hesitations at the start: ``嗯，那个，是的`` becomes ``是的``."""
    previous = None
    while previous != text:
        previous = text
        text = _FILLER.sub("", text)
    return text


def _keep(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"So", "Sk", "Cs", "Co", "Cn", "Cf", "Me", "Mn"}:
        return ""
    return " " if category in {"Cc", "Zl", "Zp"} else char
