"""Recordings are heard again after the call; what differs stands beside the transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from casework.types import CallRecord
from core.errors import EngineError
from core.types import AudioFrame, Reply, Transcript
from tests.voice.line import Person
from tests.voice.test_session import BYE, Rig, asked, scripted
from tests.voice.virtual_time import LoopClock, run_virtual
from voice.engines.scripted import EnergyVad
from voice.second_pass import DETAIL_KEY, SecondEars, SecondPass

QUESTION = asked("wanted_jobs", Reply("您想做什么？"))


class Shelf:
    """Remembers what was added to which call."""

    def __init__(self) -> None:
        self.added: dict[str, Mapping[str, Any]] = {}

    async def annotate_call(self, call_id: str, extra: Mapping[str, Any]) -> None:
        self.added[call_id] = extra


class Sharper:
    """Hears ``answers`` in turn and notes how loud what it got was."""

    streaming = False

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.loud: list[int] = []

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], hints: tuple[str, ...] = ()
    ) -> AsyncIterator[Transcript]:
        activity = EnergyVad()
        self.loud.append(sum([1 async for frame in frames if activity.probability(frame) > 0.5]))
        text = self.answers.pop(0)
        if text == "broken":
            raise EngineError("died")
        yield Transcript(text, True, 0.8, 0, 0)


def recorded(tmp_path: Path) -> CallRecord:
    """A call with two answers, one of them misheard."""

    async def resident(person: Person) -> None:
        await person.reply("我住立湾区")
        await person.reply("做保安")

    rig = Rig(resident, scripted(QUESTION, QUESTION, BYE))
    rig.recordings = tmp_path
    return rig.record()[0]


def heard_again(tmp_path: Path, ears: Sharper, record: CallRecord) -> Shelf:
    shelf = Shelf()

    async def work() -> None:
        second = SecondPass(SecondEars(ears, "sharp"), tmp_path, shelf, lambda: True, LoopClock())
        second.add(record)
        running = asyncio.create_task(second.run())
        await asyncio.sleep(5)
        running.cancel()

    run_virtual(work())
    return shelf


def test_only_what_was_heard_differently_is_kept(tmp_path: Path) -> None:
    """Each answer's own stretch of the resident's channel is heard; equal words leave no mark."""
    record = recorded(tmp_path)
    ears = Sharper("我住荔湾区", "做保安。")
    shelf = heard_again(tmp_path, ears, record)
    found = shelf.added[record.call_id][DETAIL_KEY]
    first = next(item for item in record.utterances if item.speaker == "resident")
    assert found["engine"] == "sharp"
    assert found["lines"] == [{"start_ms": first.start_ms, "text": "我住荔湾区", "confidence": 0.8}]
    assert all(30 <= count <= 60 for count in ears.loud)


def test_the_name_stays_sealed(tmp_path: Path) -> None:
    """The second text is stored like the first: without the callee's name."""
    record = recorded(tmp_path)
    shelf = heard_again(tmp_path, Sharper("我是陈小明", "做保安"), record)
    assert "陈小明" not in str(shelf.added)


@pytest.mark.parametrize("damage", ["gone", "empty", "mono", "engine"])
def test_what_cannot_be_heard_again_changes_nothing(tmp_path: Path, damage: str) -> None:
    """A missing or foreign recording and a dying engine leave the call as it is."""
    record = recorded(tmp_path)
    path = tmp_path / record.recording
    match damage:
        case "gone":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "mono":
            path.write_bytes(b"RIFF" + bytes(60))
    ears = Sharper("broken" if damage == "engine" else "", "", "")
    shelf = Shelf()

    async def work() -> None:
        second = SecondPass(SecondEars(ears, "sharp"), tmp_path, shelf, lambda: True, LoopClock())
        await second.listen(record)

    run_virtual(work())
    assert shelf.added == {}


def test_calls_come_first(tmp_path: Path) -> None:
    """Nothing is heard again while a line is in use."""
    record = recorded(tmp_path)
    busy = [True] * 5
    ears = Sharper("", "")

    async def work() -> float:
        second = SecondPass(
            SecondEars(ears, "sharp"), tmp_path, Shelf(), lambda: not (busy and busy.pop()), LoopClock()
        )
        await second.listen(record)
        return asyncio.get_running_loop().time()

    assert run_virtual(work()) >= 5
