"""What customers see in WeChat customer service, message type by message type."""

from __future__ import annotations

import pytest

from connectors.fake_platform.corp import CorpAccount
from connectors.platform_texts import load_platform_texts
from connectors.texts import load_texts
from core.dialogue import ScriptedDialogue
from core.types import Answer, Button, Reply, TurnEvent
from tests.connectors.conftest import GatedDialogue
from tests.connectors.script import ANSWER, GREETING, QUESTIONS, script
from tests.connectors.wechat_kf.conftest import USER, OpenService
from tests.eventually import eventually

pytestmark = pytest.mark.net

NAMES = {"agency": "中心", "hotline": "12333"}
OURS = load_platform_texts(NAMES)
DOORS = load_texts(NAMES)


async def test_the_admin_pages_check_passes(open_service: OpenService) -> None:
    """The encrypted echo string is given back in plain; another token is refused."""
    service = await open_service(ScriptedDialogue(script))
    assert await service.platform.verify("1616140317555161061") == (200, "1616140317555161061")
    service.platform.account = CorpAccount(token="other")
    assert (await service.platform.verify())[0] == 403


async def test_a_question_is_fetched_and_answered(open_service: OpenService) -> None:
    """The callback is acknowledged at once; the message is fetched, answered and sent, once."""
    service = await open_service(ScriptedDialogue(script))
    outcome = await service.platform.say(USER, "您好")
    assert outcome.statuses == (200,)
    await service.shown(1)
    await service.quiet()
    assert service.screen() == [("sent", "收到：您好")]


async def test_opening_the_chat_is_greeted_once_with_its_scene(open_service: OpenService) -> None:
    """The greeting answers the event by its code, with questions to press; within 48 hours there is one."""
    dialogue = ScriptedDialogue(script)
    service = await open_service(dialogue)
    await service.platform.enter(USER, "tianhe_street")
    await service.shown(1)
    how, text = service.screen()[0]
    assert how == "event"
    assert text.startswith(GREETING)
    assert text.endswith("".join(f"\n[{question}]" for question in QUESTIONS))
    assert dialogue.turns[0].event is TurnEvent.SESSION_START
    assert dialogue.turns[0].metadata == {"scene": "tianhe_street"}
    await service.platform.enter(USER)
    await service.quiet()
    assert len(dialogue.turns) == 1
    assert "/cgi-bin/kf/send_msg" not in service.platform.api.calls


async def test_a_greeting_that_is_late_comes_with_the_first_answer(open_service: OpenService) -> None:
    """The code has lapsed: the greeting waits until the customer writes, and is not lost."""
    dialogue = GatedDialogue()
    service = await open_service(dialogue)
    await service.platform.enter(USER)
    await eventually(lambda: bool(dialogue.turns))
    service.platform.codes.clear()
    dialogue.gate.set()
    await eventually(lambda: service.platform.api.calls.get("/cgi-bin/kf/send_msg_on_event", 0) == 1)
    await service.quiet()
    assert service.screen() == []
    await service.platform.say(USER, "您好")
    await service.shown(2)
    assert service.texts()[0].startswith(GREETING)
    assert service.texts()[1] == "收到：您好"


async def test_buttons_are_a_menu(open_service: OpenService) -> None:
    """Pressing a line says its sentence; typing its number does too."""
    dialogue = ScriptedDialogue(script)
    service = await open_service(dialogue)
    await service.platform.say(USER, "社保补贴")
    await service.shown(1)
    assert ANSWER in service.texts()[0]
    assert service.texts()[0].endswith("[需要哪些材料]\n[找人工]")
    await service.quiet()
    await service.platform.choose(USER, "需要哪些材料")
    await eventually(lambda: dialogue.turns[-1].text == "需要哪些材料？")
    await service.platform.say(USER, "社保补贴")
    await eventually(lambda: sum(ANSWER in text for text in service.texts()) == 2)
    await service.quiet()
    await service.platform.say(USER, "２")
    await eventually(lambda: dialogue.turns[-1].text == "找人工")


async def test_choices_that_fit_no_menu_are_numbered(open_service: OpenService) -> None:
    """A sentence of more than 128 bytes cannot be pressed: it is a number."""
    said = "我想知道灵活就业人员社会保险补贴要准备哪些材料、去哪里办、多久能到账，谢谢"
    buttons = (Button("材料和流程", said * 2), Button("别的", "别的"))
    dialogue = ScriptedDialogue(lambda _: Answer((Reply("请选", buttons=buttons),)))
    service = await open_service(dialogue)
    await service.platform.say(USER, "问")
    await service.shown(1)
    assert service.texts()[0].endswith("1. 材料和流程\n2. 别的")
    await service.quiet()
    await service.platform.say(USER, "1")
    await eventually(lambda: dialogue.turns[-1].text == said * 2)


async def test_a_long_answer_comes_in_pieces_with_its_menu_last(open_service: OpenService) -> None:
    """Pieces of at most 2,048 bytes in order; what can be pressed follows in a short menu."""
    long = "".join(f"第{number}条说明，请带好身份证和社保卡去办理。" for number in range(80))
    buttons = (Button("好", "好的"),)
    service = await open_service(ScriptedDialogue(lambda _: Answer((Reply(long, buttons=buttons),))))
    await service.platform.say(USER, "说详细点")
    await eventually(lambda: service.texts()[-1:] == [f"{OURS.pick}\n[好]"])
    pieces = service.texts()[:-1]
    assert "".join(pieces) == long
    assert all(len(piece.encode()) <= 2_048 for piece in pieces)


