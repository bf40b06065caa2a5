"""`nuanye eval calls`: call synthetic residents over SIP and report what the calls were like."""

from __future__ import annotations

import asyncio
import json as json_module
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuanye.commands._common import takes

if TYPE_CHECKING:
    from core.settings import Settings
    from voice.lab.calls import Plan
    from voice.lab.report import Called


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What the command takes."""

    residents: Annotated[
        list[str] | None,
        typer.Argument(help="人物文件、文件夹或自带人物的名字；留空为自带的全部 · files, folders or names"),
    ] = None
    engine: Annotated[
        str, typer.Option(help="text（不经识别）、auto、whisper、vosk、sherpa · how the bot hears")
    ] = "auto"
    text: Annotated[bool, typer.Option("--text", help="同 --engine text · short for --engine text")] = False
    codec: Annotated[str, typer.Option(help="alaw8k、ulaw8k · codec of the line")] = "alaw8k"
    loss: Annotated[float, typer.Option(help="丢包比例，如 0.05 · share of packets lost")] = 0.0
    jitter: Annotated[int, typer.Option(help="抖动上限（毫秒） · most by which a packet is late, ms")] = 0
    noise_db: Annotated[
        float | None, typer.Option("--noise-db", help="信噪比（分贝） · signal to noise, dB")
    ] = None
    parallel: Annotated[int, typer.Option(min=1, max=200, help="同时通话数 · calls at once")] = 8
    repeat: Annotated[int, typer.Option(min=1, max=100, help="每人打几次 · calls to each resident")] = 1
    seed: Annotated[int, typer.Option(help="随机种子 · same seed, same line")] = 7
    keep: Annotated[
        Path | None, typer.Option(help="把录音和报告留在这个文件夹 · keep recordings and the report here")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False


@takes(CallOptions)
def calls(options: CallOptions) -> None:
    """通话评测：用真实 SIP 呼叫模拟居民 · calls to synthetic residents, measured on their recordings."""
    from core.logs import configure_logs
    from core.settings import load_settings

    configure_logs("error", process="lab")
    engine = "auto" if options.text or options.engine == "text" else options.engine
    settings = load_settings({**os.environ, "NUANYE_RECOGNIZER": engine})
    with tempfile.TemporaryDirectory(prefix="nuanye-calls-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        summary = asyncio.run(_run(_plan(options, folder), settings))
        report = json_module.dumps(summary, ensure_ascii=False)
        (folder / "report.json").write_text(report, encoding="utf-8")
    if options.as_json:
        print(report)
    else:
        show(summary)


def _plan(options: CallOptions, folder: Path) -> Plan:
    from voice.lab.calls import Plan
    from voice.lab.street import Conditions
    from voice.resident.serve import load_personas

    return Plan(
        personas=load_personas(options.residents or []),
        folder=folder,
        conditions=Conditions(options.codec, options.loss, options.jitter, options.noise_db),
        engine="text" if options.text else options.engine,
        repeat=options.repeat,
        parallel=options.parallel,
        seed=options.seed,
    )


async def _run(plan: Plan, settings: Settings) -> dict[str, Any]:
    from nuanye.lab import laboratory
    from voice.lab.calls import run_calls
    from voice.lab.report import report

    async with laboratory(settings, _say) as own:
        found, leaks = await run_calls(plan, own, _progress)
    return report(found, leaks, str(plan.conditions), plan.engine)


def show(summary: dict[str, Any]) -> None:
    """Print the report for people: totals, then one line per resident, then what went wrong."""
    for name, value in summary.items():
        if name in {"by_resident", "by_variety", "apart_at_text_level"}:
            print(name)
            for key, part in value.items():
                print(f"  {key:28s} {_plain(part)}")
        elif name == "misses":
            print(name)
            for line in value:
                print(f"  {line}")
        else:
            print(f"{name:28s} {_plain(value)}")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return ",".join(value) if isinstance(value, list) else str(value)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _progress(call: Called, done: int, of: int) -> None:
    mark = "✓" if not call.wrong else "✗ " + "; ".join(call.wrong)
    seconds = call.measured.length_ms / 1000
    _say(f"[{done}/{of}] {call.resident} {call.level} {call.disposition} {seconds:.0f}s {mark}")
