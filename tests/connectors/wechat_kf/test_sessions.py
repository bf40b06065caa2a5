"""The bot, the queue and the servicer: who answers when, and nobody's words are lost in between."""

from __future__ import annotations

import pytest

from connectors.fake_platform.kf import ENDED, NEW, QUEUED, SERVICER, FakeKf
from connectors.platform_texts import load_platform_texts
from connectors.wechat_kf.intake import conversation_of
from connectors.wechat_kf.wire import CUSTOMER, Item, Place
from core.dialogue import ScriptedDialogue
from core.metrics import TURN_FAILURES
from core.secret import derive_key, load_secret
from core.types import Reply
from tests.connectors.conftest import GatedDialogue
from tests.connectors.wechat_kf.conftest import USER, OpenService, Service, with_person
from tests.eventually import eventually

pytestmark = pytest.mark.net

OURS = load_platform_texts({"agency": "中心", "hotline": "12333"})
SEND = "/cgi-bin/kf/send_msg"


def conversation(service: Service) -> str:
    key = derive_key(load_secret(service.settings), "chat-users")
    return conversation_of(key, Item("x", Place(FakeKf.account_id, USER), 0, CUSTOMER))


async def test_a_person_takes_over_and_gives_back(open_service: OpenService) -> None:
    """Asked for, a servicer gets the session; the bot is silent until it ends, says so, and answers again."""
    dialogue = ScriptedDialogue(with_person)
    service = await open_service(dialogue)
    platform = service.platform
    await platform.say(USER, "找人工")
    await service.state(SERVICER)
    assert platform.session(USER).servicer in platform.servicers
    await platform.say(USER, "我的材料交了吗")
    await platform.staff_say(USER, "交了，放心。")
    await platform.say(USER, "谢谢")
    await service.quiet()
    assert [turn.text for turn in dialogue.turns] == ["找人工"]
    await platform.staff_end(USER)
    await service.shown(3)
    await platform.say(USER, "您好")
    await service.shown(4)
    assert service.screen() == [
        ("sent", "好的，我帮您找工作人员。"),
        ("staff", "交了，放心。"),
        ("event", OURS.notices["staff_done"]),
        ("sent", "收到：您好"),
    ]


async def test_sessions_go_to_the_servicers_in_turn(open_service: OpenService) -> None:
    """Of two servicers on duty each gets every other customer; who is off duty gets none."""
    service = await open_service(ScriptedDialogue(with_person))
    service.platform.servicers["wangwu"] = 1
    for number in range(4):
        await service.platform.say(f"wm{number}", "找人工")
        await service.state(SERVICER, f"wm{number}")
    taken = sorted(service.platform.session(f"wm{number}").servicer for number in range(4))
    assert taken == ["lisi", "lisi", "zhangsan", "zhangsan"]


async def test_a_servicer_who_cannot_is_passed_over(open_service: OpenService) -> None:
    """Refused for one servicer (95014), the session goes to the next; at last to the queue."""
    service = await open_service(ScriptedDialogue(with_person))
    platform = service.platform
    platform.servicers = {"zhangsan": 0}
    taken = platform.api.handlers["kf/servicer/list"]
    platform.api.handlers["kf/servicer/list"] = _listing("inactive", "zhangsan")
    await platform.say("wm1", "找人工")
    await service.state(SERVICER, "wm1")
    await platform.say("wm2", "找人工")
    await service.state(SERVICER, "wm2")
    platform.api.handlers["kf/servicer/list"] = _listing("inactive")
    await platform.say("wm3", "找人工")
    await service.state(QUEUED, "wm3")
    platform.api.handlers["kf/servicer/list"] = taken


def _listing(*users: str):  # type: ignore[no-untyped-def]
    from aiohttp import web

    async def listed(_request: web.Request, _body: dict[str, object]) -> web.Response:
        return web.json_response({"errcode": 0, "servicer_list": [{"userid": u, "status": 0} for u in users]})

    return listed


async def test_in_the_queue_the_bot_is_silent(open_service: OpenService) -> None:
    """Who waits for a person is not answered by the bot; the servicer takes and ends it."""
    dialogue = ScriptedDialogue(with_person)
    service = await open_service(dialogue)
    service.platform.api.handlers["kf/servicer/list"] = _listing("inactive")
    await service.platform.say(USER, "找人工")
    await service.state(QUEUED)
    await service.platform.say(USER, "还要等多久")
    await service.quiet()
    assert len(dialogue.turns) == 1
    await service.platform.staff_take(USER, "lisi")
    await service.platform.staff_end(USER)
    await service.shown(2)
    assert service.texts()[-1] == OURS.notices["staff_done"]


async def test_after_hours_the_customer_is_told_and_the_bot_goes_on(open_service: OpenService) -> None:
    """With nobody on duty the session stays the bot's, and the customer reads what can be done."""
    service = await open_service(ScriptedDialogue(with_person))
    service.platform.servicers = {"zhangsan": 1}
    await service.platform.say(USER, "找人工")
    await service.shown(2)
    assert service.texts()[1] == OURS.notices["staff_away"]
    assert service.platform.session(USER).state == NEW
    await service.platform.say(USER, "您好")
    await service.shown(3)
    assert service.texts()[2] == "收到：您好"


