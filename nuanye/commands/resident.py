"""`nuanye resident`: synthetic residents who answer SIP calls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.logs import configure_logs
from core.settings import Settings, load_settings


def resident(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="人物文件或自带人物的名字；留空为全部 · files or names, none: all"),
    ] = None,
    port: Annotated[int, typer.Option(help="SIP 端口，0 为任意空闲 · SIP port, 0: any free one")] = 0,
    recordings: Annotated[
        Path | None, typer.Option(help="把每通电话录到这个文件夹 · record every call into this folder")
    ] = None,
    check: Annotated[bool, typer.Option(help="只检查文件，不接电话 · only check the files")] = False,
    hear: Annotated[
        bool, typer.Option(help="列出识别器把每句话听成什么 · what the recogniser makes of every line")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """让模拟居民接听 SIP 电话，直到按下 Ctrl-C。"""
    from nuanye.commands._common import print_json
    from voice.resident.serve import load_personas

    settings = load_settings(os.environ)
    configure_logs(settings.log_level, process="resident")
    names = files or []
    if hear:
        from voice.resident.audition import audition, report

        rows = asyncio.run(audition(load_personas(names), settings))
        if as_json:
            print_json({"lines": rows})
        else:
            print(report(rows))
        return
    if check:
        people = load_personas(names)
        if as_json:
            print_json({"residents": [person.user for person in people]})
        else:
            print("\n".join(f"{person.user}  {person.name}  {len(person.lines)} 句" for person in people))
        return
    asyncio.run(_serve(settings, names, port, recordings, as_json))


async def _serve(
    settings: Settings, names: list[str], port: int, recordings: Path | None, as_json: bool
) -> None:
    from nuanye.commands._common import print_json
    from voice.resident.serve import serve_residents

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve_residents(settings, names, port=port, recordings=recordings) as street:
        if as_json:
            print_json({"residents": {p.user: street.address(p) for p in street.personas}})
            sys.stdout.flush()  # whoever started us waits at the other end of a pipe
        else:
            for person in street.personas:
                print(f"{person.name}  {street.address(person)}  {person.about}", flush=True)
        await stop.wait()
