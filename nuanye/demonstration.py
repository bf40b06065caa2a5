"""The demonstration: a chat question, a job intention and a call, each looked up where it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from redis.asyncio import Redis

from core.errors import NuanyeError
from core.ids import mask_phone
from core.settings import Settings
from core.streams import RESULTS_STREAM, newest_entry, read_from
from core.types import Result
from nuanye.chat_client import ChatClient

_LINES = Path(__file__).with_name("demo.yaml")
_CALL_TIMEOUT_S = 300.0
_RELAY_TIMEOUT_S = 20.0

Report = Callable[[str], None]


class DemoError(NuanyeError):
    """Raised when a step of the demonstration did not happen."""

    code = "demo.failed"


@dataclass(frozen=True, slots=True)
class Script:
    """What the citizen of the demonstration types, and who is called."""

    question: str
    open_intention: str
    answers: tuple[tuple[str, str], ...]
    resident: str

    @classmethod
    def load(cls, path: Path = _LINES) -> Script:
        """Read ``demo.yaml``."""
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        answers = tuple((item["when"], item["say"]) for item in raw["intention"]["answers"])
        return cls(raw["question"], raw["intention"]["open"], answers, raw["resident"])


async def run_demonstration(settings: Settings, report: Report) -> dict[str, Any]:
    """Do all three on the running installation, or on one started for it. Raises ``NuanyeError``."""
    started = time.monotonic()
    script = Script.load()
    async with installation(settings, report):
        report("咨询政策……")
        chat = await _ask_policy(settings, script)
        report("登记求职意向……")
        intention = await _give_intention(settings, script)
        report("拨打电话……")
        call = await _place_call(settings, script, report)
    seconds = round(time.monotonic() - started, 1)
    return {"chat": chat, "intention": intention, "call": call, "seconds": seconds}


@asynccontextmanager
async def installation(settings: Settings, report: Report) -> AsyncIterator[None]:
    """Use what runs on these settings; else start it, and stop it at the end. Raises ``NuanyeError``."""
    from nuanye.supervisor import Supervisor, check_ports, running_pid

    if running_pid(settings) is not None:
        yield
        return
    check_ports(settings)
    report("没有在运行的服务，先启动一套，结束后停止。")
    async with Supervisor(settings, report):
        yield


def _chat_url(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.chat_port}"


async def _ask_policy(settings: Settings, script: Script) -> dict[str, Any]:
    async with ChatClient(_chat_url(settings)) as chat:
        answer = await chat.ask(script.question)
    if not answer.policy_ids or not answer.sources:
        raise DemoError("the policy question was not answered from the knowledge")
    return {
        "question": script.question,
        "answer": answer.text,
        "policy_ids": list(answer.policy_ids),
        "sources": list(answer.sources),
    }


async def _give_intention(settings: Settings, script: Script) -> dict[str, Any]:
    async with ChatClient(_chat_url(settings)) as chat, Redis.from_url(settings.redis) as redis:
        before = await newest_entry(redis, RESULTS_STREAM)
        answer = await chat.ask(script.open_intention)
        for _ in range(2 * len(script.answers)):
            if answer.completed:
                break
            answer = await chat.ask(_next_line(script, answer.text))
        if answer.completed != "job_intention":
            raise DemoError("the job intention was not completed")
        entry_id, result = await result_of(redis, before, chat.conversation_id, _RELAY_TIMEOUT_S)
    fields = {name: value.value for name, value in result.fields.items()}
    return {"fields": fields, "stream_id": entry_id}


def _next_line(script: Script, asked: str) -> str:
    for words, line in script.answers:
        if words in asked:
            return line
    raise DemoError("the assistant asked something the demonstration has no line for")


async def _place_call(settings: Settings, script: Script, report: Report) -> dict[str, Any]:
    from casework.store import open_store
    from nuanye.showcase import campaign, residents

    async with (
        await open_store(settings) as store,
        Redis.from_url(settings.redis) as redis,
        residents([script.resident]) as people,
    ):
        before = await newest_entry(redis, RESULTS_STREAM)
        async with campaign(store, people, "演示") as campaign_id:
            entry_id, result = await campaign_result(redis, before, campaign_id, _CALL_TIMEOUT_S)
        stored = await store.get_call(result.source)
    if stored is None or not stored.record.recording:
        raise DemoError("the call left no recording")
    recording = settings.recordings_dir / stored.record.recording
    if not recording.exists() or recording.stat().st_size < 10_000:
        raise DemoError("the recording is missing or empty")
    _check_expected(people[0].expected, result)
    report(f"通话结束：{result.disposition}")
    return {
        "callee": mask_phone(stored.record.callee_address),
        "disposition": result.disposition,
        "fields": {name: value.value for name, value in result.fields.items()},
        "evidence": evidence_of(result),
        "turn_gap_ms": quantiles(stored.record.turn_gaps_ms),
        "recording": str(recording),
        "stream_id": entry_id,
    }


def _check_expected(expected: str, result: Result) -> None:
    if result.disposition != expected:
        raise DemoError(f"the call ended as {result.disposition}, expected {expected}")


def evidence_of(result: Result) -> list[dict[str, Any]]:
    """Return where each field that was said comes from."""
    return [
        {
            "field": name,
            "value": value.value,
            "words": value.words,
            "start_ms": value.start_ms,
            "end_ms": value.end_ms,
            "confidence": round(value.confidence, 2),
        }
        for name, value in result.fields.items()
        if value.source == "said"
    ]


def quantiles(values: Sequence[int]) -> dict[str, int]:
    """Return p50 and p90 by nearest rank. Raises ``DemoError`` when nothing was measured."""
    if not values:
        raise DemoError("the call had no turn to measure")
    ordered = sorted(values)
    return {
        "p50": ordered[(len(ordered) - 1) // 2],
        "p90": ordered[min(len(ordered) - 1, round(0.9 * (len(ordered) - 1)))],
    }


async def campaign_result(redis: Redis, after: str, campaign_id: str, timeout_s: float) -> tuple[str, Result]:
    """Wait for the next result of a campaign. Raises ``DemoError`` when none is published in time."""
    async for found in results_of_campaign(redis, after, campaign_id, 1, timeout_s):
        return found
    raise DemoError("the results stream ended")


async def results_of_campaign(
    redis: Redis, after: str, campaign_id: str, count: int, timeout_s: float
) -> AsyncIterator[tuple[str, Result]]:
    """Yield the next ``count`` results of a campaign; ``timeout_s`` is for each of them."""

    def wanted(result: Result) -> bool:
        return result.kind == "call" and result.detail.get("campaign_id") == campaign_id

    for _ in range(count):
        after, result = await _wait_for(redis, after, wanted, timeout_s)
        yield after, result


async def result_of(redis: Redis, after: str, source: str, timeout_s: float) -> tuple[str, Result]:
    """Wait for the result of one source. Raises ``DemoError`` when none is published in time."""
    return await _wait_for(redis, after, lambda result: result.source == source, timeout_s)


async def _wait_for(
    redis: Redis, after: str, wanted: Callable[[Result], bool], timeout_s: float
) -> tuple[str, Result]:
    from core.codec import from_json

    try:
        async with asyncio.timeout(timeout_s):
            async for entry_id, payload in read_from(redis, RESULTS_STREAM, after):
                result = from_json(payload, Result)
                if wanted(result):
                    return entry_id, result
    except TimeoutError:
        pass
    raise DemoError(f"no result reached the stream within {timeout_s:.0f} s", hint="nuanye doctor")
