"""End-pointing, barge-in and turn-taking on virtual frames."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.endpointing import Endpointer, EndpointRules, Pace, SpeechEnded, SpeechStarted, pace_of
from voice.interfaces import FRAME_MS
from voice.turntaking import Discarded, Floor, Interrupted, Signal, Silence, TurnTaker
from voice.words import load_words

WORDS = load_words()
RULES = EndpointRules()


class Leg:
    """Feeds a turn-taker and remembers what it signalled."""

    def __init__(self, silence_ms: int = 6000) -> None:
        self.turns = TurnTaker(RULES, WORDS, barge_in_ms=250, silence_ms=silence_ms)
        self.at_ms = 0
        self.signals: list[Signal] = []

    def feed(self, ms: int, probability: float, partial: str = "") -> list[Signal]:
        new: list[Signal] = []
        for _ in range(ms // FRAME_MS):
            new += self.turns.feed(self.at_ms, probability, partial)
            self.at_ms += FRAME_MS
        self.signals += new
        return new

    def speech(self, ms: int, partial: str = "") -> list[Signal]:
        return self.feed(ms, 0.9, partial)

    def quiet(self, ms: int, partial: str = "") -> list[Signal]:
        return self.feed(ms, 0.05, partial)


def ends(signals: Iterable[Signal]) -> list[SpeechEnded]:
    return [signal for signal in signals if isinstance(signal, SpeechEnded)]


def listening_leg(silence_ms: int = 6000) -> Leg:
    leg = Leg(silence_ms)
    leg.quiet(600)
    leg.turns.bot_done(leg.at_ms)
    return leg


@pytest.mark.parametrize(
    ("partial", "pace"),
    [
        ("", Pace.UNKNOWN),
        ("。", Pace.UNKNOWN),
        ("是的。", Pace.QUICK),
        ("不方便", Pace.QUICK),
        ("我在天河区", Pace.STEADY),
        ("我的电话是一三八", Pace.PATIENT),
        ("大概四千", Pace.PATIENT),
        ("嗯…", Pace.PATIENT),
        ("不想做了，因为", Pace.PATIENT),
    ],
)
def test_a_partial_transcript_tells_how_finished_it_is(partial: str, pace: Pace) -> None:
    """Short whole answers end sooner, digits and hesitations later."""
    assert pace_of(partial, WORDS) is pace


@pytest.mark.parametrize(
    ("partial", "earliest", "latest"),
    [("", 600, 700), ("是的", 250, 400), ("我住在白云区", 401, 600), ("因为", 1000, 1400)],
)
def test_the_wait_after_speech_follows_the_text(partial: str, earliest: int, latest: int) -> None:
    """The wait lies in the range promised for each kind of ending."""
    leg = listening_leg()
    leg.speech(900, partial)
    (ended,) = ends(leg.quiet(2000, partial))
    assert earliest <= ended.decided_ms - ended.end_ms <= latest


def test_the_recogniser_gets_what_was_said_before_the_onset_was_sure() -> None:
    """At least 200 ms before the first voiced frame belong to the utterance."""
    leg = listening_leg()
    first_voiced = leg.at_ms
    (started,) = leg.speech(400)
    assert isinstance(started, SpeechStarted)
    assert started.onset_ms == first_voiced
    assert started.from_ms <= first_voiced - 200


def test_a_click_is_no_utterance() -> None:
    """A noise too short for a word is dismissed and the wait for an answer goes on."""
    leg = listening_leg()
    leg.speech(80)
    signals = leg.quiet(1000)
    assert [type(signal) for signal in signals] == [Discarded]
    assert leg.turns.floor is Floor.RESIDENT


def test_an_endless_utterance_is_cut() -> None:
    """Somebody who never pauses is answered after the longest utterance."""
    leg = listening_leg()
    (ended,) = ends(leg.speech(RULES.max_utterance_ms + 500))
    assert ended.cut
    assert ended.decided_ms - ended.onset_ms == RULES.max_utterance_ms


def test_a_pause_inside_a_sentence_does_not_end_it() -> None:
    """Half a second of thought keeps one utterance one."""
    leg = listening_leg()
    leg.speech(600)
    leg.quiet(500)
    leg.speech(600)
    (ended,) = ends(leg.quiet(1000))
    assert ended.voiced_ms >= 1160


def test_silence_is_counted_from_the_end_of_our_speech() -> None:
    """The timer starts with ``bot_done``, not with the question's first word."""
    leg = Leg(silence_ms=3000)
    leg.turns.bot_speaks(protected=False)
    assert not leg.quiet(5000)
    done = leg.at_ms
    leg.turns.bot_done(done)
    (signal,) = leg.quiet(5000)
    assert signal == Silence(done + 3000)


def test_silence_is_not_theirs_while_we_think() -> None:
    """Nobody is asked again while the answer is being prepared."""
    leg = listening_leg(silence_ms=1000)
    leg.turns.think()
    assert not leg.quiet(5000)


