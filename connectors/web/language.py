"""The writing a citizen reads: simplified, traditional, or traditional beside spoken Cantonese. Pure.

The core speaks written Chinese in simplified characters; other writings are made when an entry of the
log is read, so that a switch of the language also turns what was said before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

import opencc

from connectors.types import Event, LogPage
from core.errors import BadInput


class Language(StrEnum):
    """A tag of BCP 47; what a browser's voice is asked for, too."""

    MANDARIN = "zh-CN"
    CANTONESE = "yue-HK"
    TRADITIONAL = "zh-TW"


def parse_language(value: str) -> Language:
    """Read the parameter ``lang``; empty is Mandarin. Raises ``BadInput``."""
    try:
        return Language(value or Language.MANDARIN)
    except ValueError:
        raise BadInput(f"lang: one of {', '.join(Language)}") from None


def written(value: Any, language: Language) -> Any:
    """Return a text, or every text of a tree, in the characters of ``language``."""
    if language is Language.MANDARIN:
        return value
    if isinstance(value, str):
        return _traditional(value)
    if isinstance(value, Mapping):
        return {key: written(item, language) for key, item in value.items()}
    return [written(item, language) for item in value]


def page_in(page: LogPage, language: Language) -> LogPage:
    """Return log entries in ``language``; ids, codes and addresses stay."""
    if language is Language.MANDARIN:
        return page
    return replace(page, events=tuple(_event_in(event) for event in page.events))


def _event_in(event: Event) -> Event:
    return replace(
        event,
        text=_traditional(event.text),
        spoken=_traditional(event.spoken),
        buttons=tuple(
            replace(button, title=_traditional(button.title), text=_traditional(button.text))
            for button in event.buttons
        ),
        sources=tuple(
            replace(source, title=_traditional(source.title), document=_traditional(source.document))
            for source in event.sources
        ),
    )


@cache
def _converter() -> Any:
    return opencc.OpenCC("s2hk")


@lru_cache(maxsize=4096)
def _traditional(text: str) -> str:
    return str(_converter().convert(text))
