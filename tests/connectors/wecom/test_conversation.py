"""What members see in WeCom, message type by message type."""

from __future__ import annotations

import asyncio

import pytest

from connectors.fake_platform.corp import CorpAccount
from connectors.platform_texts import load_platform_texts
from connectors.texts import load_texts
from core.dialogue import ScriptedDialogue
from core.types import Answer, Button, Reply, Source, TurnEvent
from tests.connectors.conftest import GatedDialogue
from tests.connectors.script import GREETING, SOURCE, script
from tests.connectors.wecom.conftest import USER, OpenCorp
from tests.eventually import eventually

pytestmark = pytest.mark.net

NAMES = {"agency": "中心", "hotline": "12333"}
OURS = load_platform_texts(NAMES)
DOORS = load_texts(NAMES)


async def test_the_admin_pages_check_passes(open_corp: OpenCorp) -> None:
    """The encrypted echo string is given back in plain; another token is refused."""
    corp = await open_corp(ScriptedDialogue(script))
    assert await corp.platform.verify("1616140317555161061") == (200, "1616140317555161061")
    corp.platform.account = CorpAccount(token="other")
    assert (await corp.platform.verify())[0] == 403


async def test_a_question_is_acknowledged_and_answered(open_corp: OpenCorp) -> None:
    """The callback's response is empty and at once; the answer is a message, once."""
    corp = await open_corp(ScriptedDialogue(script))
    outcome = await corp.platform.say(USER, "您好")
    assert (outcome.statuses, outcome.reply) == ((200,), "")
    await corp.shown(1)
    await corp.quiet()
    assert corp.screen() == [("text", "收到：您好")]


async def test_sources_are_markdown_with_a_link(open_corp: OpenCorp) -> None:
    """An answer with a source is Markdown: a quotation with the document and a link to it."""
    corp = await open_corp(ScriptedDialogue(script))
    await corp.platform.say(USER, "社保补贴")
    shown = await corp.shown(2)
    assert [line.how for line in shown] == ["markdown", "card"]
    assert f"> [{OURS.open_original}]({SOURCE.url})" in shown[0].text
    assert "> 依据：灵活就业社会保险补贴（粤人社规〔2026〕20号" in shown[0].text


async def test_a_card_is_pressed_and_updated(open_corp: OpenCorp) -> None:
    """Buttons are a card; pressing one says its sentence, and the card shows what was chosen."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    await corp.platform.say(USER, "社保补贴")
    await corp.shown(2)
    card = corp.platform.member(USER).cards[0]
    assert [button["text"] for button in card.buttons] == ["需要哪些材料", "找人工"]
    await corp.platform.press(USER, "需要哪些材料")
    assert card.replaced == "已选：需要哪些材料？"
    await eventually(lambda: dialogue.turns[-1].text == "需要哪些材料？")
    with pytest.raises(LookupError):
        await corp.platform.press(USER, "找人工")


async def test_a_card_pressed_again_and_again_is_one_choice(open_corp: OpenCorp) -> None:
    """The platform repeats the press: one turn, and each response updates the card."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    press = {"MsgType": "event", "Event": "template_card_event", "EventKey": "say:找人工", "TaskId": "t1"}
    message = corp.platform.compose(USER, press)
    replies = [await corp.platform.deliver(message) for _ in range(3)]
    assert [reply["MsgType"] for _, reply in replies] == ["update_button"] * 3
    await eventually(lambda: bool(dialogue.turns))
    await corp.quiet()
    assert [turn.text for turn in dialogue.turns] == ["找人工"]
    # Another card with the same button is another choice.
    await corp.platform.deliver({**message, "TaskId": "t2"})
    await eventually(lambda: len(dialogue.turns) == 2)


