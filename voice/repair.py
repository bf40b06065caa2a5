"""Mends by sound what a recogniser wrote for the words that the open question allows: 立湾区 → 荔湾区.

The candidates are the hints of the open question, so nothing is bent towards a word that nobody expects
here. Only what sounds the same, tones apart, or differs by a pair that speakers of Cantonese merge (n/l,
zh/z, -n/-ng) is mended; each such pair costs confidence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from functools import lru_cache

from core.types import AudioFrame, Transcript
from voice.interfaces import Recognizer
from voice.words import bare

_SHORTEST = 2
_MERGED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n"), ("r", "l"), ("f", "h"))
_PER_PAIR = 0.85  # of the confidence is left for every merged pair
_SAME_SOUND = 0.95  # … and for other characters of the same sound


class RepairingRecognizer:
    """``Recognizer`` around another one: what it hears is mended from the hints it is given."""

    def __init__(self, inner: Recognizer) -> None:
        self.inner = inner
        self.streaming = inner.streaming

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        """See ``voice.interfaces.Recognizer``."""
        async for heard in self.inner.transcribe(frames, hints):
            text, share = repaired(heard.text, hints)
            yield replace(heard, text=text, confidence=round(heard.confidence * share, 3))


def repaired(text: str, candidates: Iterable[str]) -> tuple[str, float]:
    """Return ``text`` with one misheard candidate put right, and what is left of its confidence (0-1)."""
    known = [word for word in dict.fromkeys(candidates) if len(word) >= _SHORTEST]
    if not text or any(word in text for word in known):
        return text, 1.0
    found = [match for word in known if (match := _find(text, word)) is not None]
    if not found:
        return text, 1.0
    best = max(share for share, _, _ in found)
    mended = {
        text[:place] + word + text[place + len(word) :] for share, place, word in found if share == best
    }
    # Two candidates that sound alike: nobody knows which was meant.
    return (mended.pop(), best) if len(mended) == 1 else (text, 1.0)


def _find(text: str, word: str) -> tuple[float, int, str] | None:
    """Where ``word`` is hidden in ``text``; two characters count only where little else was said."""
    size = len(word)
    wanted = _sounds(word)
    for place in range(len(text) - size + 1):
        if size == _SHORTEST and len(bare(text)) > size + 1:
            return None
        share = _alike(_sounds(text[place : place + size]), wanted)
        if share:
            return share, place, word
    return None


def _alike(said: tuple[str, ...], wanted: tuple[str, ...]) -> float:
    if len(said) != len(wanted) or not all(said):
        return 0.0
    share = _SAME_SOUND
    for one, other in zip(said, wanted, strict=True):
        if one != other:
            if _merge(one) != _merge(other):
                return 0.0
            share *= _PER_PAIR
    return share


def _merge(syllable: str) -> str:
    for longer, shorter in _MERGED:
        if syllable.startswith(longer):
            syllable = shorter + syllable[len(longer) :]
            break
    return syllable[:-1] if syllable.endswith("ng") else syllable


@lru_cache(maxsize=4096)
def _sounds(text: str) -> tuple[str, ...]:
    """Return one syllable without tone per Chinese character; other characters have none."""
    from pypinyin import Style, lazy_pinyin

    return tuple(
        lazy_pinyin(char, style=Style.NORMAL)[0] if "\u4e00" <= char <= "\u9fff" else "" for char in text
    )
