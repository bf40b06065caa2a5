"""Two questions in one message: 失业金怎么领？要带什么材料？ Pure."""

from __future__ import annotations

import re

from bot.answers.facets import detect_facet

MAX_PARTS = 3
_SHORTEST = 4  # characters without punctuation; 好吗？ asks nothing
_BREAK = re.compile(
    r"(?<=[?？!！。;；\n])|[,，、]?(?=(?:还有|另外|顺便|仲有|同埋|以及|还想问|再问|又想问)(?!没有|冇|什么))"
)
_ASKS = re.compile(
    r"[?？]|吗|呢$|怎么|怎样|如何|点样|点申请|点办|点计|几多|多少|几时|几耐|多久|什么|咩|边度|哪里|哪些|有没有|有冇|能不能|可不可以|可唔可以|得唔得|是不是|系咪|谁"
)
_LEAD = re.compile(
    r"^(?:还有|另外|顺便|仲有|同埋|以及|再)?(?:还|再|又)?(?:想|要)?(?:请)?问(?:一)?(?:下|问)?[,，:：]?|^(?:还有|另外|顺便|仲有|同埋|以及)(?:就是|就系)?[,，:：]?"
)


def split_questions(text: str) -> tuple[str, ...]:
    """Return the questions of a message, at most three; what is only told between them is left out."""
    parts: list[str] = []
    for piece in _BREAK.split(text):
        plain = _LEAD.sub("", piece.strip(" ,，。;；\n")).strip(" ,，")
        if len(re.sub(r"\W", "", plain)) >= _SHORTEST and asks(plain):
            parts.append(plain)
    return tuple(parts[:MAX_PARTS])


def asks(text: str) -> bool:
    """Say whether a text puts a question."""
    return bool(_ASKS.search(text)) or detect_facet(text) is not None
