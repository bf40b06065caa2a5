"""The contract of ``CallTransport`` and ``Call``: the loopback fake and real SIP both keep it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from core.errors import BadInput, CallError
from core.types import AudioFrame
from tests.voice.transport.lines import EARLY_HZ, FAR_HZ, LINES, OUR_HZ, Far, story, task_for, until
from tests.voice.transport.sounds import ms_of, tone


@pytest.fixture(params=["loopback", pytest.param("sip", marks=pytest.mark.sip)])
def line(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Open a line to a far end: ``async with line(Far(...)) as open_line``."""

    def open_line(far: Far, ring_timeout_s: float = 30.0) -> Any:
        return LINES[request.param](far, ring_timeout_s)

    return open_line


async def test_an_answered_call_tells_its_story_in_order(line: Callable[..., Any]) -> None:
    """Ringing, answered, and the hang-up as the last event, with times that never go back."""
    async with line(Far()) as at, at.dial() as call:
        await until(call, "answered")
        await call.hangup()
        events = await story(call)
    assert [event.kind for event in events] == ["ringing", "answered", "hung_up"]
    assert events[-1].detail["by"] == "us"
    assert [e.at_ms for e in events] == sorted(e.at_ms for e in events)


async def test_what_the_far_end_says_arrives_without_gaps(line: Callable[..., Any]) -> None:
    """Frames follow each other every 20 ms, carry the tone that was spoken, and end with the call."""
    far = Far(deeds=((100, "say", 400), (800, "hang_up", None)))
    async with line(far) as at, at.dial() as call:
        frames = [frame async for frame in call.frames()]
    assert {b.at_ms - a.at_ms for a, b in pairwise(frames)} == {20}
    assert {len(frame.pcm) for frame in frames} == {320}
    assert 360 <= ms_of(frames, FAR_HZ) <= 440
    assert len(frames) * 20 >= 700


async def test_what_is_played_is_heard_at_the_far_end(line: Callable[..., Any]) -> None:
    """``play`` returns when all of it was sent, and says how much that was."""
    far = Far()
    async with line(far) as at, at.dial() as call:
        assert await call.play(tone(OUR_HZ, 400)) == 400
        await at.wait(200)
    assert 360 <= ms_of(far.heard, OUR_HZ) <= 440


async def test_clear_stops_speech_within_a_frame(line: Callable[..., Any]) -> None:
    """After ``clear`` at most one more frame leaves, and ``play`` returns what really left."""
    far = Far()
    async with line(far) as at, at.dial() as call:
        await until(call, "answered")
        playing = asyncio.create_task(call.play(tone(OUR_HZ, 3000)))
        await at.wait(400)
        call.clear()
        sent = await playing
        await at.wait(300)
    assert 200 <= sent <= 600
    assert sent - 60 <= ms_of(far.heard, OUR_HZ) <= sent + 20


async def test_speech_queues_and_a_cancelled_speaker_takes_his_words_along(line: Callable[..., Any]) -> None:
    """Two plays follow each other; a cancelled one is not heard."""
    far = Far()
    async with line(far) as at, at.dial() as call:
        first = asyncio.create_task(call.play(tone(OUR_HZ, 300)))
        await at.wait(20)
        unwanted = asyncio.create_task(call.play(tone(1900, 300)))
        await at.wait(20)
        last = asyncio.create_task(call.play(tone(FAR_HZ, 300)))
        await at.wait(20)
        unwanted.cancel()
        assert await first == 300
        assert await last == 300
        await at.wait(200)
    assert ms_of(far.heard, 1900) == 0
    tones = [hz for frame in far.heard for hz in (OUR_HZ, FAR_HZ) if ms_of([frame], hz)]
    assert tones == sorted(tones, reverse=True)
    assert set(tones) == {OUR_HZ, FAR_HZ}


@pytest.mark.parametrize(
    ("code", "disposition"), [(486, "busy"), (603, "rejected"), (480, "no_answer"), (404, "empty_number")]
)
async def test_a_refusal_names_its_disposition(line: Callable[..., Any], code: int, disposition: str) -> None:
    """A final status ends the events, the frames and any speech that waits."""
    async with line(Far(reject=code)) as at, at.dial() as call:
        speech = asyncio.create_task(call.play(tone(OUR_HZ, 100)))
        last = (await story(call))[-1]
        assert [frame async for frame in call.frames()] == []
        assert await speech == 0
        assert await call.play(tone(OUR_HZ, 100)) == 0
    assert last.kind == "rejected"
    assert (last.detail["code"], last.detail["disposition"]) == (code, disposition)


