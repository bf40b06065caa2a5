"""`nuanye contacts`: the contact budget of all campaigns and channels, and its proof per person."""

from __future__ import annotations

import csv
import dataclasses
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.proof import ContactProof
    from casework.rules import Limits
    from casework.store import Store

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="联系次数与凭证 · the contact budget and its proof"
)

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
_COLUMNS = (
    "时间", "渠道", "任务编号", "任务名称", "呼叫编号", "规则", "说明", "允许", "当日", "近7天", "近30天",
    "最早可再联系", "通话结果",
)  # fmt: skip


@app.command()
def proof(
    who: Annotated[
        str, typer.Argument(metavar="PERSON", help="人员编号、电话号码或 SIP 地址 · person id or address")
    ],
    as_csv: Annotated[bool, typer.Option("--csv", help="输出 CSV · print CSV")] = False,
    as_json: AsJson = False,
) -> None:
    """导出一个人的联系凭证：每次联系由哪条规则允许或阻止。导出会记入查阅日志。"""

    async def work(store: Store) -> ContactProof:
        found = await store.contact_proof(who)
        if not found.contacts and not found.lists and not found.person_ids:
            raise BadInput("nobody with this id or address is known")
        subject = found.person_ids[0] if found.person_ids else "unregistered"
        await store.log_access(this_user(), "export_contact_proof", subject)
        return found

    found = with_store(work)
    if as_json:
        print_json(found)
    elif as_csv:
        from casework.cells import neutral

        writer = csv.writer(sys.stdout)
        writer.writerow(_COLUMNS)
        writer.writerows([neutral(cell) for cell in row] for row in _rows(found))
    else:
        _show(found)


@app.command()
def limits(
    day: Annotated[int | None, typer.Option(help="每人每天最多几次 · per person and day")] = None,
    week: Annotated[int | None, typer.Option(help="每人任意 7 天最多几次 · in any 7 days")] = None,
    month: Annotated[int | None, typer.Option(help="每人任意 30 天最多几次 · in any 30 days")] = None,
    hours: Annotated[
        str,
        typer.Option(metavar="HH:MM-HH:MM", help="只在此时段内联系，其余为静默时段 · quiet outside these"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """查看或修改全部任务、全部渠道共用的联系上限；立即生效。"""
    wanted: dict[str, int] = {
        name: value for name, value in (("day", day), ("week", week), ("month", month)) if value is not None
    }
    if hours:
        wanted["opens"], wanted["closes"] = _span(hours)

    async def work(store: Store) -> Limits:
        now = await store.contact_limits()
        if wanted:
            now = dataclasses.replace(now, **wanted)
            await store.set_contact_limits(now)
            await store.log_access(this_user(), "set_contact_limits", "")
        return now

    found = with_store(work)
    if as_json:
        print_json(found)
        return
    print(f"每人每天最多 {found.day} 次，任意 7 天 {found.week} 次，任意 30 天 {found.month} 次")
    print(f"只在 {_clock(found.opens)} 至 {_clock(found.closes)} 之间联系，法定节假日不联系")


def _rows(found: ContactProof) -> list[list[str]]:
    from casework.permission import Rule
    from casework.titles import RULES
    from core.titles import DISPOSITIONS
    from core.types import Disposition

    return [
        [
            f"{each.at.astimezone():%Y-%m-%d %H:%M:%S}",
            each.channel,
            each.campaign_id,
            each.campaign,
            each.attempt_id,
            each.rule,
            RULES[Rule(each.rule)],
            "是" if each.allowed else "否",
            *(str(each.detail.get("earlier", {}).get(span, "")) for span in ("day", "week", "month")),
            str(each.detail.get("until", "")),
            DISPOSITIONS[Disposition(each.disposition)] if each.disposition else "",
        ]
        for each in found.contacts
    ]


def _show(found: ContactProof) -> None:
    for row in _rows(found):
        print(f"{row[0]}  {row[6]}  {row[1]}  {row[3]}  {row[12]}")
    for entry in found.lists:
        state = "生效" if entry.in_force else "已失效"
        print(f"免打扰（{state}）：{entry.list_name}  {entry.at.astimezone():%Y-%m-%d %H:%M}  {entry.reason}")


def _span(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)", text)
    if not match:
        raise BadInput("hours: not a span of time", hint="write it like 09:00-20:00")
    a, b, c, d = (int(part) for part in match.groups())
    return a * 60 + b, c * 60 + d


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
