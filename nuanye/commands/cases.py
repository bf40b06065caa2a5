"""`nuanye cases`: who needs help, what was done about it, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core.clock import CHINA
from core.errors import BadInput
from nuanye.commands._common import print_json, this_user, with_store

if TYPE_CHECKING:
    from datetime import datetime

    from casework.cases.types import Case, CaseEvent
    from casework.store import Store

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="帮扶个案 · who needs help, and what was done"
)

AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")]
CaseId = Annotated[str, typer.Argument(metavar="ID", help="个案编号 · the case's id")]
_NONE = "nuanye cases list shows them"


@app.command("list")
def list_cases(
    state: Annotated[str, typer.Option(help="open、overdue（逾期）、closed 或 all · which")] = "open",
    district: Annotated[str, typer.Option(help="只看一个区 · one district")] = "",
    street: Annotated[str, typer.Option(help="只看一个街道 · one street")] = "",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=200, help="最多几条 · at most")] = 50,
    after: Annotated[str, typer.Option(help="从哪个个案之后 · go on after this case")] = "",
    as_json: AsJson = False,
) -> None:
    """按到期时间列出个案，最急的在前。"""
    from casework.cases.types import CaseFilter, CasePage, CaseState
    from core.clock import SystemClock

    if state not in ("open", "overdue", "closed", "all"):
        raise BadInput("--state: must be open, overdue, closed or all")
    now = SystemClock().now()
    chosen = CaseState(state) if state in ("open", "closed") else None
    wanted = CaseFilter(chosen, district, street, now if state == "overdue" else None)

    async def work(store: Store) -> CasePage:
        return await store.list_cases(wanted, count, after)

    page = with_store(work)
    if as_json:
        print_json({"cases": page.cases, "after": page.after})
        return
    for case in page.cases:
        print(_line(case, now))
    print(f"共 {len(page.cases)} 件" + (f"，后续：--after {page.after}" if page.after else ""))


@app.command()
def show(case_id: CaseId, as_json: AsJson = False) -> None:
    """显示一个个案和它的经过。"""
    from casework.titles import CASE_EVENTS, OUTCOMES
    from core.clock import SystemClock

    async def work(store: Store) -> tuple[Case | None, tuple[CaseEvent, ...]]:
        return await store.get_case(case_id), await store.case_timeline(case_id)

    case, timeline = with_store(work)
    if case is None:
        raise BadInput("no case with this id", hint=_NONE)
    if as_json:
        print_json({"case": case, "timeline": timeline})
        return
    print(_line(case, SystemClock().now()))
    for event in timeline:
        said = "  ".join(
            filter(None, (OUTCOMES.get(event.outcome, event.outcome), event.by, event.result_id))
        )
        print(f"  {_time(event.at)}  {CASE_EVENTS[event.kind]}  {said}")
        if event.note:
            print(f"      {event.note}")


@app.command()
def answer(
    case_id: CaseId,
    outcome: Annotated[
        str,
        typer.Argument(help="reviewed、contacted、offered、placed、refused 或 not_found · what was done"),
    ],
    note: Annotated[str, typer.Option(help="说明 · a note, kept encrypted")] = "",
    as_json: AsJson = False,
) -> None:
    """登记做了什么；placed、refused、not_found 结案。"""
    from core.types import FeedbackOutcome

    if outcome not in {each.value for each in FeedbackOutcome}:
        raise BadInput(f"outcome: must be one of {', '.join(each.value for each in FeedbackOutcome)}")

    async def work(store: Store) -> Case:
        return await store.answer_case(case_id, FeedbackOutcome(outcome), by=this_user(), note=note)

    case = with_store(work)
    if as_json:
        print_json(case)
    else:
        print("已登记，已结案。" if case.outcome else "已登记。")


def _line(case: Case, now: datetime) -> str:
    from casework.cases.types import CaseState
    from casework.titles import CASE_REASONS, LEVELS, OUTCOMES

    reasons = "、".join(CASE_REASONS.get(reason, reason) for reason in case.reasons)
    if case.state is CaseState.OPEN:
        state = f"{'逾期' if case.due_at < now else '到期'} {_time(case.due_at)}  {LEVELS[case.level]}"
    else:
        state = f"已结案：{OUTCOMES.get(case.outcome, case.outcome)}"
    place = f"{case.district}{case.street}"
    return f"{case.case_id}  {place}  {'紧急 ' if case.urgent else ''}{reasons}  {state}"


def _time(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%m-%d %H:%M")
