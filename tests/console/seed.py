"""Fictional people, their calls and a recording with a voice-like sound on either channel."""

from __future__ import annotations

import wave
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from argon2 import PasswordHasher

from casework.store import Store
from casework.types import CallRecord
from core.ids import result_id
from core.types import Disposition, FieldValue, Result, Utterance

RATE_HZ = 8000
PASSWORD = "correct horse battery"
USER = "lin.xia"
RECORDING = "20261122/att_0000000000000000000000a1.wav"
CALL_ID = "att_0000000000000000000000a1"
HOSTILE_CALL_ID = "att_0000000000000000000000bb"
START = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)

# speaker, text, seconds spoken, pause before it, confidence
_TALK: tuple[tuple[str, str, float, float, float | None], ...] = (
    (
        "bot",
        "您好，我是市就业中心的智能语音助手，本次通话会录音。请问您是陈小明本人吗？",
        8.4,
        0.6,
        None,
    ),
    ("resident", "是的，我是。", 1.4, 0.7, 0.94),
    ("bot", "现在方便聊两三分钟吗？", 2.2, 1.3, None),
    ("resident", "可以，你说吧。", 1.5, 0.5, 0.91),
    ("bot", "请问您最近的就业情况怎么样？", 2.6, 1.5, None),
    ("resident", "上个月厂里裁员，现在还在找工作。", 3.6, 0.9, 0.88),
    ("bot", "明白了。您想找什么样的工作？", 2.6, 1.4, None),
    ("resident", "想找个仓库的活，或者开叉车也行，我有叉车证。", 4.4, 1.1, 0.82),
    ("bot", "好的，仓库管理员或者叉车司机。您希望在哪个区上班？", 4.2, 1.6, None),
    ("resident", "最好在荔湾，白云也可以吧。", 2.8, 0.8, 0.57),
    ("bot", "您期望的月薪大概是多少？", 2.3, 1.9, None),
    ("resident", "五千到六千就差不多了。", 2.5, 0.6, 0.9),
    ("bot", "如果有合适的岗位，可以打电话或者发短信", 2.9, 1.4, None),
    ("resident", "可以可以，直接打我电话。", 2.2, 0.1, 0.86),
    ("bot", "好的。现在有免费的技能培训，您有兴趣吗？", 3.5, 1.2, None),
    ("resident", "电工证的培训有没有？我想学那个。", 3.0, 0.9, 0.84),
    ("bot", "有的，已经帮您记下。家里有没有什么困难，需要我们帮忙的？", 4.6, 1.5, None),
    ("resident", "我妈身体不好，要人照顾，所以太远的地方去不了。", 4.4, 1.2, 0.79),
    (
        "bot",
        "记下了。您想做仓库或者叉车，在荔湾区，五千到六千，想学电工。这样对吗？",
        7.6,
        2.7,
        None,
    ),
    ("resident", "对，没错。", 1.1, 0.6, 0.95),
    ("bot", "谢谢您，我们会尽快联系您。祝您早日找到合适的工作，再见。", 4.8, 1.1, None),
)

_FIELDS: dict[str, tuple[Any, str, int, float]] = {
    "identity": ("self", "我是", 1, 0.94),
    "convenient": (True, "可以", 3, 0.91),
    "employment_status": ("unemployed", "现在还在找工作", 5, 0.88),
    "wanted_jobs": (["仓库管理员", "叉车司机"], "仓库的活，或者开叉车", 7, 0.82),
    "district": ("荔湾区", "最好在荔湾", 9, 0.57),
    "expected_pay": ({"min": 5000, "max": 6000, "unit": "yuan_per_month"}, "五千到六千", 11, 0.9),
    "contact_consent": (True, "可以可以", 13, 0.86),
    "training_wish": (True, "我想学那个", 15, 0.84),
    "training_topic": ("电工", "电工证的培训", 15, 0.84),
    "hardship": (["caring"], "我妈身体不好，要人照顾", 17, 0.79),
    "summary_confirmed": (True, "对，没错", 19, 0.95),
}