def test_speech_over_ours_stops_it_within_the_limit() -> None:
    """After a quarter of a second of voice the floor is theirs."""
    leg = Leg()
    leg.turns.bot_speaks(protected=False)
    leg.quiet(1000)
    began = leg.at_ms
    stops = [signal for signal in leg.speech(1000) if isinstance(signal, Interrupted)]
    assert len(stops) == 1
    assert 200 <= stops[0].at_ms - began <= 300
    assert ends(leg.quiet(1000))


def test_a_protected_notice_is_heard_to_its_end() -> None:
    """Speech over a notice neither stops it nor becomes an answer."""
    leg = Leg()
    leg.turns.bot_speaks(protected=True)
    leg.speech(1500)
    leg.quiet(1000)
    assert not [signal for signal in leg.signals if isinstance(signal, Interrupted)]
    assert not ends(leg.signals)
    assert isinstance(leg.signals[-1], Discarded)


def test_speech_that_outlasts_a_notice_stops_the_next_clause() -> None:
    """Who is still talking when the notice ends has the floor at once."""
    leg = Leg()
    leg.turns.bot_speaks(protected=True)
    leg.speech(600)
    leg.turns.bot_speaks(protected=False)
    assert [type(signal) for signal in leg.speech(40)] == [Interrupted]


@pytest.mark.parametrize("noise", ["嗯", "哦", "系", "好"])
def test_a_listening_noise_does_not_take_the_floor(noise: str) -> None:
    """Where the text is known, "嗯" lets us go on; a real sentence does not."""
    leg = Leg()
    leg.turns.bot_speaks(protected=False)
    assert not [s for s in leg.speech(500, noise) if isinstance(s, Interrupted)]
    leg.quiet(1000, noise)
    assert [s for s in leg.speech(500, noise + "我想问一下") if isinstance(s, Interrupted)]


def test_an_answer_that_overlaps_our_last_word_counts() -> None:
    """ "是" said 100 ms too early is an answer, not noise."""
    leg = Leg()
    leg.turns.bot_speaks(protected=False)
    leg.quiet(400)
    leg.speech(100)
    leg.turns.bot_done(leg.at_ms)
    leg.speech(120)
    assert ends(leg.quiet(1000))


def test_the_last_words_before_a_hang_up_are_kept() -> None:
    """``finish`` closes an open utterance, and only one worth recognising."""
    leg = listening_leg()
    leg.speech(600)
    ended = leg.turns.finish(leg.at_ms)
    assert ended is not None
    assert ended.voiced_ms >= 560
    assert leg.turns.finish(leg.at_ms) is None


PROBABILITIES = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0])), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(PROBABILITIES)
def test_utterances_never_overlap_and_never_end_before_they_begin(runs: list[tuple[int, float]]) -> None:
    """Whatever the voice activity does, starts and ends alternate in time."""
    pointer = Endpointer(RULES, WORDS)
    at_ms = 0
    open_since: int | None = None
    last_end = 0
    for frames, probability in runs:
        for _ in range(frames):
            change = pointer.feed(at_ms, probability)
            at_ms += FRAME_MS
            if isinstance(change, SpeechStarted):
                assert open_since is None
                assert last_end <= change.onset_ms < at_ms
                assert change.from_ms <= change.onset_ms
                open_since = change.onset_ms
            elif isinstance(change, SpeechEnded):
                assert open_since == change.onset_ms < change.end_ms <= change.decided_ms == at_ms
                assert 0 < change.voiced_ms <= change.end_ms - change.onset_ms
                open_since, last_end = None, change.end_ms
            assert pointer.talking is (open_since is not None)


@settings(max_examples=150, deadline=None)
@given(PROBABILITIES, st.booleans())
def test_we_are_stopped_at_most_once_and_never_in_a_notice(
    runs: list[tuple[int, float]], protected: bool
) -> None:
    """One reply is interrupted once at most, a protected one never, silence never counts meanwhile."""
    leg = Leg(silence_ms=500)
    leg.turns.bot_speaks(protected=protected)
    for frames, probability in runs:
        leg.feed(frames * FRAME_MS, probability)
    stops = [signal for signal in leg.signals if isinstance(signal, Interrupted)]
    assert len(stops) <= (0 if protected else 1)
    assert not [signal for signal in leg.signals if isinstance(signal, Silence)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 100), st.integers(13, 100))
def test_any_steady_voice_stops_us_within_300_ms(lead: int, voiced: int) -> None:
    """Wherever it begins, a voice of at least 260 ms stops our speech in time."""
    leg = Leg()
    leg.turns.bot_speaks(protected=False)
    leg.quiet(lead * FRAME_MS)
    began = leg.at_ms
    stops = [signal for signal in leg.speech(voiced * FRAME_MS) if isinstance(signal, Interrupted)]
    assert [stop.at_ms - began <= 300 for stop in stops] == [True]
