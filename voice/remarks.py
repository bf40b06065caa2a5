"""What somebody says that is no answer to us. Pure."""

from __future__ import annotations

from enum import Enum

from voice.perceptions import Heard
from voice.speaking import Spoken
from voice.turns import Turn, judge
from voice.words import VoiceWords

# Who heard that much of a sentence can answer it.
_UNDERSTOOD_SHARE = 0.6


class Remark(Enum):
    """What an utterance is."""

    ANSWER = "answer"
    GREETING = "greeting"  # said before we had said anything
    HOLD = "hold"  # 等一下: keep silent
    ASSENT = "assent"  # "go on": they had not even heard what we ask


def remark_of(heard: Heard, spoken: Spoken, words: VoiceWords, *, first: bool) -> Remark:
    """Judge an utterance against what we last said; ``first``: that was our first reply."""
    if first and heard.end_ms <= spoken.start_ms:
        return Remark.GREETING
    if judge(heard.text, words) is Turn.WAIT:
        return Remark.HOLD
    if spoken.unsaid and words.is_back_channel(heard.text):
        unasked = len(spoken.unsaid) > 1 or spoken.share < _UNDERSTOOD_SHARE
        return Remark.ASSENT if unasked else Remark.ANSWER
    return Remark.ANSWER