def talk() -> tuple[Utterance, ...]:
    """The conversation on the recording's time line."""
    lines: list[Utterance] = []
    at = 0.0
    for index, (speaker, text, seconds, pause, confidence) in enumerate(_TALK):
        at += pause
        lines.append(
            Utterance(
                speaker=speaker,
                text=text,
                start_ms=round(at * 1000),
                end_ms=round((at + seconds) * 1000),
                message_id=f"m{index}" if speaker == "resident" else "",
                confidence=confidence,
                interrupted=index == 12,
            )
        )
        at += seconds
    return tuple(lines)


def spoken_fields(lines: tuple[Utterance, ...]) -> dict[str, FieldValue]:
    """What was learnt, each with its words and where they were said."""
    fields = {
        name: FieldValue(value, words, f"m{line}", sure, "said", lines[line].start_ms, lines[line].end_ms)
        for name, (value, words, line, sure) in _FIELDS.items()
    }
    return fields | {"working_time": FieldValue("full_time", source="register")}


def write_recording(path: Path, lines: tuple[Utterance, ...]) -> None:
    """Write the stereo WAV: a hum with syllables wherever somebody speaks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    total = (lines[-1].end_ms + 900) * RATE_HZ // 1000
    sound = np.zeros((total, 2))
    random = np.random.default_rng(7)
    for line in lines:
        first, last = line.start_ms * RATE_HZ // 1000, line.end_ms * RATE_HZ // 1000
        time = np.arange(last - first) / RATE_HZ
        pitch = 150 if line.speaker == "resident" else 210
        # Syllables differ in loudness from one to the next, as speech does.
        loud = np.repeat(random.uniform(0.15, 1, int(time[-1] * 4.5) + 2), RATE_HZ * 2 // 9)[: len(time)]
        swell = np.abs(np.sin(np.pi * 4.5 * time)) * np.pad(loud, (0, len(time) - len(loud)))
        voice = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in (1, 2, 3))
        channel = 0 if line.speaker == "resident" else 1
        sound[first:last, channel] += (0.22 if channel == 0 else 0.34) * swell * voice
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def completed_call() -> CallRecord:
    """The whole follow-up, with recording."""
    lines = talk()
    return CallRecord(
        call_id=CALL_ID,
        campaign_id="cam_demo",
        person_id="per_1",
        callee_name="陈小明",
        callee_address="13800138001",
        district="荔湾区",
        attempt=1,
        started_at=START,
        answered_at=START + timedelta(seconds=9),
        ended_at=START + timedelta(seconds=9 + lines[-1].end_ms // 1000 + 1),
        disposition=Disposition.COMPLETED,
        recording=RECORDING,
        utterances=lines,
        fields=spoken_fields(lines),
        needs_review=("low_confidence", "hardship_signal"),
        turn_gaps_ms=(1300, 1500, 1400, 1600, 1900, 1400, 1200, 1500, 2700, 1100),
        detail={"hung_up_by": "bot", "sip_code": 200, "sip_reason": "OK", "recognizer": "whisper"},
    )


_OTHERS: tuple[tuple[str, str, str, Disposition, tuple[str, ...], int], ...] = (
    ("周建国", "13800138012", "天河区", Disposition.NO_ANSWER, (), 46),
    ("李秀兰", "13800138023", "海珠区", Disposition.CALLBACK, (), 38),
    ("黄志强", "13800138034", "白云区", Disposition.OPT_OUT, (), 21),
    ("吴美玲", "13800138045", "番禺区", Disposition.TRANSFERRED, ("asked_human",), 74),
    ("郑国华", "13800138056", "越秀区", Disposition.WRONG_NUMBER, (), 17),
    ("何淑贞", "13800138067", "黄埔区", Disposition.PARTIAL, ("low_confidence",), 63),
    ("梁永康", "13800138078", "花都区", Disposition.POWERED_OFF, (), 12),
    ("谢丽华", "13800138089", "荔湾区", Disposition.COMPLETED, (), 118),
    ("冯伟明", "13800138090", "增城区", Disposition.RELATIVE, (), 29),
    ("罗燕飞", "13800138101", "南沙区", Disposition.COMPLETED, ("hardship_signal",), 131),
    ("邓志远", "13800138112", "从化区", Disposition.BUSY, (), 4),
    ("曾玉珍", "13800138123", "天河区", Disposition.INTERRUPTED, ("interrupted",), 33),
    ("彭家辉", "13800138134", "海珠区", Disposition.COMPLETED, (), 104),
)


def short_call(index: int) -> CallRecord:
    """One of the other calls, each four minutes earlier than the one before."""
    name, phone, district, disposition, reasons, seconds = _OTHERS[index % len(_OTHERS)]
    started = START - timedelta(minutes=4 * (index + 1))
    return CallRecord(
        call_id=f"att_{index:024x}",
        campaign_id="cam_demo",
        person_id=f"per_x{index}",
        callee_name=name,
        callee_address=phone,
        district=district,
        attempt=1 + index % 3,
        started_at=started,
        ended_at=started + timedelta(seconds=seconds),
        disposition=disposition,
        needs_review=reasons,
    )


def hostile_call() -> CallRecord:
    """A call whose words, name and recording path try to break out."""
    line = Utterance("resident", "<script>alert(1)</script><img src=x onerror=alert(2)>", 0, 1000, "m0", 0.9)
    return CallRecord(
        call_id=HOSTILE_CALL_ID,
        campaign_id="cam_demo",
        person_id="per_bad",
        callee_name="<b>王小虎</b>",
        callee_address="sip:13800138555@127.0.0.1",
        district='荔湾区"><svg onload=alert(3)>',
        attempt=1,
        started_at=START - timedelta(days=1),
        ended_at=START - timedelta(days=1) + timedelta(seconds=20),
        disposition=Disposition.PARTIAL,
        recording="../secret.wav",
        utterances=(line,),
        fields={"<i>odd</i>": FieldValue("<u>值</u>", "<script>alert(1)</script>", "m0", 0.4)},
        needs_review=("<em>why</em>",),
    )


def result_for(record: CallRecord) -> Result:
    """The result that goes with a call."""
    return Result(
        result_id=result_id("call", record.call_id),
        kind="call",
        subject=record.person_id,
        source=record.call_id,
        channel="phone",
        at=record.ended_at,
        fields=record.fields,
        disposition=record.disposition,
        needs_review=record.needs_review,
    )


def intention(index: int = 0) -> Result:
    """A job intention left in the web chat."""
    source = f"web_{index:032x}"
    return Result(
        result_id=result_id("job_intention", source),
        kind="job_intention",
        subject=source,
        source=source,
        channel=("web", "wechat")[index % 2],
        at=START + timedelta(minutes=5 - 7 * index),
        fields={
            "wanted_jobs": FieldValue(["家政服务员", "月嫂"], "想做家政，月嫂也行", "w1"),
            "district": FieldValue("天河区", "天河", "w2"),
            "expected_pay": FieldValue({"min": 6000, "max": None, "unit": "yuan_per_month"}, "六千", "w3"),
            "working_time": FieldValue("day", "白天班", "w4"),
            "contact_consent": FieldValue(True, "可以联系我", "w5"),
        },
    )


@cache
def _quick_hash() -> str:
    """A real argon2 hash at the lowest cost."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


async def fill(store: Store, recordings: Path, others: int = len(_OTHERS)) -> None:
    """Store everything above and one account."""
    await store.add_staff(USER, _quick_hash())
    calls = [completed_call(), hostile_call(), *(short_call(index) for index in range(others))]
    for record in calls:
        await store.save_call(record, result_for(record))
    await store.save_result(intention(0))
    await store.save_result(intention(1))
    write_recording(recordings / RECORDING, talk())
    (recordings.parent / "secret.wav").write_bytes(b"RIFF secret")