async def test_a_typed_number_chooses_from_a_card_too(open_corp: OpenCorp) -> None:
    """Whoever does not press may type the button's number."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    await corp.platform.say(USER, "社保补贴")
    await corp.shown(2)
    await corp.quiet()
    await corp.platform.say(USER, "2")
    await eventually(lambda: dialogue.turns[-1].text == "找人工")


async def test_choices_that_fit_no_card_are_numbered(open_corp: OpenCorp) -> None:
    """Seven buttons, or long ones, are a numbered list."""
    many = tuple(Button(f"第{number}项", f"我选第{number}项") for number in range(1, 8))
    long = (Button("灵活就业人员社会保险补贴怎么领", "社保补贴"),)
    answers = {"多": many, "长": long}
    dialogue = ScriptedDialogue(lambda turn: Answer((Reply("请选", buttons=answers.get(turn.text, ())),)))
    corp = await open_corp(dialogue)
    await corp.platform.say(USER, "多")
    await corp.shown(1)
    await corp.platform.say(USER, "7")
    await eventually(lambda: dialogue.turns[-1].text == "我选第7项")
    await corp.platform.say(USER, "长")
    await corp.shown(3)
    assert {how for how, _ in corp.screen()} == {"text"}
    assert corp.texts()[2].endswith("1. 灵活就业人员社会保险补贴怎么领")


async def test_plain_is_plain(open_corp: OpenCorp) -> None:
    """Where members read in WeChat, there is neither Markdown nor a card."""
    corp = await open_corp(ScriptedDialogue(script), rich=False)
    await corp.platform.say(USER, "社保补贴")
    await corp.shown(1)
    assert corp.screen()[0][0] == "text"
    assert corp.texts()[0].endswith("1. 需要哪些材料\n2. 找人工")
    assert SOURCE.url in corp.texts()[0]


async def test_markdown_is_not_made_by_accident(open_corp: OpenCorp) -> None:
    """Signs that mean something in Markdown reach the member as signs; nothing visible is added."""
    text = "# 一\n> 二\n**三** `四` [五](六)"
    dialogue = ScriptedDialogue(lambda _: Answer((Reply(text, sources=(SOURCE,)),)))
    corp = await open_corp(dialogue)
    await corp.platform.say(USER, "问")
    shown = (await corp.shown(1))[0].text
    body = shown.split("\n\n>")[0]
    assert body.replace("\u200b", "") == text
    for sign in ("\n>", "](", "\n# "):
        assert sign not in body
    assert not body.startswith("#")


async def test_a_long_answer_comes_in_pieces_and_no_link_is_cut(open_corp: OpenCorp) -> None:
    """Every piece is within 2,048 bytes; sources that do not fit follow on their own, whole."""
    long = "".join(f"第{number}条说明，请带好身份证和社保卡去办理。" for number in range(120))
    sources = tuple(
        Source(
            f"p{number}", f"政策{number}", "文件", "2026-06-17", f"https://www.gz.gov.cn/{'a' * 500}{number}"
        )
        for number in range(6)
    )
    corp = await open_corp(ScriptedDialogue(lambda _: Answer((Reply(long, sources=sources),))))
    await corp.platform.say(USER, "说详细点")
    await eventually(lambda: f"{'a' * 500}5)" in "".join(corp.texts()))
    assert all(len(line.text.encode()) <= 2_048 for line in corp.platform.member(USER).screen)
    assert "".join(corp.texts()).replace("\n", "").startswith(long)
    for source in sources:
        assert sum(f"({source.url})" in text for text in corp.texts()) == 1


@pytest.mark.parametrize("event", ["subscribe", "enter_agent"])
async def test_opening_the_application_greets_once_a_day(open_corp: OpenCorp, event: str) -> None:
    """The first opening of a day is greeted; further ones are not, the next day's is."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    noon = 1_800_000_000 // 86_400 * 86_400 + 4 * 3_600
    for second in (noon, noon + 5, noon + 3_600):
        await corp.platform.event(USER, event, CreateTime=second)
    await eventually(lambda: any(text.startswith(GREETING) for text in corp.texts()))
    await corp.quiet()
    assert [turn.event for turn in dialogue.turns] == [TurnEvent.SESSION_START]
    await corp.platform.event(USER, event, CreateTime=noon + 86_400)
    await eventually(lambda: len(dialogue.turns) == 2)


async def test_menu_buttons_speak_and_other_events_do_not(open_corp: OpenCorp) -> None:
    """A menu button says its sentence; pages, places, contacts and approvals are acknowledged only."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    await corp.platform.event(USER, "click", "say:失业登记怎么办？")
    await corp.shown(1)
    for event in ("view", "LOCATION", "location_select", "scancode_push", "batch_job_result", "tomorrow"):
        outcome = await corp.platform.event(USER, event, "x")
        assert (outcome.statuses, outcome.reply) == ((200,), "")
    await corp.platform.event(USER, "click", "old_key")
    await corp.platform.event(USER, "template_card_event", "old_key")
    contact = {
        "ToUserName": CorpAccount().corp_id,
        "FromUserName": "sys",
        "CreateTime": 1,
        "MsgType": "event",
    }
    outcome, _ = await corp.platform.deliver({**contact, "Event": "change_contact"})
    assert outcome.statuses == (200,)
    assert [turn.text for turn in dialogue.turns] == ["失业登记怎么办？"]


async def test_two_events_in_one_second_both_count(open_corp: OpenCorp) -> None:
    """Different menu buttons in the same second are different; the same event again is a retry."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    for key in ("say:甲", "say:乙", "say:甲"):
        await corp.platform.event(USER, "click", key, CreateTime=1_800_000_000)
    await corp.shown(2)
    await corp.quiet()
    assert [turn.text for turn in dialogue.turns] == ["甲", "乙"]


async def test_who_has_left_is_not_written_to(open_corp: OpenCorp) -> None:
    """After the member was removed, an answer that was on its way is not sent."""
    dialogue = GatedDialogue()
    corp = await open_corp(dialogue)
    await corp.platform.say(USER, "您好")
    await eventually(lambda: bool(dialogue.turns))
    await corp.platform.event(USER, "unsubscribe")
    dialogue.gate.set()
    await corp.quiet(1.3)
    assert corp.platform.api.calls.get("/cgi-bin/message/send", 0) == 0


