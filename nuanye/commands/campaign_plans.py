"""The part of `nuanye campaign` that works with plans: audiences, tests with one number, lines."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from casework.audiences import AudienceCount
    from casework.pacing import LineLimits
    from casework.plans import CampaignPlan
    from casework.store import Store
    from casework.types import Campaign, CampaignProgress

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
CampaignId = Annotated[str, typer.Argument(metavar="ID", help="任务编号 · the campaign's id")]
PlanFile = Annotated[
    Path, typer.Argument(metavar="PLAN.yaml", help="任务方案，见 docs/campaigns.md · the campaign's plan")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group."""
    for command in (audience, prepare, launch, change, lines):
        app.command()(command)
    app.command("test")(try_number)


def bytes_of(path: Path) -> bytes:
    """Return the content of a plan file. Raises ``BadInput``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"the plan cannot be read ({type(error).__name__})", hint="check the path") from None


async def plan_from(store: Store, data: bytes | None) -> tuple[str, CampaignPlan]:
    """Read a plan under the limits in force; without one, the default plan."""
    from casework.plan_files import read_plan_file
    from casework.plans import CampaignPlan
    from core.clock import SystemClock

    if data is None:
        return "", CampaignPlan()
    return read_plan_file(data, SystemClock().now(), await store.contact_limits())


def audience(plan_file: PlanFile, as_json: AsJson = False) -> None:
    """统计方案的对象人数，不建立任务。"""

    data = bytes_of(plan_file)

    async def work(store: Store) -> AudienceCount:
        _, plan = await plan_from(store, data)
        if plan.audience is None:
            raise BadInput("the plan has no audience")
        return await store.count_audience(plan.audience)

    found = with_store(work)
    if as_json:
        print_json(found)
        return
    print(f"共 {found.persons} 人，其中免打扰 {found.barred} 人")
    for district, persons in found.districts.items():
        print(f"  {district or '（区不详）'}\t{persons}")


def prepare(
    plan_file: PlanFile,
    name: Annotated[str, typer.Option(help="任务名称，默认用方案中的 · the campaign's name")] = "",
    as_json: AsJson = False,
) -> None:
    """按方案从名册中选人并固定名单；核对人数后用 launch 启动。"""

    data = bytes_of(plan_file)

    async def work(store: Store) -> CampaignProgress:
        named, plan = await plan_from(store, data)
        campaign = await store.prepare_campaign(name or named or plan_file.stem, plan)
        progress = await store.campaign_progress(campaign.campaign_id)
        if progress is None:
            raise BadInput("the campaign is gone")
        return progress

    progress = with_store(work)
    if as_json:
        print_json(progress)
        return
    campaign_id = progress.campaign.campaign_id
    print(f"任务 {campaign_id} 名单已固定：{progress.persons} 人，其中免打扰 {progress.cancelled} 人")
    for district, persons in progress.districts.items():
        print(f"  {district or '（区不详）'}\t{persons}")
    print(f"启动：nuanye campaign launch {campaign_id}")


def launch(campaign_id: CampaignId, as_json: AsJson = False) -> None:
    """启动一个名单已固定的任务。"""

    async def work(store: Store) -> Campaign:
        return await store.launch(campaign_id)

    _say(with_store(work), "已启动", as_json)


def try_number(
    campaign_id: CampaignId,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="测试号码或 SIP 地址 · your own number")],
    name: Annotated[str, typer.Option(help="称呼 · whom to ask for")] = "测试员",
    variant: Annotated[str, typer.Option(help="话术版本，默认按比例分配 · which variant")] = "",
    as_json: AsJson = False,
) -> None:
    """用这个任务的方案只呼叫一个号码（不受时段与次数限制，不动原名单）。"""
    from casework.cells import read_address

    try:
        address = read_address(number)
    except ValueError as error:
        raise BadInput(str(error)) from None

    async def work(store: Store) -> Campaign:
        return await store.test_campaign(campaign_id, name, address, variant)

    _say(with_store(work), "测试呼叫已安排", as_json)


def change(campaign_id: CampaignId, plan_file: PlanFile, as_json: AsJson = False) -> None:
    """更换任务的方案（时段、重呼、优先级、并发等）；名单不变，下一次派发起生效。"""

    data = bytes_of(plan_file)

    async def work(store: Store) -> Campaign:
        _, plan = await plan_from(store, data)
        return await store.change_plan(campaign_id, plan)

    _say(with_store(work), "方案已更换", as_json)


def lines(
    trunk: Annotated[int | None, typer.Option(help="中继同时通话上限，0 为不限 · calls at once")] = None,
    per_second: Annotated[
        float | None, typer.Option(help="每秒最多发起几个呼叫，0 为不限 · calls per second")
    ] = None,
    caller: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBER=N", help="主叫号码同时通话上限，可多次 · at once per calling number"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """查看或修改全部任务共用的线路上限。"""
    callers = _callers(caller or [])

    async def work(store: Store) -> LineLimits:
        limits = await store.line_limits()
        wanted = dataclasses.replace(
            limits,
            trunk=limits.trunk if trunk is None else trunk,
            per_second=limits.per_second if per_second is None else per_second,
            callers={**limits.callers, **callers},
        )
        if wanted != limits:
            await store.set_line_limits(wanted)
            await store.log_access(this_user(), "set_line_limits", "")
        return wanted

    found = with_store(work)
    if as_json:
        print_json(found)
        return
    print(f"中继同时通话：{found.trunk or '不限'}  每秒发起：{found.per_second or '不限'}")
    for number, most in found.callers.items():
        print(f"  主叫 {number}\t{most or '不限'}")


def _callers(pairs: list[str]) -> dict[str, int]:
    found = {}
    for pair in pairs:
        number, _, most = pair.partition("=")
        if not number or not most.isdecimal():
            raise BadInput("caller: write it like 02083330001=10")
        found[number] = int(most)
    return found


def _say(campaign: Campaign, what: str, as_json: bool) -> None:
    if as_json:
        print_json({"campaign_id": campaign.campaign_id, "name": campaign.name, "state": campaign.state})
    else:
        print(f"任务 {campaign.campaign_id}（{campaign.name}）：{what}")
