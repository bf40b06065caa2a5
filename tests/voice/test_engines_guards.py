"""Repair of what recognisers return, and the audio helpers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import AudioFrame
from voice.engines import guards, pcm


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("我住在荔灣區", "我住在荔湾区"),
        ("我３月份上班", "我3月份上班"),
        ("不用了,谢谢!", "不用了，谢谢！"),
        ("工资5,000块", "工资5000块"),
        ("在1家公司", "在一家公司"),
        ("在11家公司", "在11家公司"),
        ("我 是 本 人", "我是本人"),
        ("荔湾区\ufffd，", "荔湾区"),
        ("……，", ""),
        ("", ""),
    ],
)
def test_tidy_writes_one_form(raw: str, expected: str) -> None:
    """Traditional characters, full-width digits, ASCII punctuation and debris become one plain form."""
    assert guards.tidy(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("可以方便可以方便可以方便可以方便可以方", "可以方便"),
        ("我想找工作", "我想找工作"),
        ("好好好", "好好好"),
        ("对对", "对对"),
        ("啊啊啊啊啊啊啊啊啊", "啊啊"),
        ("想找保安。想找保安。想找保安。想", "想找保安。"),
    ],
)
def test_loops_collapse_to_one_copy(raw: str, expected: str) -> None:
    """A stuck decoder's repetitions are cut to one copy; emphatic repetition of people stays."""
    assert guards.collapse_loops(raw) == expected


@given(st.text(alphabet="好的我想是ab，。", max_size=60))
def test_collapsing_ends_and_never_lengthens(text: str) -> None:
    """Whatever the text, collapsing terminates, is stable and adds nothing."""
    once = guards.collapse_loops(text)
    assert len(once) <= len(text)
    assert guards.collapse_loops(once) == once


def test_a_recited_prompt_is_an_echo_and_one_named_district_is_not() -> None:
    """Three hints in the prompt's order are suspicious, an answer that uses a hint is not."""
    hints = ("荔湾区", "天河区", "越秀区", "保安")
    assert guards.is_echo("荔湾区、天河区、越秀区", hints)
    assert not guards.is_echo("我住在天河区", hints)
    assert not guards.is_echo("越秀区、荔湾区", hints)
    assert not guards.is_echo("", hints)


def test_credits_and_impossible_speed_are_recognised() -> None:
    """Subtitle credits and more characters than a mouth can say are called what they are."""
    assert guards.is_invented("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目")
    assert not guards.is_invented("我想转发给我太太")
    assert guards.is_too_fast("我现在没有工作在家里等通知", 500)
    assert not guards.is_too_fast("好的，可以", 600)


def test_normalising_brings_quiet_and_loud_speech_to_one_level() -> None:
    """Speech 30 dB apart leaves within half a decibel of the telephone level, without clipping."""
    rng = np.random.default_rng(3)
    speech = (rng.normal(0, 0.05, 8000)).astype(np.float32)
    levels = [pcm.level_dbov(pcm.normalise(speech * gain, 8000)) for gain in (0.1, 1.0, 3.0)]
    assert all(abs(level - pcm.SPEECH_LEVEL_DBOV) < 1.5 for level in levels)
    assert float(np.abs(pcm.normalise(speech * 10, 8000)).max()) <= pcm.PEAK + 1e-6


def test_trimming_keeps_the_speech_and_drops_the_silence() -> None:
    """A tone between two seconds of silence comes out as the tone and its margins."""
    tone = np.sin(np.arange(4000) * 0.3).astype(np.float32)
    padded = np.concatenate([np.zeros(8000, np.float32), tone, np.zeros(8000, np.float32)])
    assert 4000 <= pcm.trim_silence(padded, 8000).size <= 4000 + 2 * 240 + 160
    assert pcm.trim_silence(np.zeros(100, np.float32), 8000).size == 0


async def test_frames_are_whole_and_collect_restores_them() -> None:
    """Audio cut into 20 ms frames and gathered again is the same, with its place in time."""
    audio = np.arange(1000, dtype="<i2").tobytes()
    frames = list(pcm.to_frames(audio, start_ms=400))
    assert {len(frame.pcm) for frame in frames} == {pcm.FRAME_BYTES}

    async def stream():
        for frame in frames:
            yield frame

    heard = await pcm.collect(stream())
    assert (heard.start_ms, heard.end_ms) == (400, 400 + 20 * len(frames))
    assert pcm.to_pcm(heard.samples)[: len(audio)] == audio


async def test_collecting_nothing_gives_no_samples() -> None:
    """An utterance without a frame is empty instead of an error."""

    async def nothing():
        for frame in ():
            yield AudioFrame(frame, 8000)

    heard = await pcm.collect(nothing())
    assert (heard.samples.size, heard.start_ms, heard.end_ms) == (0, 0, 0)
