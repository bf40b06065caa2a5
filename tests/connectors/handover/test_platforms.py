"""Handovers on each platform: staff answer by its API, within what it allows, and read what it refuses."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from casework.handover.types import HandoverEnd, HandoverState
from connectors.fake_platform.kf import SERVICER
from connectors.platform_texts import load_platform_texts
from core.dialogue import ScriptedDialogue
from tests.connectors.handover.conftest import NIGHT, SUMMARY, Office, asks_for_staff
from tests.connectors.handover.test_web import OURS, SAID, TUESDAY, WAITING
from tests.connectors.wechat.conftest import USER, OpenTown
from tests.connectors.wechat_kf.conftest import USER as CUSTOMER
from tests.connectors.wechat_kf.conftest import OpenService
from tests.connectors.wecom.conftest import USER as MEMBER
from tests.connectors.wecom.conftest import OpenCorp
from tests.eventually import eventually

pytestmark = pytest.mark.net

PLATFORM = load_platform_texts({"agency": "中心", "hotline": "12333"})


def staff_says(text: str) -> str:
    return PLATFORM.staff_says.format(text=text)


async def _until_delivery(office: Office, handover: object, wanted: str, line_id: str = "stf_1") -> None:
    async def there() -> bool:
        return await office.delivery(handover, line_id) == wanted  # type: ignore[arg-type]

    await eventually(there)


async def test_wechat_from_the_assistant_to_staff_and_back(open_town: OpenTown, office: Office) -> None:
    """The handover comes as the passive reply, staff by the API; silent callbacks end at once."""
    dialogue = ScriptedDialogue(asks_for_staff)
    town = await open_town(dialogue, behind=office.behind)
    await town.platform.say(USER, "人工")
    assert town.screen() == [("reply", f"{SAID}\n\n{WAITING}")]
    begun = time.monotonic()
    outcome = await town.platform.say(USER, "我的材料在手上")
    assert (outcome.statuses, outcome.reply) == ((200,), "")
    assert time.monotonic() - begun < 1.5
    handover = await office.claim()
    await town.shown(2)
    await office.say(handover, "请带身份证来。")
    await town.shown(3)
    await _until_delivery(office, handover, "sent")
    assert await office.store.end_handover(handover.handover_id, HandoverEnd.RETURNED, staff="li.hua")
    await town.shown(4)
    await town.platform.say(USER, "谢谢")
    assert town.screen()[1:] == [
        ("sent", OURS["staff_here"]),
        ("sent", staff_says("请带身份证来。")),
        ("sent", OURS["staff_done"]),
        ("reply", "收到：谢谢"),
    ]
    assert [turn.text for turn in dialogue.turns] == ["人工", "谢谢"]


async def test_wechat_after_the_window_staff_read_why_and_the_line_waits(
    open_town: OpenTown, office: Office
) -> None:
    """48 hours later the platform refuses (45015): staff see so, and the line comes when the user writes."""
    town = await open_town(ScriptedDialogue(asks_for_staff), behind=office.behind)
    await town.platform.say(USER, "人工")
    handover = await office.claim()
    await town.shown(2)
    town.platform.phones.of(USER).quota.clear()
    town.platform.phones.of(USER).wrote_ms = -1e12
    await office.say(handover, "办好了，请来取。")
    await _until_delivery(office, handover, "platform.window_closed")
    assert len(town.screen()) == 2
    await town.platform.say(USER, "在吗")
    await town.shown(3)
    assert town.texts()[2] == staff_says("办好了，请来取。")
    await _until_delivery(office, handover, "sent")


async def test_wechat_api_away_delays_a_line_and_a_refusal_is_named(
    open_town: OpenTown, office: Office
) -> None:
    """A busy platform (-1) is tried again; what it refuses for good (87014) says so to staff."""
    town = await open_town(ScriptedDialogue(asks_for_staff), behind=office.behind)
    await town.platform.say(USER, "人工")
    handover = await office.claim()
    await town.shown(2)
    town.platform.api.weather.busy = 4
    await office.say(handover, "请稍等。")
    await town.shown(3)
    await _until_delivery(office, handover, "sent")
    town.platform.api.weather.refusals = [87014]
    await office.say(handover, "这句平台不收。", "stf_2")
    await _until_delivery(office, handover, "platform.refused", "stf_2")
    await office.say(handover, "这句收。", "stf_3")
    await _until_delivery(office, handover, "sent", "stf_3")
    assert town.texts()[-1] == staff_says("这句收。")


async def test_wechat_door_restarts_while_staff_answer(open_town: OpenTown, office: Office) -> None:
    """A line written while no door runs is said once by the next one."""
    town = await open_town(ScriptedDialogue(asks_for_staff), behind=office.behind)
    await town.platform.say(USER, "人工")
    handover = await office.claim()
    await town.shown(2)
    await town.first.cleanup()
    await office.say(handover, "请说。")
    await town.start()
    await town.shown(3)
    await town.quiet()
    assert town.texts()[2:] == [staff_says("请说。")]


async def test_wecom_staff_are_told_by_a_card_with_a_link(
    open_corp: OpenCorp, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each on-duty member reads who waits, two lines and the way to the console; the member is answered."""
    _with_duty(monkeypatch, "zhangsan|gone", "https://console.example.org/")
    corp = await open_corp(ScriptedDialogue(asks_for_staff), behind=office.behind)
    corp.platform.member("zhangsan")
    await corp.platform.say(MEMBER, "人工")
    await corp.shown(2)
    assert corp.texts() == [SAID, WAITING]
    handover = await office.one(HandoverState.WAITING)
    (card,) = await corp.shown(1, "zhangsan")
    assert card.text.rstrip("\u200b\u200c") == "\n".join(["有居民等待接入", "企业微信 天河区", *SUMMARY])
    assert card.message_key == f"https://console.example.org/handovers/{handover.handover_id}"
    handover = await office.claim()
    await office.say(handover, "您好，请讲。")
    await corp.shown(4)
    assert corp.texts()[2:] == [OURS["staff_here"], staff_says("您好，请讲。")]
    assert await office.store.put_back(handover.handover_id)
    await corp.shown(2, "zhangsan")
    await corp.quiet()
    assert len(corp.screen("zhangsan")) == 2


