"""Pure repair of what a recogniser returns: widths, loops, echoes and inventions.

Whisper's faults were measured on telephone speech: it repeats its last clause, returns its own
prompt, writes full-width digits for pauses and recites subtitle credits over noise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

# Faster than any auctioneer: Mandarin is spoken at 4-6 syllables a second.
MAX_CHARS_PER_SECOND = 12.0
_MIN_LOOP_CHARS = 2
_ECHO_RUN = 3
_PUNCTUATION = str.maketrans({",": "，", "?": "？", "!": "！", ";": "；", ":": "：", "、": "、"})
_WORD = re.compile(r"[^\W_]")
# Credits that subtitle files taught the model; nobody says them to an employment service.
_INVENTED = re.compile(r"字幕|点赞|打赏支持|明镜与|点点栏目|独播剧场|Amara", re.IGNORECASE)


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def bare(text: str) -> str:
    """Return only the letters, digits and characters of ``text``."""
    return "".join(_WORD.findall(text))


def tidy(text: str) -> str:
    """Simplify characters, narrow full-width letters and digits, widen punctuation, drop debris."""
    narrowed = "".join(unicodedata.normalize("NFKC", char) if char.isalnum() else char for char in text)
    simplified: str = _simplifier().convert(narrowed.replace("\ufffd", ""))
    joined = re.sub(r"(?<=[\u3400-\u9fff0-9])\s+(?=[\u3400-\u9fff0-9])", "", simplified)
    # A comma between digits groups thousands; everywhere else it is a pause.
    joined = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", joined)
    # "在1家公司" is how it writes 一 before a measure word.
    joined = re.sub(r"(?<!\d)1(?=[家个份次点些下样直起])", "一", joined)
    spaced = re.sub(r"\s+", " ", joined.translate(_PUNCTUATION)).strip(" ，；：、-—…")
    return spaced if bare(spaced) else ""


def collapse_loops(text: str, *, repeats: int = 3) -> str:
    """Keep one copy of a stretch of two or more characters that is said ``repeats`` times in a row.

    A cut-off last copy goes too. "好好好" and "对对对" stay: one character repeated is speech,
    unless it fills five places or more.
    """
    minimum = max(repeats - 1, 1)
    loop = re.compile(rf"(.{{{_MIN_LOOP_CHARS},40}}?)\1{{{minimum},}}")
    while match := loop.search(text):
        unit = match.group(1)
        rest = text[match.end() :]
        if unit.startswith(rest):
            rest = ""
        if len(set(bare(unit))) == 1:
            unit = unit[0] * 2
        text = text[: match.start()] + unit + rest
    return re.sub(r"(.)\1{4,}", r"\1\1", text)


def is_looping(text: str) -> bool:
    """Tell whether a stretch comes back so often that the decoder must have been stuck."""
    return bool(re.search(r"(.{4,40}?)\1{1,}", bare(text))) or bool(re.search(r"(.{1,3}?)\1{4,}", bare(text)))


def is_echo(text: str, hints: Sequence[str]) -> bool:
    """Tell whether ``text`` recites the prompt: three hints in a row, in the prompt's own order.

    A citizen may do that too, so the caller decodes again without a prompt instead of dropping it.
    """
    heard = bare(text)
    words = [bare(hint) for hint in hints if bare(hint)]
    if not heard or not words:
        return False
    if len(words) < _ECHO_RUN:
        return len(words) > 1 and heard == "".join(words)
    runs = ("".join(words[i : i + _ECHO_RUN]) for i in range(len(words) - _ECHO_RUN + 1))
    return any(run in heard for run in runs)


def is_invented(text: str) -> bool:
    """Tell whether ``text`` is one of the credits that the model recites over noise."""
    return bool(_INVENTED.search(text))


def is_too_fast(text: str, speech_ms: int) -> bool:
    """Tell whether nobody could have said ``text`` in ``speech_ms``."""
    return len(bare(text)) > max(4.0, speech_ms / 1000 * MAX_CHARS_PER_SECOND)
