"""`nuanye call`: one call to a real softphone, from this terminal."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from casework.store import Store
    from casework.types import CallRecord
    from core.settings import Settings
    from core.types import CallTask, Utterance


def call(
    sip_uri: Annotated[
        str, typer.Argument(help="要呼叫的 SIP 地址或电话号码 · SIP URI (sip:bob@192.168.1.20) or number")
    ],
    name: Annotated[str, typer.Option(help="对方姓名，通话中会核对 · the callee's name")] = "",
    district: Annotated[str, typer.Option(help="已知所在区 · district known before")] = "",
    json: Annotated[
        bool, typer.Option("--json", help="只输出一个 JSON 对象 · print one JSON object")
    ] = False,
) -> None:
    """呼叫一个话机，实时显示对话，最后显示结果。 Call, show the talk as it happens, then the result."""
    from core.logs import configure_logs
    from core.settings import load_settings

    settings = load_settings(os.environ)
    configure_logs("error" if json else "warning", process="call")
    record = asyncio.run(_call(settings, sip_uri, name, district, quiet=json))
    if json:
        print(jsonlib.dumps(summary(record), ensure_ascii=False))
    else:
        _show(record)


async def _call(settings: Settings, address: str, name: str, district: str, *, quiet: bool) -> CallRecord:
    from casework.store import open_store
    from voice.assembly import phone_door
    from voice.outcome import record_of
    from voice.session import CallSession

    async with await open_store(settings) as store:
        await _require_consent(store, address)
        await _require_dialogue(settings)
        task = _task(address, name, district)
        if not quiet:
            print("正在准备语音… · loading speech")
        # A worker on this machine may hold the configured port and registration.
        async with phone_door(replace(settings, sip_port=0, sip_register=False)) as (equipment, _):
            if not quiet:
                print("正在呼叫… · ringing  (Ctrl+C 挂断)")
            session = CallSession(equipment, task, on_utterance=None if quiet else _print_line)
            story = await _until_done(session)
        record, result = record_of(story)
        await store.save_call(record, result)
    return record


async def _until_done(session: Any) -> Any:
    """Run the call; Ctrl+C hangs up and still keeps what was said."""
    import signal

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, session.abort)
    try:
        return await session.run()
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _require_consent(store: Store, address: str) -> None:
    from core.errors import BadInput

    if await store.is_do_not_call(address):
        raise BadInput(
            "这个号码在免打扰名单上，没有拨打 · this address is on the do-not-call list and was not called",
            hint="本人要求过不再接到电话 · its owner asked not to be called again",
        )


async def _require_dialogue(settings: Settings) -> None:
    import aiohttp

    from core.errors import DialogueUnavailable

    timeout = aiohttp.ClientTimeout(total=3)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{settings.dialogue_base_url}/health") as response,
        ):
            ready = response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        ready = False
    if not ready:
        raise DialogueUnavailable(
            f"对话核心没有应答 · the dialogue core does not answer at {settings.dialogue_base_url}",
            hint="先运行 `nuanye up`（全部服务）或 `python -m bot`（只有对话核心）· start it first",
        )


def _task(address: str, name: str, district: str) -> CallTask:
    from core.clock import SystemClock
    from core.ids import new_id
    from core.types import Callee, CallTask

    return CallTask(
        task_id=new_id("att"),
        callee=Callee(new_id("per"), name, address, district),
        campaign_id="",
        facts={"district": district} if district else {},
        attempt=1,
        not_after=SystemClock().now() + timedelta(hours=1),
    )


def _print_line(line: Utterance) -> None:
    who = "暖业" if line.speaker == "bot" else "对方"
    print(f"{line.start_ms / 1000:6.1f}s  {who}：{line.text}", flush=True)


def summary(record: CallRecord) -> dict[str, Any]:
    """Return what a script wants to know about a call. The callee's address is masked."""
    from core.codec import to_plain
    from core.ids import mask_phone

    gaps = sorted(record.turn_gaps_ms)
    return {
        "call_id": record.call_id,
        "callee": mask_phone(record.callee_address),
        "disposition": record.disposition.value,
        "fields": {key: to_plain(value) for key, value in record.fields.items()},
        "needs_review": list(record.needs_review),
        "turn_gap_ms": {"p50": _percentile(gaps, 0.5), "p90": _percentile(gaps, 0.9)},
        "turns": record.detail.get("turn_gaps", []),
        "transcript": [to_plain(line) for line in record.utterances],
        "recording": record.recording,
        "seconds": round((record.ended_at - record.started_at).total_seconds(), 1),
    }


def _percentile(ordered: list[int], share: float) -> int | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def _show(record: CallRecord) -> None:
    shown = summary(record)
    print(f"\n结果 · result: {shown['disposition']}   {shown['seconds']} s")
    for key, value in record.fields.items():
        said = f"“{value.words}”" if value.words else ""
        print(f"  {key}: {jsonlib.dumps(value.value, ensure_ascii=False)}  {said} {value.confidence:.2f}")
    if record.needs_review:
        print(f"需要复核 · needs review: {', '.join(record.needs_review)}")
    if record.turn_gaps_ms:
        print(f"应答间隔 · pause before replies: p50 {shown['turn_gap_ms']['p50']} ms")
    if record.recording:
        print(f"录音 · recording: {record.recording}")
