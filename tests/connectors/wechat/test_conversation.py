"""What residents of the official account see, message type by message type."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.platform_texts import load_platform_texts
from connectors.stations import load_stations
from connectors.texts import load_texts
from core.dialogue import ScriptedDialogue
from core.errors import ConfigError
from core.types import Answer, Button, Reply, Turn, TurnEvent
from tests.connectors.conftest import QUICK, GatedDialogue
from tests.connectors.script import ANSWER, GREETING, script
from tests.connectors.wechat.conftest import USER, OpenTown
from tests.eventually import eventually

pytestmark = pytest.mark.net

NAMES = {"agency": "中心", "hotline": "12333"}
OURS = load_platform_texts(NAMES)
DOORS = load_texts(NAMES)


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
async def test_a_question_is_answered_in_the_response(open_town: OpenTown, mode: str) -> None:
    """In every mode the answer comes as the passive reply to the first attempt; the API is not used."""
    town = await open_town(ScriptedDialogue(script), mode)
    outcome = await town.platform.say(USER, "社保补贴")
    assert outcome.statuses == (200,)
    assert ANSWER in outcome.reply
    assert "依据：灵活就业社会保险补贴（粤人社规〔2026〕20号，截至 2026-06-17）" in outcome.reply
    assert outcome.reply.endswith("1. 需要哪些材料\n2. 找人工")
    await town.quiet()
    assert len(town.screen()) == 1
    assert "/cgi-bin/message/custom/send" not in town.platform.api.calls


async def test_the_admin_pages_check_passes(open_town: OpenTown) -> None:
    """The platform's verification gets its echo string back; with another token it is refused."""
    town = await open_town(ScriptedDialogue(script))
    assert await town.platform.verify("8349173") == (200, "8349173")
    town.platform.account = replace(town.platform.account, token="other")
    assert (await town.platform.verify())[0] == 403


async def test_a_typed_number_chooses(open_town: OpenTown) -> None:
    """A "2" after numbered choices sends what the second one stands for; a number beyond stays itself."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    await town.platform.say(USER, "社保补贴")
    await town.platform.say(USER, "２")
    assert dialogue.turns[-1].text == "找人工"
    await town.platform.say(USER, "社保补贴")
    await town.platform.say(USER, "9")
    assert dialogue.turns[-1].text == "9"


async def test_numbers_stand_for_nothing_once_the_choice_is_over(open_town: OpenTown) -> None:
    """After an answer without choices, a number is just what was typed."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    await town.platform.say(USER, "社保补贴")
    await town.platform.say(USER, "谢谢")
    await town.platform.say(USER, "1")
    assert dialogue.turns[-1].text == "1"


async def test_following_is_greeted_with_its_scene(open_town: OpenTown) -> None:
    """A new follower is greeted; the scene of the scanned code reaches the dialogue core."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    outcome = await town.platform.event(USER, "subscribe", "qrscene_tianhe")
    assert outcome.reply.startswith(GREETING)
    assert dialogue.turns[0].event is TurnEvent.SESSION_START
    assert dialogue.turns[0].metadata == {"scene": "tianhe"}
    await town.platform.event(USER, "SCAN", "huangpu", Ticket="t")
    assert dialogue.turns[1].metadata == {"scene": "huangpu"}


async def test_two_events_in_one_second_both_count(open_town: OpenTown) -> None:
    """Different buttons pressed in the same second are different; the same event again is a retry."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    platform = town.platform
    second = {"CreateTime": 1_800_000_000, "MsgType": "event", "Event": "CLICK"}
    for key in ("say:失业登记怎么办？", "say:失业金怎么申请？", "say:失业登记怎么办？"):
        await platform.deliver(platform.compose(USER, {**second, "EventKey": key}))
    assert [turn.text for turn in dialogue.turns] == ["失业登记怎么办？", "失业金怎么申请？"]