async def test_a_servicer_who_steps_in_silences_an_answer_under_way(open_service: OpenService) -> None:
    """While the core thinks, a servicer takes the session: its answer is held, 95018 or not."""
    dialogue = GatedDialogue(script=with_person)
    service = await open_service(dialogue)
    await service.platform.say(USER, "您好")
    await eventually(lambda: bool(dialogue.turns))
    # No news of it: only the refusal of the platform tells.
    service.platform.session(USER).state = SERVICER
    dialogue.gate.set()
    await eventually(lambda: service.platform.api.calls.get(SEND, 0) == 1)
    await service.quiet()
    await service.platform.staff_end(USER)
    await service.platform.say(USER, "再问")
    await service.shown(2)
    await service.quiet()
    assert service.texts() == [OURS.notices["staff_done"], "收到：再问"]


async def test_a_session_that_has_ended_waits_for_the_customer(open_service: OpenService) -> None:
    """95018 in an ended session: the answer is not lost but comes when the customer writes."""
    dialogue = GatedDialogue(script=with_person)
    service = await open_service(dialogue)
    await service.platform.say(USER, "一")
    await eventually(lambda: bool(dialogue.turns))
    service.platform.session(USER).state = ENDED
    dialogue.gate.set()
    await eventually(lambda: service.platform.api.calls.get(SEND, 0) == 1)
    await service.quiet()
    await service.platform.say(USER, "二")
    await service.shown(2)
    assert service.texts() == ["收到：一", "收到：二"]


async def test_what_is_pushed_waits_for_the_servicer(open_service: OpenService) -> None:
    """What staff write in the console while a servicer talks is not lost: it comes afterwards."""
    service = await open_service(ScriptedDialogue(with_person))
    await service.platform.say(USER, "找人工")
    await service.state(SERVICER)
    await service.channel.send(conversation(service), [Reply("街道的通知：周五招聘会。")])
    await service.quiet()
    assert len(service.screen()) == 1
    await service.platform.staff_end(USER)
    await service.platform.say(USER, "您好")
    await eventually(lambda: "收到：您好" in service.texts())
    assert service.texts().count("街道的通知：周五招聘会。") == 1


async def test_our_side_can_take_a_session_back(open_service: OpenService) -> None:
    """Ended by us, the customer is told, and the bot answers the next message."""
    service = await open_service(ScriptedDialogue(with_person))
    await service.platform.say(USER, "找人工")
    await service.state(SERVICER)
    await service.quiet()
    await service.channel.take_back(conversation(service))
    await service.shown(2)
    assert service.screen()[1] == ("event", OURS.notices["staff_done"])
    assert service.platform.session(USER).state == ENDED
    await service.platform.say(USER, "您好")
    await service.shown(3)
    assert service.texts()[2] == "收到：您好"
    await service.channel.take_back("kf_unknown")


async def test_the_five_messages_are_kept_and_what_is_left_waits(open_service: OpenService) -> None:
    """After five messages nothing more is tried: the rest comes when the customer writes."""
    from core.types import Answer

    long = "".join(f"第{number}条说明，请带好身份证和社保卡去办理。" for number in range(250))
    service = await open_service(
        ScriptedDialogue(lambda turn: Answer((Reply(long if turn.text == "长" else "好"),)))
    )
    await service.platform.say(USER, "长")
    await eventually(lambda: service.platform.api.calls.get(SEND, 0) == 5)
    await service.quiet(1.3)
    assert service.platform.api.calls[SEND] == 5
    await service.platform.say(USER, "然后呢")
    await eventually(lambda: service.texts()[-1:] == ["好"])
    assert "".join(service.texts()) == f"{long}好"


@pytest.mark.parametrize("errcode", [45047, 45015])
async def test_the_platforms_own_count_parks_the_answer(open_service: OpenService, errcode: int) -> None:
    """95001 and 95002: the platform says five or 48 hours; the answer comes with the next message."""
    dialogue = GatedDialogue(script=with_person)
    service = await open_service(dialogue)
    phones = service.platform.phones
    await service.platform.say(USER, "一")
    await eventually(lambda: bool(dialogue.turns))
    phone = phones.of(USER)
    phone.quota = {"message": (0, 1e15)} if errcode == 45047 else {}
    dialogue.gate.set()
    await eventually(lambda: service.platform.api.calls.get(SEND, 0) == 1)
    await service.quiet()
    assert service.screen() == []
    await service.platform.say(USER, "二")
    await service.shown(2)
    assert service.texts() == ["收到：一", "收到：二"]


@pytest.mark.parametrize(
    ("fail_type", "code"),
    [
        (4, "platform.window_closed"),
        (6, "platform.window_closed"),
        (10, "platform.refused"),
        (0, "platform.failed"),
    ],
)
async def test_a_message_that_was_not_shown_is_counted(
    open_service: OpenService, fail_type: int, code: str
) -> None:
    """The platform took a message and could not show it: its reason is a named error."""
    service = await open_service(ScriptedDialogue(with_person))
    counter = TURN_FAILURES.labels(code)
    before = counter._value.get()
    await service.platform.event(
        USER, {"event_type": "msg_send_fail", "fail_msgid": "x", "fail_type": fail_type}
    )
    await eventually(lambda: counter._value.get() == before + 1)
