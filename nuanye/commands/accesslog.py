"""`nuanye accesslog`: who played, looked at and exported what, and whether the log is whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nuanye.commands._common import print_json, with_store

if TYPE_CHECKING:
    from casework.keeping.chain import Entry, Finding
    from casework.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help="查阅日志 · the access log")

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]

_PROBLEMS = {
    "entry": "第 {at} 条与链不符：被改动、插入或删除",
    "head": "链尾记录的签名不符",
    "tail": "第 {at} 条起缺失或多出",
    "expected": "先前记下的链尾不在链中",
}


@app.command()
def verify(
    expect: Annotated[
        str, typer.Option(metavar="HEAD", help="先前记下的链尾，确认其前各条未变 · a head noted earlier")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """逐条核对查阅日志的哈希链；不完整时以状态 1 结束。请把链尾定期抄到别处。"""

    async def work(store: Store) -> Finding:
        return await store.verify_access_log(expect)

    found = with_store(work)
    if as_json:
        print_json({"ok": found.ok, **asdict(found)})
    elif found.ok:
        print(f"完整：{found.entries} 条（到期已删 {found.removed} 条）\n链尾 {found.head}")
    else:
        print(_PROBLEMS[found.problem].format(at=found.broken_at))
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def show(
    username: Annotated[str, typer.Option("--user", help="只看一个人 · one person's")] = "",
    object_id: Annotated[str, typer.Option("--object", help="只看一个对象 · about one call, person …")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多几条 · how many")] = 50,
    as_json: AsJson = False,
) -> None:
    """列出最近的查阅。"""

    async def work(store: Store) -> tuple[Entry, ...]:
        return await store.read_access_log(username=username, object_id=object_id, limit=limit)

    entries = with_store(work)
    if as_json:
        print_json({"entries": entries})
        return
    for entry in entries:
        print(
            f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}  {entry.username}  {entry.action}  {entry.object_id}"
        )
