"""`nuanye dnc`: the do-not-call lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from datetime import datetime

    from casework.barring import ListedEntry
    from casework.store import Store

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="免打扰名单 · people who must not be contacted"
)

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
Address = Annotated[str, typer.Argument(metavar="NUMBER", help="电话号码或 SIP 地址 · number or SIP address")]
ListName = Annotated[str, typer.Option("--list", help="名单名称 · which list")]
Reason = Annotated[str, typer.Option(help="原因 · why")]
Expires = Annotated[str, typer.Option(metavar="DATE", help="到期日期，空为长期 · last day; empty: for good")]


@app.command()
def add(
    address: Address,
    list_name: ListName = "staff",
    reason: Reason = "",
    expires: Expires = "",
    as_json: AsJson = False,
) -> None:
    """登记一个号码；已安排的呼叫立即取消。"""
    from casework.barred_lists import check_list_name

    number, until, name = _number(address), _until(expires), check_list_name(list_name)

    async def work(store: Store) -> bool:
        return await store.add_do_not_call(
            number, source=this_user(), list_name=name, reason=reason, expires_at=until
        )

    added = with_store(work)
    if as_json:
        print_json({"added": added, "list": name})
    else:
        print("已登记。" if added else "名单中已有这个号码。")


@app.command()
def remove(
    address: Address,
    list_name: ListName = "",
    as_json: AsJson = False,
) -> None:
    """解除一个号码（不写名单则从全部名单解除）；记录保留，不会自动恢复呼叫。"""
    number = _number(address)

    async def work(store: Store) -> int:
        return await store.lift(number, by=this_user(), list_name=list_name)

    removed = with_store(work)
    if not removed:
        raise BadInput("this number is on no such list", hint="nuanye dnc list shows the entries")
    if as_json:
        print_json({"removed": removed})
    else:
        print(f"已从 {removed} 份名单解除。")


@app.command("list")
def list_(
    list_name: ListName = "",
    address: Annotated[str, typer.Option("--number", help="只看一个号码 · one number only")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="含已解除、已到期的 · also ended entries")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """列出名单，最新的在前（号码遮盖显示，最多 1000 条）。"""
    number = _number(address) if address else ""

    async def work(store: Store) -> tuple[ListedEntry, ...]:
        return await store.list_do_not_call(list_name=list_name, address=number, everything=everything)

    entries = with_store(work)
    if as_json:
        print_json({"entries": entries})
        return
    for entry in entries:
        print(_line(entry))
    if not entries:
        print("没有符合条件的记录。")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV 或 XLSX：手机号码、原因、到期日期")],
    list_name: ListName = "",
    reason: Reason = "",
    expires: Expires = "",
    as_json: AsJson = False,
) -> None:
    """导入一份名单（默认以文件名为名单名称）；有问题的行逐行指出，其余照常登记。"""
    from casework.barred_lists import check_list_name, read_barred
    from casework.barring import ListEntry
    from casework.register.tables import open_table

    name = check_list_name(list_name or file.stem[:40])
    like = ListEntry("", name, this_user(), reason=reason, expires_at=_until(expires))
    barred = read_barred(open_table(file), like)

    async def work(store: Store) -> int:
        return await store.bar(barred.entries)

    added = with_store(work)
    if as_json:
        print_json(
            {"list": name, "rows": len(barred.entries), "added": added, "problems": barred.problems[:1000]}
        )
        return
    for problem in barred.problems[:1000]:
        typer.echo(f"第 {problem.line} 行：{problem.reason}", err=True)
    print(
        f"名单 {name}：共 {len(barred.entries)} 个号码，新登记 {added} 个，有问题 {len(barred.problems)} 行"
    )


def _number(text: str) -> str:
    """Any address that may be on a list: a number, a SIP URI or a chat user (``wechat:…``)."""
    import re

    from casework.cells import clean, read_address

    plain = clean(text)
    if re.match(r"[a-z]{2,20}:[^/]", plain) and not plain.startswith("sip"):
        return plain
    try:
        return read_address(plain)
    except ValueError as error:
        raise BadInput(str(error), hint="a number, a SIP address, or channel:user") from None


def _until(text: str) -> datetime | None:
    from casework.barred_lists import read_expiry

    try:
        return read_expiry(text)
    except ValueError as error:
        raise BadInput(str(error), hint="write it like 2026-12-31") from None


def _line(entry: ListedEntry) -> str:
    from casework.titles import LISTS

    state = "" if entry.in_force else "（已解除）" if entry.lifted_at else "（已到期）"
    until = f"  至 {entry.expires_at.astimezone():%Y-%m-%d}" if entry.expires_at else ""
    name = LISTS.get(entry.list_name, entry.list_name)
    at = f"{entry.at.astimezone():%Y-%m-%d %H:%M}"
    return f"{at}  {entry.address or '—'}  {name}{state}{until}  {entry.reason}"
