"""`nuanye campaign`: call a short list of people, and see how far it has come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from core.titles import DISPOSITIONS
from core.types import Disposition
from nuanye.commands import campaign_plans
from nuanye.commands._common import print_json, with_store

if TYPE_CHECKING:
    from casework.importer import ImportedList
    from casework.store import Store
    from casework.types import Campaign, CampaignProgress

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="外呼任务：按名单逐一回访 · follow up a list of people by phone",
)

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
CampaignId = Annotated[str, typer.Argument(metavar="ID", help="任务编号 · the campaign's id")]

PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", metavar="PLAN.yaml", help="任务方案，见 docs/campaigns.md · the campaign's plan"),
]

_STATES = {
    "draft": "导入中",
    "ready": "待启动",
    "running": "进行中",
    "paused": "已暂停",
    "stopped": "已停止",
    "finished": "已完成",
}


@app.command()
def start(
    list_csv: Annotated[
        Path, typer.Argument(metavar="LIST.csv", help="名单：姓名、手机号码（或 SIP 地址）、区、已知情况")
    ],
    name: Annotated[str, typer.Option(help="任务名称，默认用文件名 · the campaign's name")] = "",
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="立即呼叫，不受时段与频次限制（仅供演练） · rehearsal: ignore calling hours"
        ),
    ] = False,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="跳过有问题的行 · leave out rows with problems")
    ] = False,
    plan_file: PlanOption = None,
    as_json: AsJson = False,
) -> None:
    """导入名单并开始呼叫。名单有问题时逐行指出，默认一行也不呼叫。"""
    plan_data = campaign_plans.bytes_of(plan_file) if plan_file else None
    imported = _read(list_csv)
    for problem in imported.problems:
        typer.echo(f"第 {problem.line} 行：{problem.reason}", err=True)
    if imported.problems and not skip_bad_rows:
        raise BadInput(
            f"{len(imported.problems)} rows of the list have problems; nobody is called",
            hint="correct them, or use --skip-bad-rows",
        )

    async def work(store: Store) -> Campaign:
        named, plan = await campaign_plans.plan_from(store, plan_data)
        title = name or named or list_csv.stem
        return await store.start_campaign(title, imported.contacts, ignore_window=now, plan=plan)

    _show_start(with_store(work), imported, as_json)


def _show_start(campaign: Campaign, imported: ImportedList, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "campaign_id": campaign.campaign_id,
                "name": campaign.name,
                "contacts": len(imported.contacts),
                "problems": imported.problems,
                "ignored_columns": imported.ignored_columns,
            }
        )
        return
    if imported.ignored_columns:
        print(f"未使用的列：{'、'.join(imported.ignored_columns)}")
    print(f"任务 {campaign.campaign_id} 已开始，共 {len(imported.contacts)} 人。")
    print(f"查看进度：nuanye campaign show {campaign.campaign_id}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """列出最近的任务。"""

    async def work(store: Store) -> tuple[Campaign, ...]:
        return await store.list_campaigns()

    campaigns = with_store(work)
    if as_json:
        print_json({"campaigns": campaigns})
        return
    if not campaigns:
        print("还没有任务。用 nuanye campaign start LIST.csv 开始一个。")
    for campaign in campaigns:
        created = campaign.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{campaign.campaign_id}  {_STATES[campaign.state]}  {created}  {campaign.name}")


@app.command()
def show(campaign_id: CampaignId, as_json: AsJson = False) -> None:
    """显示一个任务的进度。"""

    async def work(store: Store) -> CampaignProgress | None:
        return await store.campaign_progress(campaign_id)

    progress = with_store(work)
    if progress is None:
        raise BadInput("no campaign with this id", hint="nuanye campaign list shows them")
    if as_json:
        print_json(progress)
        return
    print(f"{progress.campaign.name}（{_STATES[progress.campaign.state]}）  共 {progress.persons} 人")
    print(
        f"待呼 {progress.planned}  已派 {progress.queued}  通话中 {progress.running}  "
        f"已结束 {progress.ended}  已取消 {progress.cancelled}"
    )
    for disposition, count in sorted(progress.dispositions.items(), key=lambda item: -item[1]):
        print(f"  {DISPOSITIONS[Disposition(disposition)]}\t{count}")
    for variant, endings in sorted(progress.variants.items()):
        done = endings.get("completed", 0)
        print(f"话术 {variant}：已结束 {sum(endings.values())}，完成 {done}")
    if progress.campaign.pause_reason:
        print("已自动暂停：近期通话失败过多。查明原因后用 nuanye campaign resume 继续。")
    if progress.next_due is not None:
        print(f"下一次呼叫：{progress.next_due.astimezone().strftime('%Y-%m-%d %H:%M')}")


@app.command()
def pause(campaign_id: CampaignId) -> None:
    """暂停：正在进行的通话继续，其余不再派出。"""
    _set_state(campaign_id, "paused")


@app.command()
def resume(campaign_id: CampaignId) -> None:
    """继续已暂停的任务。"""
    _set_state(campaign_id, "running")


@app.command()
def stop(campaign_id: CampaignId) -> None:
    """停止：未呼叫的全部取消，不可恢复。"""
    _set_state(campaign_id, "stopped")


def _set_state(campaign_id: str, state: str) -> None:
    from casework.types import CampaignState

    async def work(store: Store) -> Campaign:
        return await store.set_campaign_state(campaign_id, CampaignState(state))

    campaign = with_store(work)
    print(f"任务 {campaign.campaign_id}：{_STATES[campaign.state]}")


def _read(path: Path) -> ImportedList:
    from casework.importer import read_list

    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"the list cannot be read ({type(error).__name__})", hint="check the path") from None
    return read_list(data)


campaign_plans.add_to(app)
