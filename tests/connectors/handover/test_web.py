"""From the assistant to staff and back, in the web chat over real Redis and a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from casework.handover.types import Contact, HandoverEnd, HandoverState
from casework.store import Store
from connectors.handover.texts import load_handover_texts
from core.dialogue import ScriptedDialogue
from core.errors import StorageError
from core.metrics import REGISTRY
from core.settings import Settings
from tests.connectors.conftest import Door, GatedDialogue, StartDoor
from tests.connectors.handover.conftest import NIGHT, SUMMARY, Office, asks_for_staff
from tests.eventually import eventually

pytestmark = pytest.mark.net

OURS = load_handover_texts({"agency": "中心", "hotline": "12333"}).notices
WAITING = OURS["waiting"].format(minutes=10)
TUESDAY = "11月24日（周二）18点"
SAID = "好的，我帮您找工作人员。"


class Resident:
    """Somebody at the web page."""

    def __init__(self, door: Door, session: dict[str, Any]) -> None:
        self.door, self.token, self.count = door, session["token"], 0

    async def say(self, text: str) -> None:
        self.count += 1
        status, _ = await self.door.say(self.token, text, f"m{self.count}")
        assert status == 202

    async def screen(self) -> list[str]:
        page = await self.door.events(self.token)
        return [event["text"] for event in page["events"] if event["type"] != "message"]

    async def reads(self, *texts: str) -> None:
        """Wait until these are the last lines on the screen."""

        async def there() -> bool:
            return (await self.screen())[-len(texts) :] == list(texts)

        try:
            await eventually(there)
        except AssertionError:
            raise AssertionError(await self.screen()) from None


async def resident(door: Door) -> Resident:
    return Resident(door, await door.open())


async def test_staff_take_over_answer_and_hand_back(start_door: StartDoor, office: Office) -> None:
    """Asked for, staff get summary and words; the assistant is silent until it has its note, and goes on."""
    dialogue = ScriptedDialogue(asks_for_staff)
    door = await start_door(dialogue, behind=office.behind)
    citizen = await resident(door)
    await citizen.say("失业金怎么领")
    await citizen.reads("收到：失业金怎么领")
    await citizen.say("我要找人工")
    await citizen.reads(SAID, WAITING)
    waiting = await office.one(HandoverState.WAITING)
    assert (waiting.channel, waiting.district, waiting.summary) == ("web", "天河区", "\n".join(SUMMARY))

    await citizen.say("我的材料在手上")
    handover = await office.claim()
    await citizen.reads(OURS["staff_here"])
    await office.reads(handover, OURS["staff_here"])
    await office.say(handover, "请问是哪个区参保？")
    await citizen.reads("请问是哪个区参保？")
    await citizen.say("天河")
    await office.reads(handover, "天河")
    await office.say(handover, "去天河区任一街道办都行。", "stf_2")
    await citizen.reads("去天河区任一街道办都行。")
    assert await office.delivery(handover) == "sent"
    talk = await office.talk(handover)
    assert talk[-5:] == [
        ("resident", "我的材料在手上"),
        ("notice", OURS["staff_here"]),
        ("staff", "请问是哪个区参保？"),
        ("resident", "天河"),
        ("staff", "去天河区任一街道办都行。"),
    ]
    assert ("bot", "收到：失业金怎么领") in talk

    note = "已说明失业金，接着讲补贴"
    assert await office.store.end_handover(
        handover.handover_id, HandoverEnd.RETURNED, staff="li.hua", note=note
    )
    await citizen.reads(OURS["staff_done"])
    await citizen.say("谢谢")
    await citizen.reads("收到：谢谢")
    await citizen.say("再见")
    await citizen.reads("收到：再见")
    asked = [(turn.text, turn.metadata.get("staff_note")) for turn in dialogue.turns if turn.text]
    assert asked == [("失业金怎么领", None), ("我要找人工", None), ("谢谢", note), ("再见", None)]


async def test_lines_written_at_the_same_time_both_arrive(start_door: StartDoor, office: Office) -> None:
    """The resident writes while staff do: nobody's words are lost, and staff's own come once."""
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=office.behind)
    citizen = await resident(door)
    await citizen.say("人工")
    handover = await office.claim()
    await citizen.reads(OURS["staff_here"])
    await asyncio.gather(
        *(citizen.say(f"第{number}句") for number in range(4)),
        *(office.say(handover, f"回{number}", f"stf_{number}") for number in range(4)),
        *(office.say(handover, f"回{number}", f"stf_{number}") for number in range(4)),
    )

    async def complete() -> bool:
        talk = await office.talk(handover)
        return len(talk) >= 12 and len(await citizen.screen()) >= 8

    await eventually(complete)
    talk = await office.talk(handover)
    assert sorted(text for who, text in talk if who == "staff") == ["回0", "回1", "回2", "回3"]
    assert sorted(text for who, text in talk if who == "resident" and "句" in text) == [
        "第0句", "第1句", "第2句", "第3句",
    ]  # fmt: skip
    assert sorted(text for text in await citizen.screen() if text.startswith("回")) == [
        "回0", "回1", "回2", "回3",
    ]  # fmt: skip


async def test_nobody_comes_and_a_message_is_taken(start_door: StartDoor, office: Office) -> None:
    """After ten minutes the resident hears so, leaves a message, and the assistant goes on."""
    dialogue = ScriptedDialogue(asks_for_staff)
    door = await start_door(dialogue, behind=office.behind)
    citizen = await resident(door)
    await citizen.say("人工")
    await citizen.reads(WAITING)
    await office.one(HandoverState.WAITING)
    office.clock.pass_time(minutes=9)
    await eventually(lambda: REGISTRY.get_sample_value("nuanye_handovers_waiting") == 1)
    await eventually(lambda: (REGISTRY.get_sample_value("nuanye_handover_wait_seconds") or 0) >= 540)
    office.clock.pass_time(minutes=1)
    await citizen.reads(OURS["nobody_came"].format(by=TUESDAY), OURS["about"])
    await citizen.say("想问失业金材料")
    await citizen.reads(OURS["name"])
    await citizen.say("我叫陈小明")
    await citizen.reads(OURS["phone"])
    await citizen.say("138 0013")
    await citizen.reads(OURS["phone_again"])
    await citizen.say("１３８-0013-8000")
    await citizen.reads(OURS["taken"].format(by=TUESDAY))
    task = await office.one(HandoverState.TASK)
    assert task.contact == Contact("想问失业金材料", "陈小明", "13800138000")
    await citizen.say("谢谢")
    await citizen.reads("收到：谢谢")
    assert [turn.text for turn in dialogue.turns if turn.text] == ["人工", "谢谢"]


async def test_after_hours_staff_answer_a_message_the_next_day(start_door: StartDoor, office: Office) -> None:
    """At night a message is taken at once; in the morning staff claim it, answer, and close it."""
    office.clock.begins = NIGHT
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=office.behind)
    citizen = await resident(door)
    await citizen.say("人工")
    await citizen.reads(OURS["after_hours"].format(by=TUESDAY), OURS["about"])
    for said, asked in (("补贴没到账", "name"), ("不方便", "phone")):
        await citizen.say(said)
        await citizen.reads(OURS[asked])
    await citizen.say("不留")
    await citizen.reads(OURS["taken"].format(by=TUESDAY))
    task = await office.one(HandoverState.TASK)
    assert task.contact == Contact("补贴没到账")

    office.clock.pass_time(hours=13)
    handover = await office.claim()
    await office.say(handover, "已经在办，周三到账。")
    await citizen.reads(OURS["staff_here"], "已经在办，周三到账。")
    await citizen.say("好的")
    assert await office.store.end_handover(handover.handover_id, HandoverEnd.SETTLED, staff="li.hua")
    await citizen.reads(OURS["staff_done"])


async def test_a_resident_need_not_wait(start_door: StartDoor, office: Office) -> None:
    """不等了 ends the waiting, 不留了 the message, and the assistant answers the next question."""
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=office.behind)
    citizen = await resident(door)
    await citizen.say("人工")
    await citizen.reads(WAITING)
    await citizen.say("不等了。")
    await citizen.reads(OURS["withdrawn"])
    await office.one(HandoverState.CLOSED)
    await citizen.say("您好")
    await citizen.reads("收到：您好")

    office.clock.begins = NIGHT
    await citizen.say("人工")
    await citizen.reads(OURS["about"])
    await citizen.say("不留了")
    await citizen.reads(OURS["not_taken"])
    await citizen.say("再见")
    await citizen.reads("收到：再见")


async def test_staff_who_fall_silent_lose_the_conversation(start_door: StartDoor, office: Office) -> None:
    """Ten minutes without an answer: the resident is told and waits in the queue for somebody else."""
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=office.behind)
    citizen = await resident(door)
    await citizen.say("人工")
    handover = await office.claim()
    await citizen.reads(OURS["staff_here"])
    await office.say(handover, "请稍等")
    await citizen.say("好")
    await office.reads(handover, "好")
    office.clock.pass_time(minutes=11)
    await citizen.reads(OURS["back_in_queue"])
    again = await office.claim("wang.wu")
    assert again.staff == "wang.wu"
    assert not await office.store.staff_says(handover.handover_id, "li.hua", "stf_9", "我回来了")


async def test_who_is_in_danger_is_not_left_alone_at_night(start_door: StartDoor, office: Office) -> None:
    """By day such a conversation is first in the queue; at night the assistant keeps answering."""
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=office.behind)
    by_day = await resident(door)
    await by_day.say("我不想活了")
    await by_day.reads("请拨打 12356。", WAITING)
    assert (await office.one(HandoverState.WAITING)).urgent
    office.clock.begins = NIGHT
    by_night = await resident(door)
    await by_night.say("我不想活了")
    await by_night.reads("请拨打 12356。")
    await by_night.say("谢谢")
    await by_night.reads("收到：谢谢")

    async def two() -> bool:
        # Whoever still waited at closing time is a task too.
        return len(await office.store.list_handovers([HandoverState.TASK])) == 2

    await eventually(two)


async def test_a_restart_in_the_middle_loses_nothing(start_door: StartDoor, office: Office) -> None:
    """The door dies with an answer, a line of staff and words of the resident on the way."""
    gated = GatedDialogue(script=asks_for_staff)
    first = await start_door(gated, behind=office.behind)
    citizen = await resident(first)
    await citizen.say("人工")
    await citizen.say("我还有材料要问")
    await first.stop()
    gated.gate.set()
    second = await start_door(ScriptedDialogue(asks_for_staff), port=first.port, behind=office.behind)
    citizen.door = second
    await citizen.reads(SAID, WAITING)
    handover = await office.claim()
    await second.stop()
    await office.say(handover, "您请说")
    third = await start_door(ScriptedDialogue(asks_for_staff), port=first.port, behind=office.behind)
    citizen.door = third
    await citizen.reads(OURS["staff_here"], "您请说")
    await office.reads(handover, "我还有材料要问")
    assert (await citizen.screen()).count(SAID) == 1


async def test_redis_that_comes_back_empty_is_marked_again(
    start_door: StartDoor, office: Office, settings: Settings
) -> None:
    """The database knows who has whom: after Redis lost everything the assistant still is silent."""
    dialogue = ScriptedDialogue(asks_for_staff)
    door = await start_door(dialogue, behind=office.behind)
    citizen = await resident(door)
    await citizen.say("人工")
    handover = await office.claim()
    await citizen.reads(OURS["staff_here"])
    async with Redis.from_url(settings.redis) as redis:
        await redis.flushdb()

        async def marked() -> bool:
            return bool(await redis.exists("nuanye:handover:marks"))

        await eventually(marked)
    await citizen.say("还在吗")
    await office.say(handover, "在的")
    await citizen.reads("在的")
    assert [turn.text for turn in dialogue.turns if turn.text] == ["人工"]


async def test_two_doors_say_everything_once(start_door: StartDoor, office: Office) -> None:
    """Two processes of one installation: each line and each notice reaches the resident once."""
    dialogue = ScriptedDialogue(asks_for_staff)
    doors = [await start_door(dialogue, behind=office.behind) for _ in range(2)]
    citizen = await resident(doors[0])
    await citizen.say("人工")
    handover = await office.claim()
    citizen.door = doors[1]
    for number in range(3):
        await citizen.say(f"问{number}")
        await office.say(handover, f"答{number}", f"stf_{number}")
    assert await office.store.end_handover(handover.handover_id, HandoverEnd.SETTLED, staff="li.hua")
    await citizen.reads(OURS["staff_done"])
    ours = (await citizen.screen())[2:]
    assert sorted(ours) == sorted([WAITING, OURS["staff_here"], "答0", "答1", "答2", OURS["staff_done"]])


async def test_a_database_that_is_away_silences_nobody_and_loses_nothing(
    start_door: StartDoor, office: Office
) -> None:
    """The resident is told and waits; when the database is back, the queue has them and what they wrote."""
    away = _Away(office.store)
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=replace(office.behind, ledger=away))
    citizen = await resident(door)
    away.down = True
    await citizen.say("人工")
    await citizen.reads(SAID, WAITING)
    await citizen.say("我在等")
    await eventually(lambda: away.refused > 2)
    away.down = False
    handover = await office.one(HandoverState.WAITING)
    await office.reads(handover, "我在等")


class _Away:
    """A database that refuses everything while ``down``."""

    def __init__(self, store: Store) -> None:
        self._store, self.down, self.refused = store, False, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **more: Any) -> Any:
            if self.down:
                self.refused += 1
                raise StorageError("away")
            return await method(*args, **more)

        return call
