"""Call synthetic residents over SIP and measure the calls on their recordings: python -m benchmarks.phone.

Uses the installation that runs on these settings (`nuanye up`), else starts one. All residents are
called in one campaign, ``voice_lines`` at a time. Ends with status 1 when a call ended otherwise
than its resident's file promises, or a bar of ``docs/benchmarks.md`` is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from casework.store import Store, open_store
from casework.types import CallRecord
from core.settings import Settings, load_settings
from core.streams import RESULTS_STREAM, newest_entry
from core.types import Result
from nuanye.demonstration import installation, results_of_campaign
from nuanye.showcase import ReadyResident, campaign, residents
from voice.lab.legs import read_legs, reply_gaps, stop_times, stretches
from voice.lab.report import compare
from voice.resident.persona import PEOPLE

GAP_P50_MS = 2500
OTHER_P50_MS = 150
STOP_MS = 400
_CALL_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One call: whether it ended as promised, and its times in ms."""

    resident: str
    disposition: str
    wrong: tuple[str, ...]  # what differs from the resident's file
    seconds: float
    gaps: tuple[int, ...]
    stops: tuple[int, ...]
    other: tuple[int, ...]


def measure(person: ReadyResident, result: Result, record: CallRecord, settings: Settings) -> Measured:
    """Compare a call with the resident's file and read its times off the recording."""
    gaps: list[int] = []
    stops: list[int] = []
    if record.recording:
        left, right, rate_hz = read_legs(settings.recordings_dir / record.recording)
        resident, bot = stretches(left, rate_hz), stretches(right, rate_hz)
        gaps = reply_gaps(resident, bot)
        cut = [(line.start_ms, line.end_ms) for line in record.utterances if line.interrupted]
        stops = stop_times(resident, bot, cut)
    return Measured(
        person.persona.user,
        result.disposition or "",
        differences(person, record),
        round((record.ended_at - record.started_at).total_seconds(), 1),
        tuple(gaps),
        tuple(stops),
        tuple(int(turn["other_ms"]) for turn in record.detail.get("turn_gaps", ())),
    )


def differences(person: ReadyResident, record: CallRecord) -> tuple[str, ...]:
    """Name what is not as the resident's file promises."""
    _, wrong = compare(person.persona.expect, record)
    if record.disposition == person.expected:
        return wrong
    return (f"disposition: not {person.expected}", *wrong)


async def call_all(settings: Settings, names: Sequence[str]) -> list[Measured]:
    """Call residents by name and measure each call."""
    async with (
        await open_store(settings) as store,
        Redis.from_url(settings.redis) as redis,
        residents(names) as people,
    ):
        by_address = {person.address: person for person in people}
        before = await newest_entry(redis, RESULTS_STREAM)
        calls = []
        async with campaign(store, people, "benchmark") as campaign_id:
            found = results_of_campaign(redis, before, campaign_id, len(people), _CALL_LIMIT_S)
            async for _, result in found:
                record = await _record(store, result)
                calls.append(measure(by_address[record.callee_address], result, record, settings))
                print(f"{calls[-1]}", file=sys.stderr, flush=True)
    return calls


async def _record(store: Store, result: Result) -> CallRecord:
    stored = await store.get_call(result.source)
    if stored is None:
        raise SystemExit("a result was published whose call is not stored")
    return stored.record


def report(calls: Sequence[Measured], lines: int, load: float) -> dict[str, Any]:
    """Return the figures, and which bars they miss."""
    gaps = figures([gap for call in calls for gap in call.gaps])
    other = figures([gap for call in calls for gap in call.other])
    stops = figures([stop for call in calls for stop in call.stops])
    missed = [f"{call.resident}: {what}" for call in calls for what in call.wrong]
    if gaps.get("p50", GAP_P50_MS + 1) > GAP_P50_MS:
        missed.append(f"gap p50 over {GAP_P50_MS} ms")
    if other.get("p50", OTHER_P50_MS + 1) > OTHER_P50_MS:
        missed.append(f"other p50 over {OTHER_P50_MS} ms")
    if stops.get("max", 0) > STOP_MS:
        missed.append(f"stop over {STOP_MS} ms")
    return {
        "calls": len(calls),
        "as_promised": sum(not call.wrong for call in calls),
        "lines": lines,
        "load_average_before": round(load, 2),
        "gap_ms": gaps,
        "other_ms": other,
        "stop_ms": stops,
        "missed": missed,
    }


def figures(values: Sequence[int]) -> dict[str, int]:
    """Return count, p50, p90 (nearest rank) and maximum; only the count of nothing."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    ranks = {name: -(-len(ordered) * share // 100) - 1 for name, share in (("p50", 50), ("p90", 90))}
    return {"count": len(ordered), **{name: ordered[at] for name, at in ranks.items()}, "max": ordered[-1]}


async def run(settings: Settings, names: Sequence[str]) -> dict[str, Any]:
    """Call and return the report."""
    load = os.getloadavg()[0]
    async with installation(settings, lambda line: print(line, file=sys.stderr)):
        return report(await call_all(settings, names), settings.voice_lines, load)


def main() -> int:
    """Print a table, or one JSON object with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="residents that ship, or persona files; none: all that ship")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.stem for path in PEOPLE.glob("*.yaml"))
    found = asyncio.run(run(load_settings(os.environ), names))
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
