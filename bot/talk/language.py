"""Is somebody speaking Cantonese? Read from words that written Mandarin does not use."""

from __future__ import annotations

import re

CANTONESE = "cantonese"
MANDARIN = "mandarin"

# After conversion to simplified characters (bot.chinese.text.normalise).
_CANTONESE = re.compile(
    r"[嘅咗喺冇哋嚟嗰揾攞咩睇啱嘢瞓嘥噉㗎佢啲乜]|唔(?:系|该|知|想|要|使|得|好|识|会|可|去|做|啱|方便|明|记)|"
    r"点(?:样|解|算|办|攞)|几(?:多|时|耐)|边(?:度|个|位|样)|系(?:咪|度|啊|呀)|而家|听日|琴日|返工|收工|得唔得|早晨"
)
_ASKS_CANTONESE = re.compile(r"(?:讲|说|用)(?:下|返)?(?:粤语|广东话|广州话|白话)")
_ASKS_MANDARIN = re.compile(r"(?:讲|说|用)(?:下|返)?(?:普通话|国语)|听不懂(?:粤语|广东话|白话)")


def language_of(text: str, before: str = "") -> str:
    """Return the language to answer in: asked for, else heard, else as ``before`` (sticky)."""
    if _ASKS_MANDARIN.search(text):
        return MANDARIN
    if _ASKS_CANTONESE.search(text) or (before != MANDARIN and _CANTONESE.search(text)):
        return CANTONESE
    return before


def asks_language(text: str) -> bool:
    """Say whether somebody asks for a language and for nothing else."""
    return len(text) <= 14 and bool(_ASKS_MANDARIN.search(text) or _ASKS_CANTONESE.search(text))
