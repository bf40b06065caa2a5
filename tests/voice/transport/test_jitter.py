"""The jitter buffer: order, loss, pauses, drift; with its own arrival schedule instead of time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import AudioFrame
from tests.voice.transport.sounds import ms_of, purity, tone
from voice.transport.jitter import SILENCE, JitterBuffer


def run(arrivals: list[tuple[int, int]], ticks: int, samples: int = 160) -> tuple[list[bytes], JitterBuffer]:
    """Deliver packet n of a 700 Hz tone at tick t for every (t, n); return what was played."""
    sound = b"".join(frame.pcm for frame in tone(700, 20_000))
    buffer = JitterBuffer()
    played = []
    for tick in range(ticks):
        for _, number in [pair for pair in arrivals if pair[0] == tick]:
            start = number * samples * 2
            stamp = (0xFFFFFF00 + number * samples) & 0xFFFFFFFF  # wraps early in every test
            buffer.put(stamp, sound[start : start + samples * 2])
        played.append(buffer.tick())
    return played, buffer


def heard_ms(played: list[bytes]) -> int:
    return ms_of([AudioFrame(pcm, 8000) for pcm in played], 700)


def test_an_even_stream_comes_out_whole_after_40_ms() -> None:
    """Nothing lost, nothing concealed, one frame per tick, also over the time stamp's wrap."""
    played, buffer = run([(n, n) for n in range(100)], 110)
    assert {len(frame) for frame in played} == {320}
    assert 2000 <= heard_ms(played) <= 2060  # the end fades out
    assert (buffer.concealed, buffer.late) == (0, 0)
    first = next(i for i, frame in enumerate(played) if purity(frame, 700) > 0.8)
    assert first <= 2


@pytest.mark.parametrize("samples", [80, 160, 240, 320, 480])
def test_any_packet_length_of_whole_10_ms_is_played(samples: int) -> None:
    """Packets of 10 to 60 ms give the same sound."""
    step = samples / 160
    arrivals = [(int(n * step), n) for n in range(int(100 / step))]
    played, buffer = run(arrivals, 115, samples)
    assert heard_ms(played) >= 1960
    assert buffer.concealed == 0


def test_reordered_packets_come_out_in_order() -> None:
    """Neighbours that swapped places are not heard as such."""
    swapped = [(n, n ^ 1) for n in range(100)]
    played, buffer = run(swapped, 110)
    assert heard_ms(played) >= 1960
    assert buffer.late <= 1


def test_lost_packets_are_concealed_without_a_jump() -> None:
    """Every tenth packet missing: the rest stays in its place."""
    played, buffer = run([(n, n) for n in range(100) if n % 10 != 5], 110)
    assert buffer.concealed == 20
    assert heard_ms(played) >= 1780


def test_a_pause_of_the_sender_is_silence_and_nothing_more() -> None:
    """After half a second without packets the stream goes on at once."""
    early = [(n, n) for n in range(25)]
    later = [(n, n) for n in range(50, 75)]
    played, _ = run(early + later, 100)
    assert heard_ms(played[30:48]) == 0
    assert played[45] == SILENCE
    assert heard_ms(played[50:]) >= 480


def test_late_packets_make_the_buffer_deeper() -> None:
    """A stall of 80 ms is bridged once, and the same stall again loses less."""
    arrivals = []
    for n in range(200):
        stalled = n % 50 in {10, 11, 12, 13}
        arrivals.append((n - n % 50 + 14 if stalled else n, n))
    played, buffer = run(arrivals, 215)
    assert heard_ms(played) >= 3600
    assert buffer.late <= 8


def test_a_fast_sender_does_not_pile_up_delay() -> None:
    """A clock 2 % ahead for 16 s must not end in a backlog of 320 ms."""
    arrivals = [(int(n / 1.02), n) for n in range(816)]
    _, buffer = run(arrivals, 800)
    assert len(buffer._slots) <= 30


def test_a_new_source_starts_afresh() -> None:
    """A time stamp far away is a new stream, not a gap of hours."""
    buffer = JitterBuffer()
    sound = b"".join(frame.pcm for frame in tone(700, 1000))
    played = []
    for n in range(20):
        buffer.put(n * 160, sound[n * 320 : n * 320 + 320])
        played.append(buffer.tick())
    for n in range(20):
        buffer.put(500_000_000 + n * 160, sound[n * 320 : n * 320 + 320])
        played.append(buffer.tick())
    assert heard_ms(played[25:]) >= 240


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 700)), max_size=60))
def test_any_packet_gives_one_frame_per_tick(packets: list[tuple[int, int]]) -> None:
    """Whatever arrives, a tick gives 320 bytes and the buffer stays small."""
    buffer = JitterBuffer()
    for stamp, size in packets:
        buffer.put(stamp, bytes(size))
        assert len(buffer.tick()) == 320
    assert len(buffer._slots) < 200
    assert not np.frombuffer(buffer.tick(), dtype="<i2").any()


def test_what_a_stall_piled_up_is_caught_up_with_in_pauses() -> None:
    """300 ms that arrive at once are played whole; the delay is gone when the speaker has paused."""
    words = b"".join(frame.pcm for frame in tone(700, 1000)) + bytes(16 * 1000)
    sound = words * 4
    buffer = JitterBuffer()
    waiting = []
    for tick in range(300):
        due = range(10, 26) if tick == 25 else () if 10 <= tick < 25 else (tick,)
        for number in due:
            buffer.put(number * 160, sound[number * 320 : number * 320 + 320])
        buffer.tick()
        waiting.append(len(buffer._slots))
    assert waiting[30] > 20
    assert waiting[120] <= 10
