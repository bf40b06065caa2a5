"""`nuanye results reconcile|dead|replay`: what is missing where, and how to send it again."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.clock import CHINA
from core.errors import BadInput
from nuanye.commands._common import print_json, with_store

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from casework.balance import Scope, Sheet
    from casework.store import Store
    from core.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
Day = Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="只看这一天 · one day only")]
_AT_ONCE = 1000

_TITLES = {
    "planned": "计划",
    "held_back": "未拨",
    "dialled": "已拨",
    "ended": "已结束",
    "stored": "已入库",
    "published": "已发布",
    "consumed": "各区已取",
    "reviewed": "已复核",
    "open": "待复核",
    "other_results": "其他结果",
}


def reconcile(
    campaign_id: Annotated[
        str, typer.Option("--campaign", metavar="ID", help="只看一个任务 · one campaign only")
    ] = "",
    day: Day = "",
    as_json: AsJson = False,
) -> None:
    """对账：计划、拨出、入库、发布、各区取走、复核，逐项列出差异；有丢失时以状态 1 结束。"""
    from casework.balance import Scope
    from core.settings import load_settings

    since, until = _span(day)
    report = asyncio.run(balance_of(load_settings(os.environ), Scope(campaign_id, since, until)))
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report["lost"]:
        raise typer.Exit(1)


async def balance_of(settings: Settings, scope: Scope | None = None) -> dict[str, Any]:
    """Return the sheet as ``reconcile --json`` prints it; without ``scope`` of everything there is."""
    from redis.asyncio import Redis

    from casework.balance import Difference, Scope
    from casework.consumption import unconsumed
    from casework.store import open_store

    scope = scope or Scope()
    async with await open_store(settings) as store, Redis.from_url(settings.redis) as redis:
        left = await unconsumed(redis)
        sheet = await store.sheet(scope)
        published = await store.published_in(scope)
    untaken = [Difference(item, "consumed", left[item]) for item in published if item in left]
    sheet = replace(sheet, differences=(*sheet.differences, *untaken))
    consumed = sum(kind == "call" and item not in left for item, kind in published.items())
    return report_of(sheet, consumed=consumed)


def report_of(sheet: Sheet, *, consumed: int) -> dict[str, Any]:
    """Return the sheet as it is printed: ``held_back`` as a number, its reasons apart."""
    values = asdict(sheet)
    return {
        "planned": sheet.planned,
        "held_back": sum(sheet.held_back.values()),
        "dialled": sheet.dialled,
        "ended": sheet.ended,
        "stored": sheet.stored,
        "published": sheet.published,
        "consumed": consumed,
        "reviewed": sheet.reviewed,
        "open": sheet.open,
        "other_results": sheet.other_results,
        "held_back_why": dict(sheet.held_back),
        "lost": sum(item.lost for item in sheet.differences),
        "differences": values["differences"],
    }


def _print(report: dict[str, Any]) -> None:
    for key, title in _TITLES.items():
        print(f"{title}\t{report[key]}")
    for reason, count in sorted(report["held_back_why"].items()):
        print(f"  未拨：{reason}\t{count}")
    for item in report["differences"]:
        print(f"  {'丢失' if item['lost'] else '未到'}\t{item['stage']}\t{item['reason']}\t{item['id']}")
    print(f"丢失 {report['lost']} 项" if report["lost"] else "相符")


def dead(
    retry: Annotated[str, typer.Option("--retry", metavar="ID", help="放回原队列 · put one back")] = "",
    drop: Annotated[str, typer.Option("--drop", metavar="ID", help="删除一条 · throw one away")] = "",
    as_json: AsJson = False,
) -> None:
    """列出无法处理的条目及原因；可放回或删除。"""
    from redis.asyncio import Redis

    from core.settings import load_settings

    async def work() -> list[dict[str, str]]:
        async with Redis.from_url(load_settings(os.environ).redis) as redis:
            letters = await _letters(redis)
            if wanted := retry or drop:
                await _settle(redis, letters, wanted, again=bool(retry))
            return letters

    letters = asyncio.run(work())
    if as_json:
        print_json({"dead": letters})
    elif not (retry or drop):
        for letter in letters:
            print(f"{letter['id']}\t{letter['stream']}\t{letter['reason']}")
        print(f"共 {len(letters)} 条")


async def _letters(redis: Redis) -> list[dict[str, str]]:
    from core.streams import DEAD, redis_errors

    found = []
    with redis_errors():
        async for key in redis.scan_iter(match=f"nuanye:*{DEAD}", count=1000):
            entries: Any = await redis.xrange(key, "-", "+", count=_AT_ONCE)
            for entry_id, fields in entries:
                texts = {name.decode(): text.decode(errors="replace") for name, text in fields.items()}
                shown = {name: texts.get(name, "") for name in ("reason", "entry", "json")}
                found.append({"id": entry_id.decode(), "stream": key.decode().removesuffix(DEAD)} | shown)
    return sorted(found, key=lambda letter: (letter["stream"], letter["id"]))


async def _settle(redis: Redis, letters: list[dict[str, str]], wanted: str, *, again: bool) -> None:
    from core.streams import DEAD, redis_errors

    letter = next((item for item in letters if item["id"] == wanted), None)
    if letter is None:
        raise BadInput("no dead letter with this id", hint="nuanye results dead lists them")
    with redis_errors():
        async with redis.pipeline(transaction=True) as steps:
            if again:
                steps.xadd(letter["stream"], {"json": letter["json"]})
            steps.xdel(letter["stream"] + DEAD, wanted)
            await steps.execute()


def replay(
    since: Annotated[str, typer.Option("--since", metavar="YYYY-MM-DD", help="从哪天起 · from this day on")],
    until: Annotated[
        str, typer.Option("--until", metavar="YYYY-MM-DD", help="到哪天为止（含） · to this day, included")
    ] = "",
    district: Annotated[str, typer.Option("--district", help="只发给一个区 · one district only")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只数不发 · count only")] = False,
    as_json: AsJson = False,
) -> None:
    """把库里的结果重新发到各区的流里；编号不变，已处理过的一方按编号忽略。"""
    from redis.asyncio import Redis

    from core.settings import load_settings

    first, _ = _span(since)
    _, last = _span(until or datetime.now(CHINA).date().isoformat())
    if first is None or last is None or first >= last:
        raise BadInput("--since must be a day before --until")

    async def work(store: Store) -> int:
        async with Redis.from_url(load_settings(os.environ).redis) as redis:
            return await _send_again(store, None if dry_run else redis, (first, last), district)

    sent = with_store(work)
    if as_json:
        print_json({"replayed": 0 if dry_run else sent, "found": sent})
    else:
        print(f"{'将发' if dry_run else '已重发'} {sent} 条")


async def _send_again(
    store: Store, redis: Redis | None, span: tuple[datetime, datetime], district: str
) -> int:
    """Append the results of ``span`` to their districts' streams; without ``redis`` only count them."""
    from casework.routing import district_of, stream_of
    from core.codec import to_json
    from core.streams import redis_errors

    sent, (start, last), seen = 0, span, ""
    while page := await store.results_between(start, last, after=seen):
        for result in page:
            place = district_of(result)
            if district not in ("", place):
                continue
            sent += 1
            if redis is not None:
                with redis_errors():
                    await redis.xadd(stream_of(place), {"json": to_json(result)})
        start, seen = page[-1].at, page[-1].result_id
    return sent


def _span(day: str) -> tuple[datetime | None, datetime | None]:
    if not day:
        return None, None
    try:
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=CHINA)
    except ValueError:
        raise BadInput(f"{day!r} is not a day", hint="write it as 2026-11-23") from None
    return start, start + timedelta(days=1)
