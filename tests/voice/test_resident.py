"""Synthetic residents: their files, their ears, and whole calls without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest
import yaml

from core.errors import BadInput, EngineError
from core.types import AudioFrame, CallEvent, Disposition, Transcript
from voice.resident.choosing import LineChooser, last_position, sounds
from voice.resident.listening import TurnBegan, TurnEnded, TurnListener
from voice.resident.persona import PEOPLE, Line, Persona, Ringing, find_persona, load_persona
from voice.resident.resident import Resident
from voice.resident.serve import load_personas
from voice.resident.talk import Visit

VOICED, QUIET = b"\x01" * 320, b"\0" * 320


def write(tmp_path: Path, **content: object) -> Path:
    """A persona file with a name, one line, and ``content``."""
    path = tmp_path / "someone.yaml"
    path.write_text(
        yaml.safe_dump({"name": "何某", "lines": [{"say": "好。"}], **content}, allow_unicode=True),
        encoding="utf-8",
    )
    return path


def test_every_resident_that_ships_is_valid_and_says_what_to_expect() -> None:
    """At least five personas load, have their own user part and state an expected disposition."""
    people = load_personas(())
    assert len(people) >= 5
    assert len({person.user for person in people}) == len(people)
    assert all(person.expect.disposition is not None for person in people)
    wanted = {
        Disposition.COMPLETED,
        Disposition.RELATIVE,
        Disposition.WRONG_NUMBER,
        Disposition.OPT_OUT,
        Disposition.CALLBACK,
        Disposition.NO_SPEECH,
        Disposition.REJECTED,
    }
    assert wanted <= {person.expect.disposition for person in people}
    assert {path.stem for path in PEOPLE.glob("*.yaml")} == {person.user for person in people}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"name": ""}, "name: is missing"),
        ({"name": 5}, "name: must be text"),
        ({"user": "Chen Gui"}, "user: small letters"),
        ({"lines": []}, "lines: a list"),
        ({"lines": [{"when": ["好"]}]}, r"lines\[1\]: needs one of"),
        ({"lines": [{"say": "好", "tone": 3}]}, r"lines\[1\]: no such key 'tone'"),
        ({"lines": [{"key": "12"}]}, r"lines\[1\].key"),
        ({"lines": [{"say": "好", "delay_ms": -1}]}, r"lines\[1\].delay_ms"),
        ({"lines": [{"say": "好", "when": [3]}]}, r"lines\[1\].when"),
        ({"lines": [{"hangup": "yes"}]}, r"lines\[1\].hangup"),
        ({"hearing": "guess"}, "hearing: one of"),
        ({"ringing": {"then": "explode"}}, "ringing.then"),
        ({"ringing": {"code": 200}}, "ringing.code"),
        ({"voice": {"tempo": "fast"}}, "voice.tempo"),
        ({"voice": {"pitch": 5000}}, "voice.pitch"),
        ({"expect": {"disposition": "happy"}}, "expect.disposition"),
        ({"facts": []}, "facts: must be a mapping"),
        ({"colour": "red"}, "no such key 'colour'"),
    ],
)
def test_a_wrong_file_names_what_is_wrong(tmp_path: Path, content: dict[str, object], problem: str) -> None:
    """Each kind of mistake is named with its place in the file."""
    with pytest.raises(BadInput, match=problem):
        load_persona(write(tmp_path, **content))


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Two mistakes make one message."""
    with pytest.raises(BadInput, match=r"hearing.*ringing\.ring_ms|ringing\.ring_ms.*hearing"):
        load_persona(write(tmp_path, hearing="guess", ringing={"ring_ms": "long"}))