async def test_nobody_answers(line: Callable[..., Any]) -> None:
    """After the ring time-out the call has failed as no_answer."""
    async with line(Far(answers=False), ring_timeout_s=0.5) as at, at.dial() as call:
        last = (await story(call))[-1]
    assert (last.kind, last.detail["disposition"]) == ("failed", "no_answer")
    assert 400 <= last.at_ms <= 1500


async def test_hanging_up_while_it_rings(line: Callable[..., Any]) -> None:
    """The call ends as hung up by us, and a second hang-up does no harm."""
    async with line(Far(answers=False)) as at, at.dial() as call:
        await until(call, "ringing")
        await call.hangup()
        await call.hangup()
        last = (await story(call))[-1]
    assert (last.kind, last.detail["by"]) == ("hung_up", "us")


async def test_the_far_end_hangs_up_in_mid_sentence(line: Callable[..., Any]) -> None:
    """``play`` returns the part that was sent."""
    async with line(Far(deeds=((300, "hang_up", None),))) as at, at.dial() as call:
        sent = await call.play(tone(OUR_HZ, 3000))
        last = (await story(call))[-1]
    assert 100 <= sent <= 600
    assert (last.kind, last.detail["by"]) == ("hung_up", "far")


async def test_early_media_is_heard_before_a_refusal(line: Callable[..., Any]) -> None:
    """The network's announcement arrives as frames, then comes the refusal."""
    async with line(Far(early_ms=400, ring_ms=400, reject=404)) as at, at.dial() as call:
        frames = [frame async for frame in call.frames()]
        kinds = [event.kind for event in await story(call)]
    assert 300 <= ms_of(frames, EARLY_HZ) <= 440
    assert kinds == ["ringing", "early_media", "rejected"]


async def test_keys(line: Callable[..., Any]) -> None:
    """Each key press is one event."""
    far = Far(deeds=((60, "press", "5"), (400, "press", "#"), (800, "hang_up", None)))
    async with line(far) as at, at.dial() as call:
        events = await story(call)
    assert [event.detail["digit"] for event in events if event.kind == "dtmf"] == ["5", "#"]


async def test_a_tap_hears_both_legs_on_one_time_line(line: Callable[..., Any]) -> None:
    """Whatever is read, the tap gets every frame heard and every frame sent, with its time."""

    class Tap:
        def __init__(self) -> None:
            self.left: list[AudioFrame] = []
            self.right: list[AudioFrame] = []

        def heard(self, frame: AudioFrame) -> None:
            self.left.append(frame)

        def sent(self, frame: AudioFrame) -> None:
            self.right.append(frame)

    tap = Tap()
    async with line(Far(deeds=((0, "say", 300),))) as at, at.dial() as call:
        call.tap = tap
        await call.play(tone(OUR_HZ, 200))
        await at.wait(300)
    assert len(tap.right) == 10
    assert {frame.at_ms for frame in tap.right} <= {frame.at_ms for frame in tap.left}
    assert ms_of(tap.left, FAR_HZ) >= 240


@pytest.mark.parametrize("address", ["", "陈小明", "sip:", "sips:a@b", "sip:a@b:99999", "1380013\r\n8000x"])
async def test_a_bad_address_is_refused_before_anything_rings(line: Callable[..., Any], address: str) -> None:
    """``CallError``, and its text does not repeat the address."""
    async with line(Far()) as at:
        with pytest.raises(CallError) as caught:
            async with at.transport.dial(task_for(address)):
                pytest.fail("it rang")
    assert not address or address not in str(caught.value)


async def test_audio_of_another_rate_is_refused(line: Callable[..., Any]) -> None:
    """A call speaks 8 kHz."""
    async with line(Far()) as at, at.dial() as call:
        with pytest.raises(BadInput, match="8000 Hz"):
            await call.play([AudioFrame(bytes(640), 16000)])
