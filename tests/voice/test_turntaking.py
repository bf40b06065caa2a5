"""End-pointing, barge-in and turn-taking on virtual frames."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.endpointing import Endpointer, EndpointRules, Pace, SpeechEnded, SpeechStarted, pace_of
from voice.interfaces import FRAME_MS
from voice.turntaking import Discarded, Floor, HeldBack, Interrupted, Signal, Silence, TurnTaker
from voice.words import load_words

WORDS = load_words()
RULES = EndpointRules()


class Leg:
    """Feeds a turn-taker and remembers what it signalled."""

    def __init__(self, silence_ms: int = 6000, patience: float = 1.0) -> None:
        self.turns = TurnTaker(RULES, WORDS, barge_in_ms=250, silence_ms=silence_ms, patience=patience)
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
        ("大概四千", Pace.COUNTING),
        ("我电话是一三八零零一三八零零一", Pace.STEADY),
        ("冇呀", Pace.QUICK),
        ("唔使喇", Pace.QUICK),
        ("即系…", Pace.PATIENT),
        ("保安、保洁，", Pace.PATIENT),
        ("嗯…", Pace.PATIENT),
        ("不想做了，因为", Pace.PATIENT),
    ],
)
def test_a_partial_transcript_tells_how_finished_it_is(partial: str, pace: Pace) -> None:
    """Short whole answers end sooner, digits and hesitations later."""
    assert pace_of(partial, WORDS) is pace


@pytest.mark.parametrize(
    ("partial", "earliest", "latest"),
    [
        ("", 600, 700),
        ("是啊", 200, 260),
        ("冇呀", 200, 260),
        ("唔使喇", 200, 260),
        ("我住在白云区", 401, 500),
        ("大概四千", 800, 1000),
        ("嗯", 1700, 1800),
        ("即系", 1700, 1800),
        ("电话是一三八零", 1700, 1800),
        ("不过", 1700, 1800),
    ],
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
    """After a quarter of a second of voice we are silent, soon after the floor is theirs."""
    leg = Leg()
    leg.turns.bot_speaks(protected=False)
    leg.quiet(1000)
    began = leg.at_ms
    signals = [signal for signal in leg.speech(1000) if isinstance(signal, HeldBack | Interrupted)]
    pause, stop = signals
    assert 200 <= pause.at_ms - began <= 300
    assert stop.at_ms - pause.at_ms == 160
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
    """Wherever it begins, a voice of at least 260 ms silences us in time."""
    leg = Leg()
    leg.turns.bot_speaks(protected=False)
    leg.quiet(lead * FRAME_MS)
    began = leg.at_ms
    quiet = [signal for signal in leg.speech(voiced * FRAME_MS) if isinstance(signal, HeldBack)]
    assert [pause.at_ms - began <= 300 for pause in quiet] == [True]


def test_a_pause_is_announced_before_the_turn_ends() -> None:
    """Whoever prepares answers gets the time between the pause and the end; going on is announced too."""
    leg = listening_leg()
    leg.speech(900, "我住在天河区")
    kinds = [type(signal).__name__ for signal in leg.quiet(300, "我住在天河区")]
    kinds += [type(signal).__name__ for signal in leg.speech(400, "我住在天河区员村")]
    kinds += [type(signal).__name__ for signal in leg.quiet(600, "我住在天河区员村")]
    assert kinds == ["SpeechPaused", "SpeechResumed", "SpeechPaused", "SpeechEnded"]


def test_words_on_their_way_are_waited_for() -> None:
    """While the recogniser works the turn is not taken for finished without its text."""
    leg = listening_leg()
    leg.speech(900)
    signals: list[Signal] = []
    for _ in range(50):
        signals += leg.turns.feed(leg.at_ms, 0.05, "", pending=True)
        leg.at_ms += FRAME_MS
    assert not ends(signals)
    (ended,) = ends(leg.quiet(40, "我想做保安"))
    assert ended.decided_ms - ended.end_ms <= 1040


def test_elderly_people_are_waited_for_longer() -> None:
    """The profile stretches every wait but the one after a whole short answer."""
    leg = Leg(patience=1.5)
    leg.quiet(600)
    leg.turns.bot_done(leg.at_ms)
    leg.speech(900, "我住在白云区")
    (ended,) = ends(leg.quiet(2000, "我住在白云区"))
    assert 600 <= ended.decided_ms - ended.end_ms <= 700
    leg.speech(400, "是啊")
    (ended,) = ends(leg.quiet(2000, "是啊"))
    assert ended.decided_ms - ended.end_ms <= 260


def test_who_pauses_long_and_goes_on_gets_more_time() -> None:
    """Patience grows with every long thought within a turn, up to its limit; short breaths change nothing."""
    leg = listening_leg()
    for _ in range(3):
        leg.speech(400, "我想")
        leg.quiet(300, "我想")
    assert leg.turns.patience == 1.0
    leg.speech(400, "我想")
    leg.quiet(900, "我想")
    leg.speech(400, "我想")
    assert leg.turns.patience > 1.1
    for _ in range(20):
        leg.quiet(900, "我想")
        leg.speech(400, "我想")
    assert leg.turns.patience == 2.0


@pytest.mark.parametrize(
    ("partial", "at_most"),
    [("等等", 80), ("停", 80), ("唔好讲住", 80), ("我听不清", 120), ("我现在不方便说话", 120), ("", 410)],
)
def test_what_is_said_decides_how_soon_we_stop(partial: str, at_most: int) -> None:
    """Stop words stop us at once, talk by its characters, mere voice by its length."""
    leg = Leg()
    leg.quiet(600)
    leg.turns.bot_speaks(protected=False)
    start = leg.at_ms
    interrupted = [s for s in leg.speech(1000, partial) if isinstance(s, Interrupted)]
    assert interrupted[0].at_ms - start <= at_most + FRAME_MS


@pytest.mark.parametrize("partial", ["嗯", "哦", "系", "好", "得", "嗯嗯嗯", "系系系", "哦好的", "系啊系啊"])
def test_listening_noises_do_not_stop_us(partial: str) -> None:
    """In both varieties, also several times over."""
    leg = Leg()
    leg.quiet(600)
    leg.turns.bot_speaks(protected=False)
    signals = leg.speech(700, partial) + leg.quiet(900, partial)
    assert not [s for s in signals if isinstance(s, Interrupted)]


def test_not_even_a_stop_word_stops_the_legal_notice() -> None:
    """A protected sentence is heard to its end."""
    leg = Leg()
    leg.quiet(600)
    leg.turns.bot_speaks(protected=True)
    assert not [s for s in leg.speech(1500, "停，唔好讲住") if isinstance(s, Interrupted)]


def test_a_short_noise_only_makes_us_pause() -> None:
    """Voice without words silences us at once; when it is over soon, our sentence goes on."""
    leg = Leg()
    leg.quiet(600)
    leg.turns.bot_speaks(protected=False)
    kinds = [type(s).__name__ for s in leg.speech(300) + leg.quiet(400)]
    assert [kind for kind in kinds if kind in ("HeldBack", "GoOn", "Interrupted")] == ["HeldBack", "GoOn"]


def test_a_noise_that_proves_to_be_assent_ends_the_pause() -> None:
    """The words come after the voice: "嗯" lets us go on, "等等" stops us."""
    for words, expected in (("嗯", "GoOn"), ("等等", "Interrupted")):
        leg = Leg()
        leg.quiet(600)
        leg.turns.bot_speaks(protected=False)
        leg.speech(300)
        assert expected in [type(s).__name__ for s in leg.speech(60, words)]


def test_the_notice_does_not_even_pause() -> None:
    """A protected sentence goes on over everything."""
    leg = Leg()
    leg.quiet(600)
    leg.turns.bot_speaks(protected=True)
    assert not [s for s in leg.speech(900) if type(s).__name__ in ("HeldBack", "Interrupted")]