async def test_menu_buttons_speak_and_links_do_not(open_town: OpenTown) -> None:
    """A button says its sentence; opening a page or an unknown key is acknowledged without an answer."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    assert (
        await town.platform.event(USER, "CLICK", "say:我想登记求职意向")
    ).reply == "收到：我想登记求职意向"
    for event, key in (("VIEW", "https://www.gz.gov.cn/"), ("CLICK", "old_key"), ("LOCATION", "")):
        outcome = await town.platform.event(USER, event, key)
        assert (outcome.statuses, outcome.reply) == ((200,), "")
    assert len(dialogue.turns) == 1


async def test_leaving_ends_it(open_town: OpenTown) -> None:
    """Nothing is sent to somebody who has left, not even an answer that was on its way."""
    dialogue = GatedDialogue()
    town = await open_town(dialogue, patience=replace(QUICK, deadline_ms=60_000))
    asking = asyncio.create_task(town.platform.say(USER, "您好"))
    await eventually(lambda: bool(dialogue.turns))
    town.platform.attempt_s = 0.01
    outcome = await town.platform.event(USER, "unsubscribe")
    assert outcome.reply == ""
    asking.cancel()
    dialogue.gate.set()
    await town.quiet(1.5)
    assert "/cgi-bin/message/custom/send" not in town.platform.api.calls


@pytest.mark.parametrize(
    ("fields", "notice"),
    [
        ({"MsgType": "image", "PicUrl": "http://x/y", "MediaId": "m"}, "image"),
        ({"MsgType": "video", "MediaId": "m", "ThumbMediaId": "t"}, "image"),
        ({"MsgType": "shortvideo", "MediaId": "m"}, "image"),
        ({"MsgType": "link", "Title": "a", "Description": "b", "Url": "http://x"}, "link"),
        ({"MsgType": "file", "Title": "a"}, "file"),
        ({"MsgType": "hologram"}, "unknown"),
        ({"MsgType": "voice"}, "voice_unclear"),
    ],
)
async def test_other_kinds_are_declined_kindly(
    open_town: OpenTown, fields: dict[str, str], notice: str
) -> None:
    """Pictures, links, files and kinds of tomorrow get a sentence that says what works instead."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    assert (await town.platform.message(USER, fields)).reply == OURS.notices[notice]
    assert dialogue.turns == []


@pytest.mark.parametrize(
    ("label", "place", "asked"),
    [
        ("广东省广州市天河区体育西路191号", (23.13, 113.32), "天河区的就业驿站在哪里？"),
        ("", (22.80, 113.52), "南沙区的就业驿站在哪里？"),
        ("", (23.5505, 113.586), "从化区的就业驿站在哪里？"),
        ("广东省深圳市南山区", (22.53, 113.93), "广州就业驿站在哪里？"),
        ("", (39.9, 116.4), "广州就业驿站在哪里？"),
    ],
)
async def test_a_location_asks_for_the_nearest_stations(
    open_town: OpenTown, label: str, place: tuple[float, float], asked: str
) -> None:
    """The address, else the place on the map, decides the district whose service stations are asked for."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    fields = {"MsgType": "location", "Label": label, "Scale": 16}
    await town.platform.message(USER, {**fields, "Location_X": str(place[0]), "Location_Y": str(place[1])})
    assert [turn.text for turn in dialogue.turns] == [asked]


async def test_a_location_finds_the_nearest_stations_of_the_operators_list(
    open_town: OpenTown, tmp_path: Path
) -> None:
    """With a list of stations the three nearest are named, with distance and address."""
    path = tmp_path / "stations.csv"
    rows = [
        "越秀驿站,越秀路1号,23.13,113.27",
        "天河驿站,天河路1号,23.131,113.322",
        "体育西驿站,体育西路2号,23.13,113.326",
    ]
    path.write_text("\n".join(["\ufeffname,address,latitude,longitude", *rows]), "utf-8")
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue, stations=path)
    fields = {"MsgType": "location", "Label": "", "Scale": 16, "Location_X": "23.13", "Location_Y": "113.32"}
    outcome = await town.platform.message(USER, fields)
    assert outcome.reply.splitlines() == [
        "离您最近的就业驿站：",
        "1. 天河驿站，约 200 米。天河路1号",
        "2. 体育西驿站，约 600 米。体育西路2号",
        "3. 越秀驿站，约 5.1 公里。越秀路1号",
    ]
    far = {**fields, "Location_X": "39.9", "Location_Y": "116.4"}
    await town.platform.message(USER, far)
    assert [turn.text for turn in dialogue.turns] == ["广州就业驿站在哪里？"]


@pytest.mark.parametrize(
    "text", ["name,address\na,b\n", "name,address,latitude,longitude\na,b,x,y\n",
             "name,address,latitude,longitude\na,b,99,113\n", "name,address,latitude,longitude\n,b,23,113\n"]
)  # fmt: skip
def test_a_broken_list_of_stations_is_named(tmp_path: Path, text: str) -> None:
    """The process does not start with it, and the operator reads which line is wrong."""
    path = tmp_path / "stations.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        load_stations(path)


async def test_what_the_platform_heard_is_used(open_town: OpenTown) -> None:
    """A voice message with the platform's transcript is answered like text, without a download."""
    dialogue = ScriptedDialogue(script)
    town = await open_town(dialogue)
    voice = {"MsgType": "voice", "MediaId": "m1", "Format": "amr", "Recognition": "失业登记怎么办"}
    assert (await town.platform.message(USER, voice)).reply == "收到：失业登记怎么办"
    assert "/cgi-bin/media/get" not in town.platform.api.calls


