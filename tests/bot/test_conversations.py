"""Whole conversations through the trained model, on both channels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.types import CallAction, Disposition, TurnEvent
from tests.bot.conftest import Person, text_of

pytestmark = [pytest.mark.rasa, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
Maker = Callable[[str], Person]


async def test_opening_the_chat_greets_and_suggests(person: Maker) -> None:
    """The first message offers questions to press."""
    answer = await person("web").does(TurnEvent.SESSION_START)
    assert "上午好" in text_of(answer)
    assert len(answer.replies[0].buttons) >= 3


@pytest.mark.parametrize(
    ("line", "intent", "word"),
    [
        ("你好", "greet", "好"),
        ("早晨", "greet", "早晨"),
        ("谢谢", "thanks", ""),
        ("唔该晒", "thanks", ""),
        ("你能做什么", "help", "求职意向"),
        ("拜拜", "goodbye", "再见"),
        ("你是机器人吗", "bot_challenge", "人工智能"),
        ("转人工", "human", "12333"),
        ("我要揾真人", "human", "12333"),
        ("讲个笑话", "out_of_scope", "服务范围"),
    ],
)
async def test_small_talk_in_chat(person: Maker, line: str, intent: str, word: str) -> None:
    """Courtesies in Mandarin and Cantonese have their answers."""
    answer = await person("web").says(line)
    assert answer.state.intent == intent
    assert word in text_of(answer)


async def test_asking_for_a_person_is_noted_for_staff(person: Maker) -> None:
    """The state says that somebody wants a human, the reply that one is to take over, and only that reply."""
    asking = person("kf")
    answer = await asking.says("找人工")
    assert "human_requested" in answer.state.needs_review
    assert answer.replies[-1].call is CallAction.TRANSFER
    assert "请稍等" in answer.replies[0].text
    later = await asking.says("失业登记怎么办？")
    assert later.replies[-1].call is CallAction.CONTINUE


async def test_a_policy_question_is_answered_with_its_source_and_a_follow_up_keeps_the_policy(
    person: Maker,
) -> None:
    """The second question does not name the policy again."""
    citizen = person("web")
    answer = await citizen.says("就业驿站在哪里")
    assert answer.state.policy_ids
    assert answer.replies[0].sources
    again = await citizen.says("要带什么材料？")
    assert again.state.policy_ids == answer.state.policy_ids


async def test_what_staff_told_is_what_the_next_question_is_about(person: Maker) -> None:
    """A conversation comes back from staff with a note: the resident goes on asking about that."""
    citizen = person("web")
    await citizen.says("转人工")
    back = await citizen.does(TurnEvent.UTTERANCE, "要带什么材料？", staff_note="已经说明失业金怎么申请")
    assert back.state.policy_ids == ("ui_apply",)


@pytest.mark.parametrize("question", ["失业金怎么领", "失業金點樣領？", "失业金怎么申请"])
async def test_the_most_asked_question_is_answered_at_once(person: Maker, question: str) -> None:
    """An entry's own wording, also in Cantonese and traditional spelling, needs no choice."""
    assert (await person("web").says(question)).state.policy_ids == ("ui_apply",)


async def test_a_choice_is_picked_by_number_or_title(person: Maker) -> None:
    """您想问的是… takes 2, and it takes the title."""
    citizen = person("web")
    offered = await citizen.says("社保补贴")
    assert offered.state.open_question == "policy_choice"
    assert offered.state.keys[:2] == ("1", "2")
    second = offered.replies[0].buttons[1]
    by_number = await citizen.says("2")
    assert by_number.state.policy_ids
    await citizen.says("社保补贴")
    by_title = await citizen.says(second.text)
    assert by_title.state.policy_ids == by_number.state.policy_ids


async def test_a_job_intention_in_chat_with_detour_correction_and_confirmation(person: Maker) -> None:
    """Every way of steering at once, and the form still ends with the right record."""
    citizen = person("web")
    assert (await citizen.says("我想登记求职意向")).state.open_question == "wanted_jobs"
    answer = await citizen.says("保安或者保洁", "就业驿站在哪里")
    assert answer.state.open_question == "district"
    assert answer.state.policy_ids
    answer = await citizen.says("天河区", "唔系天河，系白云")
    assert answer.state.fields["district"].value == "白云区"
    answer = await citizen.says("四千左右", "工资改成五千", "全职", "可以")
    assert answer.state.open_question == "confirm_summary"
    for word in ("保安、保洁", "白云区", "5000", "全职"):
        assert word in text_of(answer)
    done = await citizen.says("都对")
    assert done.state.completed == "job_intention"
    assert done.state.fields["wanted_jobs"].value == ["保安", "保洁"]
    assert done.state.fields["district"].words == "唔系天河,系白云"
    assert done.state.fields["wanted_jobs"].message_id == "m2"
    assert (await citizen.says("谢谢")).state.completed == ""


