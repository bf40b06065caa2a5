"""`nuanye knowledge`: check, edit in a draft, compare, publish, go back."""

from __future__ import annotations

import asyncio
import json as json_module
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import BadInput
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from bot.knowledge.check import Report
    from bot.knowledge.store import Change, KnowledgeStore

app = typer.Typer(help="政策知识库 · policy knowledge", no_args_is_help=True, add_completion=False)
_SHOWN = 120  # characters of a value in a comparison

ByOption = Annotated[str, typer.Option("--by", help="谁发布的，记入日志 · who, for the log")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]


@app.command()
def check(
    today: Annotated[
        str, typer.Option("--today", help="按哪一天检查到期，YYYY-MM-DD · judge end dates as of this day")
    ] = "",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="知识库目录，缺省为草稿或线上版 · knowledge folder")
    ] = None,
    reach: Annotated[
        bool, typer.Option("--reach/--no-reach", help="也查问不到的条目，约十秒 · also what nobody finds")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """检查政策文件：格式、口语稿、到期、互相矛盾、问不到的 · check the policy files; exit 1 on errors."""
    from bot.knowledge.check import check_knowledge

    settings = load_settings(os.environ)
    where = folder or _folder(settings)
    report = check_knowledge(_day(today), where)
    unreachable = _unreachable(where, settings) if reach and not report.errors else []
    if as_json:
        print(json_module.dumps(_plain(report, unreachable), ensure_ascii=False))
    else:
        _print(report, unreachable)
    raise typer.Exit(1 if report.errors else 0)


@app.command()
def draft(
    discard: Annotated[bool, typer.Option("--discard", help="丢掉草稿 · throw the draft away")] = False,
) -> None:
    """取得草稿目录，没有就从线上版复制 · the folder to edit, made from the live version."""
    store = _store()
    if discard:
        store.discard_draft()
        print("草稿已丢掉。")
        return
    print(store.draft().folder)


@app.command()
def diff(
    against: Annotated[
        str,
        typer.Option("--against", help="和哪个版本比，缺省为线上版 · compare the draft with this version"),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """草稿和线上版差在哪里 · what the draft changes."""
    from bot.knowledge.store import compare

    store = _store()
    other = store.version(against) if against else store.live()
    changes = compare(other.folder, store.draft().folder)
    if as_json:
        print(json_module.dumps([_change(item) for item in changes], ensure_ascii=False))
        return
    names = {"added": "新增", "removed": "删除", "changed": "修改"}
    for item in changes:
        print(f"{names[item.kind]}  {item.entry_id}  {item.title}")
        for field, (old, new) in item.fields.items() if item.kind == "changed" else ():
            print(f"    {field}\n      - {_short(old)}\n      + {_short(new)}")
    print(f"和 {other.name} 相比：{len(changes)} 处不同。")


@app.command()
def publish(
    by: ByOption = "",
    note: Annotated[str, typer.Option("--note", help="改了什么、为什么 · what and why")] = "",
) -> None:
    """发布草稿：检查无误后成为线上版 · make the draft the live version; refused when it has errors."""
    store = _store()
    before = store.live().name
    version = store.publish(by=by or _login(), note=note, at=datetime.now(UTC))
    if version.name == before:
        print(f"草稿和线上版 {before} 一样，没有发布。")
        return
    print(f"已发布 {version.name}（原来是 {before}）。{_tell(load_settings(os.environ))}")


@app.command()
def rollback(
    version: Annotated[
        str, typer.Argument(help="回到哪个版本，缺省为上一个；shipped 是随程序带的 · back to this version")
    ] = "",
    by: ByOption = "",
) -> None:
    """回到以前的版本 · put an earlier version in force."""
    found = _store().roll_back(version, by=by or _login(), at=datetime.now(UTC))
    print(f"线上版现在是 {found.name}。{_tell(load_settings(os.environ))}")


@app.command()
def versions(as_json: JsonOption = False) -> None:
    """列出版本和发布记录 · the versions and who published them."""
    store = _store()
    live = store.live().name
    if as_json:
        print(json_module.dumps({"live": live, "log": list(store.log())}, ensure_ascii=False))
        return
    for name in ("shipped", *store.versions()):
        print(f"{'*' if name == live else ' '} {name}")
    for entry in store.log():
        print(f"{entry['at'][:16]}  {entry['event']}  {entry['version']}  {entry['by']}  {entry['note']}")


@app.command()
def prepare() -> None:
    """计算检索索引并缓存；缓存有效时立即结束 · compute and cache the retrieval index."""
    import time

    from bot.knowledge import load_entries
    from bot.retrieval import PolicyIndex

    started = time.monotonic()
    settings = load_settings(os.environ)
    entries = load_entries(_store().live().folder)
    PolicyIndex.load(entries, settings.cache)
    print(f"检索索引就绪：{len(entries)} 条政策，{time.monotonic() - started:.0f} 秒")


def _store() -> KnowledgeStore:
    from bot.knowledge.store import KnowledgeStore

    return KnowledgeStore(load_settings(os.environ).data_dir / "knowledge")


def _folder(settings: Settings) -> Path:
    own = settings.data_dir / "knowledge" / "draft"
    return own if own.exists() else _store().live().folder


def _unreachable(folder: Path, settings: Settings) -> list[str]:
    from bot.knowledge.loader import load_entries, load_out_of_scope
    from bot.reach import unreachable
    from bot.retrieval import PolicyIndex

    index = PolicyIndex.load(load_entries(folder), settings.cache, load_out_of_scope(folder))
    return list(unreachable(index))


def _tell(settings: Settings) -> str:
    """Ask a running core to reload at once; it would find out by itself within seconds."""
    import aiohttp

    async def post() -> str:
        url = f"{settings.dialogue_base_url}/v1/model/reload"
        try:
            timeout = aiohttp.ClientTimeout(total=60)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url) as response:
                return "对话服务已换上。" if response.status == 200 else "对话服务没有换上，请看它的日志。"
        except (aiohttp.ClientError, TimeoutError):
            return "对话服务没有运行，启动后用新版本。"

    return asyncio.run(post())


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _day(text: str) -> date:
    if not text:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("--today must be a date", hint="for example 2026-11-22") from None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _change(item: Change) -> dict[str, Any]:
    fields = {name: {"old": old, "new": new} for name, (old, new) in item.fields.items()}
    return {"id": item.entry_id, "kind": item.kind, "title": item.title, "fields": fields}


def _plain(report: Report, unreachable: list[str]) -> dict[str, object]:
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
        "contradicting": list(report.contradicting),
        "unreachable": unreachable,
    }


def _print(report: Report, unreachable: list[str]) -> None:
    counts = "，".join(f"{name} {count}" for name, count in report.by_status.items())
    print(f"{report.entries} 条：{counts}")
    for title, lines in (
        ("错误", report.errors),
        ("须核实（verify）", report.verify),
        ("已停止（expired）", report.expired),
        ("即将或已经到期", [f"{item.id}  {item.ends}（{item.days} 天）" for item in report.expiring]),
        ("互相矛盾", report.contradicting),
        ("问不到", unreachable),
    ):
        if lines:
            print(f"\n{title}：{len(lines)}")
            for line in lines:
                print(f"  {line}")
    print("\n有错误，请先改正。" if report.errors else "\n没有错误。")