@pytest.mark.parametrize(
    ("fields", "notice"),
    [
        ({"MsgType": "image", "PicUrl": "http://x/y", "MediaId": "m"}, "image"),
        ({"MsgType": "video", "MediaId": "m", "ThumbMediaId": "t"}, "image"),
        ({"MsgType": "link", "Title": "a", "Description": "b", "Url": "http://x"}, "link"),
        ({"MsgType": "file", "Title": "a"}, "file"),
        ({"MsgType": "hologram"}, "unknown"),
        ({"MsgType": "voice"}, "voice_unclear"),
    ],
)
async def test_other_kinds_are_declined_kindly(
    open_corp: OpenCorp, fields: dict[str, str], notice: str
) -> None:
    """Pictures, links, files and kinds of tomorrow get their sentence in the response."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    assert (await corp.platform.message(USER, fields)).reply == OURS.notices[notice]
    assert dialogue.turns == []


@pytest.mark.parametrize(
    ("label", "place", "asked"),
    [
        ("广东省广州市天河区体育西路191号", ("23.13", "113.32"), "天河区的就业驿站在哪里？"),
        ("", ("22.80", "113.52"), "南沙区的就业驿站在哪里？"),
        ("广东省深圳市南山区", ("22.53", "113.93"), "广州就业驿站在哪里？"),
    ],
)
async def test_a_location_asks_for_the_nearest_stations(
    open_corp: OpenCorp, label: str, place: tuple[str, str], asked: str
) -> None:
    """A place is asked about by its district."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    fields = {"MsgType": "location", "Label": label, "Location_X": place[0], "Location_Y": place[1]}
    await corp.platform.message(USER, {**fields, "Scale": 16, "AppType": "wxwork"})
    await eventually(lambda: [turn.text for turn in dialogue.turns] == [asked])


async def test_a_voice_message_is_heard(open_corp: OpenCorp) -> None:
    """WeCom gives no transcript: the AMR file is fetched, heard and answered like text."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    corp.platform.api.media["media1"] = (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 100, "voice/amr")
    await corp.platform.message(USER, {"MsgType": "voice", "MediaId": "media1", "Format": "amr"})
    await corp.shown(1)
    assert corp.texts() == ["收到：失业金怎么领"]
    assert corp.hearing.heard[0] == pytest.approx(2 * 32_000, rel=0.05)
    corp.platform.api.media["media2"] = (b"not audio", "voice/amr")
    await corp.platform.message(USER, {"MsgType": "voice", "MediaId": "media2", "Format": "amr"})
    await corp.platform.message(USER, {"MsgType": "voice", "MediaId": "gone", "Format": "amr"})
    await corp.shown(3)
    assert corp.texts()[1:] == [OURS.notices["voice_unclear"]] * 2


async def test_sixty_one_seconds_are_too_long(open_corp: OpenCorp) -> None:
    """A voice message of more than a minute gets a sentence."""
    corp = await open_corp(ScriptedDialogue(script))
    corp.platform.api.media["media1"] = (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50 * 61, "voice/amr")
    await corp.platform.message(USER, {"MsgType": "voice", "MediaId": "media1", "Format": "amr"})
    await corp.shown(1)
    assert corp.texts() == [OURS.notices["voice_long"]]


async def test_long_empty_and_hurried_messages_get_a_sentence(open_corp: OpenCorp) -> None:
    """Too long, empty and too many messages are answered at once with the doors' own words."""
    corp = await open_corp(ScriptedDialogue(script))
    assert (await corp.platform.say(USER, "长" * 2_001)).reply == DOORS.notice("too_large")
    assert (await corp.platform.say(USER, " \n ")).reply == DOORS.notice("empty")
    for number in range(20):
        await corp.platform.say(USER, f"第{number}句话")
        await eventually(lambda number=number: f"收到：第{number}句话" in corp.texts())
    assert (await corp.platform.say(USER, "还有")).reply == DOORS.notice("rate_limited")


async def test_awkward_characters_arrive(open_corp: OpenCorp) -> None:
    """Emoji, line breaks, section ends and markup reach the core and come back as they were."""
    corp = await open_corp(ScriptedDialogue(script))
    text = "第一行\n第二行 😀👨‍👩‍👧 ]]> <b>&amp;</b>"
    await corp.platform.say(USER, text)
    await corp.shown(1)
    assert corp.texts() == [f"收到：{text}"]


async def test_a_members_id_has_one_conversation_however_it_is_written(open_corp: OpenCorp) -> None:
    """WeCom's ids do not differ by capitals."""
    dialogue = ScriptedDialogue(script)
    corp = await open_corp(dialogue)
    await asyncio.gather(corp.platform.say("LiSi", "一"), corp.platform.say("lisi", "二"))
    await eventually(lambda: len(dialogue.turns) == 2)
    assert len({turn.conversation_id for turn in dialogue.turns}) == 1


async def test_no_key_of_redis_names_the_user(open_corp: OpenCorp) -> None:
    """The platform's id of a person stands in no key."""
    corp = await open_corp(ScriptedDialogue(script))
    await corp.platform.say(USER, "您好")
    await corp.shown(1)
    keys = [key.decode() async for key in corp.redis.scan_iter("*")]
    assert len(keys) > 3
    assert not [key for key in keys if USER.lower() in key.lower()]