def _with_duty(monkeypatch: pytest.MonkeyPatch, users: str, console: str) -> None:
    """Let the corporation's settings name who is on duty."""
    from tests.connectors.wecom import conftest

    plain = conftest.with_wecom

    def with_duty(*args):  # type: ignore[no-untyped-def]
        return replace(plain(*args), handover_wecom_users=users, console_url=console)

    monkeypatch.setattr(conftest, "with_wecom", with_duty)


async def test_customer_service_uses_the_platforms_own_servicer(
    open_service: OpenService, office: Office
) -> None:
    """The queue shows who has the session; what the customer writes there is kept; its end closes it."""
    dialogue = ScriptedDialogue(asks_for_staff)
    service = await open_service(dialogue, behind=office.behind)
    platform = service.platform
    await platform.say(CUSTOMER, "人工")
    await service.state(SERVICER)
    active = await office.one(HandoverState.ACTIVE)
    assert active.staff.removeprefix("kf:") in platform.servicers
    assert not await office.store.claim_handover(active.handover_id, "li.hua")
    await platform.say(CUSTOMER, "材料交了吗")
    await office.reads(active, "材料交了吗")
    await platform.staff_end(CUSTOMER)
    closed = await office.one(HandoverState.CLOSED)
    assert closed.end == "elsewhere"
    await platform.say(CUSTOMER, "您好")
    await service.shown(3)
    assert service.texts() == [SAID, PLATFORM.notices["staff_done"], "收到：您好"]
    assert [turn.text for turn in dialogue.turns] == ["人工", "您好"]


async def test_customer_service_without_servicers_goes_to_the_console(
    open_service: OpenService, office: Office
) -> None:
    """Nobody on duty in WeCom: the console answers, within five messages, and reads when they are used up."""
    service = await open_service(
        ScriptedDialogue(asks_for_staff),
        before=lambda platform: platform.servicers.update(zhangsan=1, lisi=1),
        behind=office.behind,
    )
    await service.platform.say(CUSTOMER, "人工")
    await service.shown(2)
    assert service.texts() == [SAID, WAITING]
    handover = await office.claim()
    await service.shown(3)
    await office.say(handover, "您好。")
    await _until_delivery(office, handover, "sent")
    assert service.texts()[2:] == [OURS["staff_here"], staff_says("您好。")]
    for number in range(2, 4):
        await office.say(handover, f"第{number}句", f"stf_{number}")
    await _until_delivery(office, handover, "no_window", "stf_3")
    await service.platform.say(CUSTOMER, "还在吗")
    await _until_delivery(office, handover, "sent", "stf_3")
    assert service.texts()[-1] == staff_says("第3句")


async def test_customer_service_at_night_takes_a_message(open_service: OpenService, office: Office) -> None:
    """Nobody in WeCom and nobody at the console: the customer leaves a message."""
    office.clock.begins = NIGHT
    service = await open_service(
        ScriptedDialogue(asks_for_staff),
        before=lambda platform: platform.servicers.update(zhangsan=1, lisi=1),
        behind=office.behind,
    )
    await service.platform.say(CUSTOMER, "人工")
    await service.shown(3)
    assert service.texts() == [SAID, OURS["after_hours"].format(by=TUESDAY), OURS["about"]]
    for said in ("补贴没到账", "陈小明", "13800138000"):
        await service.platform.say(CUSTOMER, said)
    await service.shown(6)
    assert service.texts()[-1] == OURS["taken"].format(by=TUESDAY)
    task = await office.one(HandoverState.TASK)
    assert task.contact is not None
    assert task.contact.phone == "13800138000"
