"""`nuanye knowledge`: keep the policy knowledge in order."""

from __future__ import annotations

import json as json_module
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput

if TYPE_CHECKING:
    from bot.knowledge.check import Report

app = typer.Typer(help="政策知识库 · policy knowledge", no_args_is_help=True, add_completion=False)


@app.command()
def check(
    today: Annotated[
        str, typer.Option("--today", help="按哪一天检查到期，YYYY-MM-DD · judge end dates as of this day")
    ] = "",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="知识库目录，缺省为自带的 · knowledge folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """检查政策文件：格式、编号、引用、口语稿、到期 · check the policy files; exit 1 on errors."""
    from bot.knowledge.check import check_knowledge
    from bot.knowledge.loader import KNOWLEDGE_DIR

    report = check_knowledge(_day(today), folder or KNOWLEDGE_DIR)
    if as_json:
        print(json_module.dumps(_plain(report), ensure_ascii=False))
    else:
        _print(report)
    raise typer.Exit(1 if report.errors else 0)


@app.command()
def prepare() -> None:
    """计算检索索引并缓存；缓存有效时立即结束 · compute and cache the retrieval index."""
    import os
    import time

    from bot.knowledge import load_entries
    from bot.retrieval import PolicyIndex
    from core.settings import load_settings

    started = time.monotonic()
    entries = load_entries()
    PolicyIndex.load(entries, load_settings(os.environ).cache)
    print(f"检索索引就绪：{len(entries)} 条政策，{time.monotonic() - started:.0f} 秒")


def _day(text: str) -> date:
    if not text:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("--today must be a date", hint="for example 2026-11-22") from None


def _plain(report: Report) -> dict[str, object]:
    return {
        "ok": not report.errors,
        "entries": report.entries,
        "by_status": report.by_status,
        "errors": list(report.errors),
        "verify": list(report.verify),
        "expired": list(report.expired),
        "expiring": [
            {"id": item.id, "ends": item.ends.isoformat(), "days": item.days} for item in report.expiring
        ],
    }


def _print(report: Report) -> None:
    counts = "，".join(f"{name} {count}" for name, count in report.by_status.items())
    print(f"{report.entries} 条：{counts}")
    for title, lines in (
        ("错误", report.errors),
        ("须核实（verify）", report.verify),
        ("已停止（expired）", report.expired),
        ("即将或已经到期", [f"{item.id}  {item.ends}（{item.days} 天）" for item in report.expiring]),
    ):
        if lines:
            print(f"\n{title}：{len(lines)}")
            for line in lines:
                print(f"  {line}")
    print("\n有错误，请先改正。" if report.errors else "\n没有错误。")