async def test_long_empty_and_hurried_messages_get_a_sentence(open_town: OpenTown) -> None:
    """Too long, empty and too many messages are answered at once with the doors' own words."""
    town = await open_town(ScriptedDialogue(script))
    assert (await town.platform.say(USER, "长" * 2_001)).reply == DOORS.notice("too_large")
    assert (await town.platform.say(USER, " \n ")).reply == DOORS.notice("empty")
    replies = [(await town.platform.say(USER, f"第{number}句话")).reply for number in range(22)]
    assert replies.count(DOORS.notice("rate_limited")) == 2
    assert replies[0] == "收到：第0句话"


async def test_a_long_answer_comes_in_pieces_and_in_order(open_town: OpenTown) -> None:
    """The first 2,048 bytes are the reply, the rest follows as messages; nothing is lost or cut in a word."""
    long = "".join(f"第{number}条说明，请带好身份证和社保卡去办理。" for number in range(120))
    dialogue = ScriptedDialogue(lambda _: Answer((Reply(long, buttons=(Button("好", "好的"),)),)))
    town = await open_town(dialogue)
    await town.platform.say(USER, "说详细点")
    shown = await town.shown(4)
    assert [line.how for line in shown] == ["reply", "sent", "sent", "sent"]
    assert all(len(line.text.encode()) <= 2_048 for line in shown)
    assert all(line.text.endswith("。") for line in shown[:-1])
    assert "".join(line.text for line in shown).startswith(long)
    await town.platform.say(USER, "1")
    assert dialogue.turns[-1].text == "好的"


async def test_awkward_characters_arrive(open_town: OpenTown) -> None:
    """Emoji, line breaks, section ends and markup reach the core and come back as they were."""
    town = await open_town(ScriptedDialogue(script))
    text = "第一行\n第二行 😀👨‍👩‍👧 ]]> <b>&amp;</b>"
    assert (await town.platform.say(USER, text)).reply == f"收到：{text}"


async def test_messages_of_one_user_are_answered_in_order(open_town: OpenTown) -> None:
    """Three messages sent at once are answered one after the other, each once."""

    def answer(turn: Turn) -> Answer:
        return Answer((Reply(f"答{turn.text}"),))

    town = await open_town(ScriptedDialogue(answer))
    await asyncio.gather(*(town.platform.say(USER, f"话{number}") for number in range(3)))
    await town.shown(1)
    await town.quiet()
    said = "\n\n".join(town.texts())
    assert sorted(said.split("\n\n")) == ["答话0", "答话1", "答话2"]


async def test_users_do_not_see_each_other(open_town: OpenTown) -> None:
    """Twenty users at once: each gets the answer to their own question."""
    town = await open_town(ScriptedDialogue(script))
    users = [f"oUser{number:02}" for number in range(20)]
    outcomes = await asyncio.gather(*(town.platform.say(user, f"我是{user}") for user in users))
    assert [outcome.reply for outcome in outcomes] == [f"收到：我是{user}" for user in users]


async def test_no_key_of_redis_names_the_user(open_town: OpenTown) -> None:
    """The platform's id of a person stands in no key."""
    town = await open_town(ScriptedDialogue(script))
    await town.platform.say(USER, "您好")
    keys = [key.decode() async for key in town.redis.scan_iter("*")]
    assert len(keys) > 3
    assert not [key for key in keys if USER in key]
