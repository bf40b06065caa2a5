"""`nuanye results`: what was learnt, as it goes to the districts."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from core.clock import CHINA
from core.errors import BadInput
from core.titles import DISPOSITIONS, KINDS
from nuanye.commands._common import print_json, with_store
from nuanye.commands.results_upkeep import dead, reconcile, replay

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from casework.store import Store
    from core.types import Result

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="结果队列：每通电话、每份求职意向 · the results queue"
)

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · one JSON object per line")]


@app.command()
def tail(
    start: Annotated[
        str, typer.Option("--from", help="从何处开始：new、begin 或流编号 · new, begin or an entry id")
    ] = "new",
    count: Annotated[
        int, typer.Option("--count", "-n", help="显示几条后结束，0 为一直等待 · 0: for ever")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """实时显示新结果，Ctrl-C 结束。"""
    try:
        asyncio.run(_tail(start, count, as_json))
    except KeyboardInterrupt:
        return


@app.command()
def show(
    result_id: Annotated[str, typer.Argument(metavar="ID", help="结果编号 · the result's id")],
    as_json: AsJson = False,
) -> None:
    """显示一条结果及其依据。"""

    async def work(store: Store) -> tuple[Result | None, str]:
        return await store.get_result(result_id), await store.entry_of(result_id)

    result, entry_id = with_store(work)
    if result is None:
        raise BadInput("no result with this id", hint="nuanye results tail --from begin shows them")
    if as_json:
        print_json({"stream_id": entry_id, "result": result})
        return
    _print_line(entry_id or "（待发布）", result)
    for field, value in result.fields.items():
        words = f"  “{value.words}”" if value.words else ""
        print(f"  {field}: {value.value}  {value.confidence:.0%}{words}")


for _command in (reconcile, dead, replay):
    app.command()(_command)


async def _tail(start: str, count: int, as_json: bool) -> None:
    from redis.asyncio import Redis

    from core.settings import load_settings

    shown = 0
    async with Redis.from_url(load_settings(os.environ).redis) as redis:
        async for entry_id, result in follow(redis, start):
            if as_json:
                print_json({"stream_id": entry_id, "result": result})
            else:
                _print_line(entry_id, result)
            shown += 1
            if shown == count:
                return


async def follow(redis: Redis, start: str = "new") -> AsyncIterator[tuple[str, Result]]:
    """Yield entries of the results stream from ``start`` on, for ever.

    Raises ``QueueError``; ``BadInput`` when ``start`` is not a place in a stream.
    """
    from core.codec import from_json
    from core.streams import RESULTS_STREAM, read_from
    from core.types import Result

    if not re.fullmatch(r"new|begin|\d+(-\d+)?", start):
        raise BadInput("--from: must be new, begin or an entry id such as 1732312312312-0")
    last = {"new": "$", "begin": "0"}.get(start, start)
    async for entry_id, payload in read_from(redis, RESULTS_STREAM, last):
        yield entry_id, from_json(payload, Result)


def _print_line(entry_id: str, result: Result) -> None:
    at = result.at.astimezone(CHINA).strftime("%m-%d %H:%M:%S")
    ended = DISPOSITIONS.get(result.disposition, "") if result.disposition else ""
    review = f"  待复核：{'、'.join(result.needs_review)}" if result.needs_review else ""
    print(
        f"{at}  {entry_id}  {KINDS.get(result.kind, result.kind)}  {ended}  {result.result_id}{review}",
        flush=True,
    )
