"""Residents who wait for a person, for the tests of the pages."""

from __future__ import annotations

from datetime import timedelta

from casework.handover.types import Contact, HandoverLine, HandoverRequest, HandoverState
from casework.store import Store
from tests.console import seed

WAITING = "hand_" + "1" * 24
TASK = "hand_" + "2" * 24
URGENT = "hand_" + "3" * 24
PHONE = "13800138000"
_AT = seed.START + timedelta(minutes=20)


async def fill(store: Store) -> None:
    """One waits on WeChat, one has left a message on the web, one may be in danger."""
    for number, (key, channel, state, urgent) in enumerate(
        (
            (WAITING, "wechat", HandoverState.WAITING, False),
            (TASK, "web", HandoverState.TAKING, False),
            (URGENT, "kf", HandoverState.WAITING, True),
        )
    ):
        await store.ask_for_staff(
            HandoverRequest(
                handover_id=key,
                conversation_id=f"{channel}_{number}",
                channel=channel,
                message_id="m2",
                at=_AT + timedelta(minutes=number),
                state=state,
                urgent=urgent,
                district="天河区" if number == 0 else "",
                summary="居民问：失业金怎么领\n在天河区，想请工作人员看材料" if number == 0 else "",
            )
        )
        lines = [
            HandoverLine(f"{number}1-0", _AT, "resident", "失业金怎么领"),
            HandoverLine(
                f"{number}2-0", _AT, "bot", "参保满一年、非本人意愿中断就业、已办失业登记的，可以申领失业金。"
            ),
            HandoverLine(f"{number}3-0", _AT, "resident", "<b>我的材料</b>不全怎么办"),
            HandoverLine(f"{number}4-0", _AT, "notice", "我已经帮您叫了工作人员，一般 10 分钟内有人来。"),
        ]
        await store.copy_lines(key, lines, f"{number}4-0")
    await store.leave_task(TASK, Contact("想问失业金", "陈小明", PHONE))