@pytest.mark.parametrize("text", ["- a list", ":", "\x00", "name: [", ""])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML and YAML of another shape give the same kind of error."""
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"broken\.yaml"):
        load_persona(path)


def test_unknown_and_doubled_residents_are_refused(tmp_path: Path) -> None:
    """A name nobody has lists those there are; two files with one user part do not start."""
    with pytest.raises(BadInput) as caught:
        find_persona("nobody")
    assert "chen_guiying" in caught.value.hint
    first = write(tmp_path, user="same")
    second = tmp_path / "other.yaml"
    second.write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadInput, match="same"):
        load_personas((str(first), str(second)))


def test_words_are_compared_by_sound() -> None:
    """A district that the recogniser wrote with other characters is still the district."""
    assert sounds("荔湾区") == sounds("立湾区")
    assert last_position(sounds("你住在立湾区吗"), sounds("荔湾区")) == 6
    assert last_position(sounds("你好"), sounds("")) == -1


def test_the_last_question_of_a_turn_is_answered() -> None:
    """When a turn holds two keywords, the later one wins; used-up lines step aside."""
    lines = [
        Line(when=("您好",), say="a"),
        Line(when=("方便",), say="b", times=1),
        Line(when=("方便",), say="c"),
    ]
    chooser = LineChooser(lines)
    said = [line.say if (line := chooser.by_words("您好，现在方变吗")) else "" for _ in range(6)]
    assert said == ["b", "c", "c", "c", "a", "a"]
    assert chooser.by_words("下雨了") is None


def test_the_fallback_is_the_next_line_never_used() -> None:
    """Lines that were used are not fallen back to, and there may be none left."""
    chooser = LineChooser([Line(when=("方便",), say="a"), Line(say="b")])
    chooser.by_words("方便吗")
    assert chooser.next_unused() == Line(say="b")
    assert chooser.next_unused() is None


def test_a_turn_begins_with_speech_and_ends_after_its_silence() -> None:
    """A click is no turn, a pause inside a turn does not end it, and its audio is whole."""
    listener = TurnListener(end_ms=400)
    pattern = [0.9] + [0.0] * 20 + [0.9] * 30 + [0.1] * 15 + [0.9] * 10 + [0.1] * 25
    changes = [
        change
        for index, probability in enumerate(pattern)
        if (change := listener.feed(AudioFrame(bytes([index % 250]) * 320, 8000, index * 20), probability))
    ]
    began, ended = changes
    assert isinstance(began, TurnBegan)
    assert began.at_ms == 23 * 20
    assert isinstance(ended, TurnEnded)
    assert ended.frames[0].at_ms <= 21 * 20
    assert ended.frames[-1].at_ms == ended.at_ms


class Activity:
    """Voice activity of a perfect ear."""

    def probability(self, frame: AudioFrame) -> float:
        return 1.0 if any(frame.pcm) else 0.0

    def reset(self) -> None:
        pass


class Bot:
    """The other end: a leg whose bot says one turn at a time and notes what comes back."""

    def __init__(self, turns: Sequence[int], *, gap: int = 60) -> None:
        self.turns = list(turns)
        self.gap = gap
        self.log: list[str] = []
        self.over = asyncio.Event()
        self.answered = asyncio.Event()
        self.spoke = asyncio.Event()

    def ring(self, reason: str = "") -> None:
        self.log.append("ring")

    async def early_media(self) -> None:
        self.log.append("early")

    async def answer(self) -> None:
        self.log.append("answer")
        self.answered.set()

    def decline(self, code: int = 603, reason: str = "") -> None:
        self.log.append(f"decline {code}")
        self.over.set()

    async def press(self, digit: str) -> None:
        self.log.append(f"key {digit}")
        self.spoke.set()

    async def frames(self) -> AsyncIterator[AudioFrame]:
        at = 0
        for length in self.turns:
            self.spoke.clear()
            for pcm in [VOICED] * length + [QUIET] * self.gap:
                yield AudioFrame(pcm, 8000, at)
                at += 20
                await asyncio.sleep(0)
            await asyncio.wait_for(self.spoke.wait(), 5)
        self.over.set()
        await asyncio.Event().wait()

    async def events(self) -> AsyncIterator[CallEvent]:
        await self.over.wait()
        yield CallEvent("hung_up", 0, {"by": "far"})

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        self.log.append("say " + b"".join(frame.pcm for frame in frames).decode())
        self.spoke.set()
        return 0

    async def hangup(self) -> None:
        self.log.append("hangup")
        self.over.set()


class Voice:
    """Audio that is the text's own bytes."""

    def __init__(self) -> None:
        self.broken = False

    async def render(self, text: str) -> Sequence[AudioFrame]:
        if self.broken:
            raise EngineError("mute")
        return [AudioFrame(text.encode(), 8000)]


class Ears:
    """A recogniser that hears what the test wrote down, turn by turn."""

    streaming = False

    def __init__(self, *texts: str | Exception) -> None:
        self.texts = list(texts)
        self.hints: tuple[str, ...] = ()

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        self.hints = hints
        assert [frame async for frame in frames]
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        yield Transcript(text, True, 0.9, 0, 1)


async def call(persona: Persona, bot: Bot, ears: Ears | None = None, voice: Voice | None = None) -> Visit:
    """One call, at most five seconds."""
    resident = Resident(persona, voice or Voice(), ears, make_activity=Activity)
    return await asyncio.wait_for(resident.take(bot), 5)


def person(*lines: Line, **values: object) -> Persona:
    """A persona that answers at once."""
    values.setdefault("ringing", Ringing(ring_ms=0))
    return Persona("何某", "someone", lines, **values)  # type: ignore[arg-type]


async def test_lines_follow_what_is_heard_not_their_order() -> None:
    """Questions are answered by their words, and the words that matter are given as hints."""
    ears = Ears("现在方便吗", "请问是何某吗")
    bot = Bot([20, 20])
    visit = await call(
        person(Line(when=("请问是",), say="我是", delay_ms=0), Line(when=("方便",), say="可以", delay_ms=0)),
        bot,
        ears,
    )
    assert bot.log[:4] == ["ring", "answer", "say 可以", "say 我是"]
    assert visit.said == ["可以", "我是"]
    assert (visit.answered, visit.ended_by) == (True, "bot")
    assert {"请问是", "方便", "何某"} <= set(ears.hints)