async def test_a_job_intention_can_be_cancelled_and_begun_again(person: Maker) -> None:
    """取消 leaves the form; the next one starts empty."""
    citizen = person("web")
    await citizen.says("我想找工作", "保安")
    assert (await citizen.says("算了不填了")).state.open_question == ""
    assert (await citizen.says("我想登记求职意向")).state.open_question == "wanted_jobs"


@pytest.mark.parametrize(
    ("lines", "disposition"),
    [
        (("打错了",), Disposition.WRONG_NUMBER),
        (("不要再打了",), Disposition.OPT_OUT),
        (("我是他妈妈", "明天下午三点"), Disposition.RELATIVE),
        (("是我", "我喺度忙"), Disposition.CALLBACK),
        (("系我", "得", "转人工"), Disposition.TRANSFERRED),
        (("我就是", "烦死了", "有完没完"), Disposition.REFUSED),
    ],
)
async def test_calls_that_end_early(person: Maker, lines: tuple[str, ...], disposition: Disposition) -> None:
    """Each early ending has its disposition."""
    callee = person("phone")
    await callee.is_called()
    assert (await callee.says(*lines)).state.disposition is disposition


async def test_a_whole_follow_up_call(person: Maker) -> None:
    """Notice, identity, status, known facts, training, hardship, summary, thanks."""
    callee = person("phone")
    opening = await callee.is_called(wanted_jobs=["保安"], district="天河区")
    assert opening.replies[0].protected
    assert "人工智能" in opening.replies[0].spoken
    assert "录音" in opening.replies[0].spoken
    assert "广州市公共就业服务中心" in opening.replies[0].spoken
    assert "陈小明" in opening.replies[-1].spoken
    known = await callee.says("北人", "是的", "我失业了")
    assert known.state.open_question == "confirm_known"
    assert "天河区" in text_of(known)
    answer = await callee.says("是的", "四千左右", "全职", "可以")
    assert answer.state.open_question == "training_wish"
    answer = await callee.says("想学电工", "单亲，一个人凑仔")
    assert answer.state.open_question == "confirm_summary"
    assert "hardship_signal" in answer.state.needs_review
    done = await callee.says("对")
    assert done.state.completed == "follow_up"
    assert done.state.disposition is Disposition.COMPLETED
    assert done.replies[-1].call is CallAction.HANGUP
    assert done.state.fields["district"].source == "register"
    assert done.state.fields["training_topic"].value == "电工"


async def test_keys_are_offered_and_understood(person: Maker) -> None:
    """The state names the keys; pressing one answers."""
    callee = person("phone")
    assert (await callee.is_called()).state.keys == ("1", "2")
    await callee.does(TurnEvent.KEY, "1")
    asked = await callee.does(TurnEvent.KEY, "1")
    assert asked.state.keys == tuple("12345678")
    answer = await callee.does(TurnEvent.KEY, "4")
    assert answer.state.fields["employment_status"].value == "unemployed"


async def test_silence_on_the_phone_ends_politely(person: Maker) -> None:
    """Three silences and the call is over."""
    callee = person("phone")
    await callee.is_called()
    calls = [(await callee.does(TurnEvent.SILENCE)).replies[-1].call for _ in range(3)]
    assert calls == [CallAction.CONTINUE, CallAction.CONTINUE, CallAction.HANGUP]


@pytest.mark.parametrize("stage", range(5))
async def test_opting_out_works_at_every_stage_of_a_call(person: Maker, stage: int) -> None:
    """No question is so important that 不要再打了 could not be said to it."""
    callee = person("phone")
    await callee.is_called()
    for line in ("我就是", "方便", "在找工作", "保安", "荔湾")[:stage]:
        await callee.says(line)
    answer = await callee.says("唔好再打嚟啦")
    assert answer.state.disposition is Disposition.OPT_OUT
    assert answer.replies[-1].call is CallAction.HANGUP


