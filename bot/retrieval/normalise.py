"""One spelling for what people type: simplified, half-width, Mandarin question words.

The replacements only serve matching; nobody sees the normalised text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import yaml

MAX_CHARS = 200  # a question is shorter; what comes after would only drown it

_TAG = re.compile(r"<[^<>]{0,200}>")
_KEEP = re.compile(r"[0-9a-z一-鿿㐀-䶿]+")


def normalise(text: str) -> str:
    """Only Chinese characters, Latin letters and digits, in one spelling; at most ``MAX_CHARS``."""
    plain = unicodedata.normalize("NFKC", _TAG.sub(" ", text[: MAX_CHARS * 5])).lower()
    # OpenCC first: it also maps 點樣 and 幾多 to the characters that the table uses.
    simplified = str(_converter().convert(plain))
    pattern, table = _cantonese()
    mandarin = pattern.sub(lambda match: table[match.group()], simplified)
    return " ".join(_KEEP.findall(mandarin))[:MAX_CHARS].strip()


@cache
def _cantonese() -> tuple[re.Pattern[str], dict[str, str]]:
    path = Path(__file__).with_name("cantonese.yaml")
    table: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Longest first, so that 有冇 is not taken for 冇.
    keys = sorted(table, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, keys))), table


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")
