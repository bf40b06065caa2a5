"""How a sentence is to be said: at which speed, in which variety. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Characters of written Cantonese that Mandarin does not use (or not so).
_CANTONESE = re.compile(r"[嘅咗喺唔冇佢哋啲嚟㗎乜揾搵畀嗰噉喇咁啱谂嘢仲咩嘥瞓睇]|系咪|边度|几多|唔该|而家")
SLOWEST, FASTEST = 0.6, 1.5


@dataclass(frozen=True, slots=True)
class Manner:
    """``pace`` 1.0 is the voice's own speed, 0.8 is slower; ``cantonese`` asks for the Cantonese voice."""

    pace: float = 1.0
    cantonese: bool = False

    @classmethod
    def of(cls, text: str, pace: float = 1.0) -> Manner:
        """Judge a whole reply: its single clauses may look alike in both varieties."""
        return cls(min(max(pace, SLOWEST), FASTEST), is_cantonese(text))


def is_cantonese(text: str) -> bool:
    """Whether ``text`` is written Cantonese."""
    return _CANTONESE.search(text) is not None