@pytest.mark.parametrize(
    ("kind", "content", "notice"),
    [
        ("image", {"media_id": "m"}, "image"),
        ("video", {"media_id": "m"}, "image"),
        ("file", {"media_id": "m"}, "file"),
        ("link", {"title": "a", "url": "http://x"}, "link"),
        ("business_card", {"userid": "x"}, "unknown"),
        ("miniprogram", {"title": "x", "appid": "y"}, "unknown"),
        ("merged_msg", {"title": "x", "item": []}, "unknown"),
        ("channels", {"sub_type": 1}, "unknown"),
        ("meeting", {}, "unknown"),
        ("hologram", {}, "unknown"),
        ("voice", {}, "voice_unclear"),
    ],
)
async def test_other_kinds_are_declined_kindly(
    open_service: OpenService, kind: str, content: dict[str, object], notice: str
) -> None:
    """Pictures, files, cards and kinds of tomorrow get their sentence, once."""
    dialogue = ScriptedDialogue(script)
    service = await open_service(dialogue)
    await service.platform.message(USER, kind, content)
    await service.shown(1)
    await service.quiet()
    assert service.texts() == [OURS.notices[notice]]
    assert dialogue.turns == []


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        (
            {"latitude": 23.13, "longitude": 113.32, "name": "体育西路", "address": "广东省广州市天河区"},
            "天河区的就业驿站在哪里？",
        ),
        ({"latitude": 22.80, "longitude": 113.52, "name": "", "address": ""}, "南沙区的就业驿站在哪里？"),
        ({"latitude": 39, "longitude": 116, "name": "天安门", "address": "北京市"}, "广州就业驿站在哪里？"),
    ],
)
async def test_a_location_asks_for_the_nearest_stations(
    open_service: OpenService, content: dict[str, object], asked: str
) -> None:
    """A place is asked about by its district."""
    dialogue = ScriptedDialogue(script)
    service = await open_service(dialogue)
    await service.platform.message(USER, "location", content)
    await eventually(lambda: [turn.text for turn in dialogue.turns] == [asked])


async def test_a_voice_message_is_heard(open_service: OpenService) -> None:
    """The AMR file is fetched, heard and answered like text; what is no audio gets a sentence."""
    service = await open_service(ScriptedDialogue(script))
    service.platform.api.media["media1"] = (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 100, "voice/amr")
    service.platform.api.media["media2"] = (b"not audio", "voice/amr")
    service.platform.api.media["media3"] = (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50 * 61, "voice/amr")
    for media_id in ("media1", "media2", "media3", "gone"):
        await service.platform.message(USER, "voice", {"media_id": media_id})
    await service.shown(4)
    unclear, long = OURS.notices["voice_unclear"], OURS.notices["voice_long"]
    assert service.texts() == ["收到：失业金怎么领", unclear, long, unclear]


async def test_long_empty_and_hurried_messages_get_a_sentence(open_service: OpenService) -> None:
    """Too long, empty and too many messages are answered with the doors' own words."""
    service = await open_service(ScriptedDialogue(script))
    await service.platform.say(USER, "长" * 2_001)
    await service.platform.say(USER, " \n ")
    await service.shown(2)
    assert service.texts() == [DOORS.notice("too_large"), DOORS.notice("empty")]
    for number in range(21):
        await service.platform.say(USER, f"第{number}句话")
        await service.shown(number + 3)
    assert service.texts()[-1] == DOORS.notice("rate_limited")


async def test_what_is_taken_back_changes_nothing(open_service: OpenService) -> None:
    """Recalled messages, servicers' shifts and switches of refusal are read and passed over."""
    dialogue = ScriptedDialogue(script)
    service = await open_service(dialogue)
    for event in (
        {"event_type": "user_recall_msg", "recall_msgid": "x"},
        {"event_type": "servicer_recall_msg", "recall_msgid": "x"},
        {"event_type": "servicer_status_change", "servicer_userid": "lisi", "status": 2},
        {"event_type": "reject_customer_msg_switch_change", "reject_switch": 1},
        {"event_type": "tomorrow"},
    ):
        await service.platform.event(USER, event)
    await service.platform.say(USER, "您好")
    await service.shown(1)
    assert service.texts() == ["收到：您好"]


async def test_awkward_characters_arrive(open_service: OpenService) -> None:
    """Emoji, line breaks and markup reach the core and come back as they were."""
    service = await open_service(ScriptedDialogue(script))
    text = "第一行\n第二行 😀👨‍👩‍👧 ]]> <b>&amp;</b>"
    await service.platform.say(USER, text)
    await service.shown(1)
    assert service.texts() == [f"收到：{text}"]


async def test_no_key_of_redis_names_the_customer(open_service: OpenService) -> None:
    """The platform's id of a person stands in no key."""
    service = await open_service(ScriptedDialogue(script))
    await service.platform.enter(USER)
    await service.platform.say(USER, "您好")
    await service.shown(2)
    keys = [key.decode() async for key in service.redis.scan_iter("*")]
    assert len(keys) > 3
    assert not [key for key in keys if USER in key]