async def test_a_question_in_the_call_is_answered_in_few_words_then_the_question_again(
    person: Maker,
) -> None:
    """The spoken answer has at most two sentences, and nothing is lost."""
    callee = person("phone")
    await callee.is_called()
    answer = await callee.says("我就是", "方便", "在找工作", "我问一下，就业驿站在哪里？")
    assert answer.state.open_question == "wanted_jobs"
    assert len(answer.replies) == 2
    assert answer.replies[0].spoken.count("。") <= 3
    assert not answer.replies[0].buttons


async def test_spoken_sentences_have_no_brackets_links_or_digits_to_press(person: Maker) -> None:
    """What is spoken can be spoken."""
    callee = person("phone")
    spoken = [reply.spoken for reply in (await callee.is_called()).replies]
    for line in ("我就是", "方便", "在找工作", "保安", "荔湾", "四千到五千", "全职", "可以", "不想", "没有"):
        spoken += [reply.spoken for reply in (await callee.says(line)).replies]
    assert all(text for text in spoken)
    assert not any(sign in text for text in spoken for sign in "()（）<>[]{}/：:")
    assert "四千到五千" in spoken[-1]


async def test_after_the_call_nothing_is_asked(person: Maker) -> None:
    """Words that arrive late are answered with a goodbye."""
    callee = person("phone")
    await callee.is_called()
    await callee.says("打错了")
    answer = await callee.says("喂？")
    assert answer.replies[-1].call is CallAction.HANGUP
    assert answer.state.open_question == ""


@pytest.mark.parametrize(
    ("question", "policy"),
    [
        ("失业保险金怎么领", "ui_apply"),
        ("失業保險金點樣領", "ui_apply"),
        ("失业金可以领多久", "ui_duration"),
        ("失业金可以攞几耐", "ui_duration"),
        ("领失业金要什么条件", "ui_eligibility"),
        ("領失業金有咩條件", "ui_eligibility"),
        ("社保补贴怎么申请", "flex_ss_subsidy"),
        ("創業貸款可以貸幾多", "startup_loan_gd"),
        ("技能补贴有几多钱", "skill_ui_subsidy"),
        ("等等我问一下，失业金怎么领", "ui_apply"),
    ],
)
@pytest.mark.parametrize("channel", ["web", "phone"])
async def test_common_questions_are_answered_at_once(
    person: Maker, channel: str, question: str, policy: str
) -> None:
    """In chat and in a call, in Mandarin and Cantonese."""
    citizen = person(channel)
    if channel == "phone":
        await citizen.is_called()
        await citizen.says("我就是", "方便", "在找工作")
    assert (await citizen.says(question)).state.policy_ids == (policy,)


async def test_a_follow_up_without_its_subject_finds_the_policy_that_it_continues(person: Maker) -> None:
    """能领多久 after 失业金怎么领 is about the months, not about the papers."""
    citizen = person("web")
    await citizen.says("失业金怎么领")
    assert (await citizen.says("能领多久")).state.policy_ids == ("ui_duration",)


async def test_an_unsure_question_in_a_call_is_read_out_for_a_yes_or_no(person: Maker) -> None:
    """Yes answers it, no notes it for staff, and the open question comes back either way."""
    callee = person("phone")
    await callee.is_called()
    asked = await callee.says("我就是", "方便", "在找工作", "养老保险")
    assert asked.state.open_question == "policy_choice"
    assert asked.replies[-1].spoken.endswith("吗？")
    yes = await callee.says("是的")
    assert yes.state.policy_ids == ("flex_pension_2026",)
    assert yes.state.open_question == "wanted_jobs"
    no = await callee.says("创业补贴", "不是")
    assert "unanswered_question" in no.state.needs_review
    assert no.state.open_question == "wanted_jobs"


async def test_the_greeting_suggests_questions_that_are_answered(person: Maker) -> None:
    """Four to six buttons, and every policy button leads to an answer."""
    opened = await person("web").does(TurnEvent.SESSION_START)
    buttons = opened.replies[0].buttons
    assert 4 <= len(buttons) <= 6
    for button in buttons[:4]:
        assert (await person("web").says(button.text)).state.policy_ids


@pytest.mark.parametrize("line", ["我想死", "我失业了很难受，不知道怎么办", "我快五十了没人要"])
async def test_distress_in_chat_is_met_with_care(person: Maker, line: str) -> None:
    """Neither a form nor a list of services answers somebody in trouble."""
    answer = await person("web").says(line)
    assert "担心您" in text_of(answer) or "不容易" in text_of(answer)
    assert answer.state.open_question == ""