async def test_in_order_no_recogniser_is_needed() -> None:
    """With hearing: order, lines come one after the other; keys are pressed; the last one hangs up."""
    lines = (Line(say="一", delay_ms=0), Line(key="5", delay_ms=0), Line(say="再见", delay_ms=0, hangup=True))
    bot = Bot([10, 10, 10])
    visit = await call(person(*lines, hearing="order"), bot)
    assert bot.log[2:6] == ["say 一", "key 5", "say 再见", "hangup"]
    assert visit.ended_by == "resident"


async def test_what_was_not_understood_is_asked_again_then_the_next_line_is_used() -> None:
    """Twice the resident asks back, then falls back to the first line that was never used."""
    bot = Bot([10, 10, 10])
    ears = Ears("噪音", EngineError("deaf"), "噪音")
    await call(person(Line(when=("方便",), say="可以", delay_ms=0), again="什么？"), bot, ears)
    assert [item for item in bot.log if item.startswith("say")] == ["say 什么？", "say 什么？", "say 可以"]


async def test_a_pause_between_two_sentences_is_one_turn() -> None:
    """When the bot goes on after a pause, its question, not its preamble, is answered."""

    class Pausing(Bot):
        async def frames(self) -> AsyncIterator[AudioFrame]:
            for at, pcm in enumerate([VOICED] * 20 + [QUIET] * 45 + [VOICED] * 20 + [QUIET] * 60):
                yield AudioFrame(pcm, 8000, at * 20)
            await asyncio.wait_for(self.spoke.wait(), 5)
            self.over.set()
            await asyncio.Event().wait()

    bot = Pausing([])
    visit = await call(
        person(Line(when=("录音",), say="啊", delay_ms=0), Line(when=("方便",), say="可以", delay_ms=0)),
        bot,
        Ears("本次通话录音", "现在方便吗"),
    )
    assert visit.heard == ["本次通话录音现在方便吗"]
    assert visit.said == ["可以"]


async def test_an_interruption_is_said_over_the_bot() -> None:
    """A line with interrupt_after_ms sounds while the bot still speaks, and is that turn's answer."""

    class Slow(Bot):
        async def frames(self) -> AsyncIterator[AudioFrame]:
            for at in range(200):
                if at == 150:
                    self.log.append("bot finished")
                yield AudioFrame(VOICED if at < 150 else QUIET, 8000, at * 20)
                await asyncio.sleep(0.001)
            self.over.set()
            await asyncio.Event().wait()

    bot = Slow([])
    await call(person(Line(say="等一下", interrupt_after_ms=20)), bot, Ears("讲很多话"))
    assert bot.log.index("say 等一下") < bot.log.index("bot finished")


@pytest.mark.parametrize(
    ("ringing", "expected"),
    [
        (Ringing(ring_ms=0, then="decline", code=486), ["ring", "decline 486"]),
        (
            Ringing(ring_ms=0, then="decline", code=480, announcement="已关机"),
            ["ring", "early", "say 已关机", "decline 480"],
        ),
    ],
)
async def test_refusals_before_the_answer(ringing: Ringing, expected: list[str]) -> None:
    """Declining sends the code, after the network's announcement when there is one; nobody answers."""
    bot = Bot([])
    visit = await call(person(Line(say="好"), ringing=ringing, hearing="order"), bot)
    assert bot.log[: len(expected)] == expected
    assert not visit.answered


async def test_ringing_out_lasts_until_the_caller_gives_up() -> None:
    """then: ring_out never answers; the caller's cancel ends it."""
    bot = Bot([])
    task = asyncio.create_task(
        call(person(ringing=Ringing(ring_ms=0, then="ring_out"), hearing="order"), bot)
    )
    await asyncio.sleep(0.02)
    assert not task.done()
    bot.over.set()
    visit = await task
    assert (visit.answered, visit.ended_by, bot.log[:1]) == (False, "bot", ["ring"])


async def test_a_mute_resident_stays_on_the_line_and_the_limit_ends_the_call() -> None:
    """A failing voice does not end the call; the longest call time does."""
    voice = Voice()
    voice.broken = True
    bot = Bot([])
    visit = await call(
        person(Line(say="好"), first_words="喂", hearing="order", longest_call_s=1), bot, voice=voice
    )
    assert visit.said == []
    assert bot.log[-1] == "hangup"


def test_recognising_needs_a_recogniser() -> None:
    """A persona that listens cannot be built without ears."""
    with pytest.raises(ValueError, match="recogniser"):
        Resident(person(Line(say="好")), Voice(), None)
