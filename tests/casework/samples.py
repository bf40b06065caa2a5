"""Fictional people and calls for these tests."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

from casework.results import call_result
from casework.store import Store
from casework.types import CallRecord, Campaign, Contact
from core.ids import result_id
from core.types import CallTask, Disposition, FieldValue, Result, Utterance

CHEN = Contact("陈小明", "13800138001", "天河区", {"wanted_jobs": ["保安"]})
LI = Contact("李桂芳", "sip:li@127.0.0.1:5071", "荔湾区")
WANG = Contact("王建国", "13800138003", "海珠区")


async def one_task(store: Store, contact: Contact = CHEN, **options: Any) -> tuple[Campaign, CallTask, int]:
    """Start a campaign of one person and hand the attempt out."""
    campaign = await store.start_campaign("测试", [contact], **options)
    fence = await store.take_fence()
    tasks = await store.hand_out(fence, 5)
    return campaign, tasks[0], fence


def finished(
    task: CallTask, at: datetime, disposition: Disposition = Disposition.COMPLETED, **fields: Any
) -> tuple[CallRecord, Result]:
    """What a voice worker writes about a call that lasted a minute and ended at ``at``."""
    known = {name: FieldValue(value, words="嗯", message_id="m2") for name, value in fields.items()}
    record = CallRecord(
        call_id=task.task_id,
        campaign_id=task.campaign_id,
        person_id=task.callee.person_id,
        callee_name=task.callee.name,
        callee_address=task.callee.address,
        district=task.callee.district,
        attempt=task.attempt,
        started_at=at - timedelta(minutes=1),
        answered_at=at - timedelta(seconds=50),
        ended_at=at,
        disposition=disposition,
        recording=f"20261123/{task.task_id}.wav",
        utterances=(
            Utterance("bot", f"请问是{task.callee.name}吗？", 0, 1800, "m1"),
            Utterance("resident", "是的，我想找100%稳定的工作", 2400, 3000, "m2", 0.9),
        ),
        fields=known,
        needs_review=("low_confidence",) if disposition is Disposition.PARTIAL else (),
        turn_gaps_ms=(820,),
        detail={"hung_up_by": "bot"},
    )
    return record, call_result(record, {}, confidence=0.9)


def intention(conversation: str, at: datetime) -> Result:
    """A job intention that a chat produced."""
    return Result(
        result_id=result_id("job_intention", conversation),
        kind="job_intention",
        subject=conversation,
        source=conversation,
        channel="web",
        at=at,
        fields={
            "wanted_jobs": FieldValue(["保安"], "想做保安", "m3", 0.98),
            "district": FieldValue("天河区", "天河那边", "m4", 0.95),
            "contact_consent": FieldValue(True, "可以", "m6", 0.99),
        },
    )


def with_disposition(pair: tuple[CallRecord, Result], disposition: Disposition) -> tuple[CallRecord, Result]:
    """The same call with another ending."""
    return (
        dataclasses.replace(pair[0], disposition=disposition),
        dataclasses.replace(pair[1], disposition=disposition),
    )
