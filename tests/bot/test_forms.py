"""The conversation plan, without Rasa: what is asked next, what is understood, how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bot.forms.engine import start_follow_up, start_intention, step
from bot.forms.moves import move_of
from bot.forms.questions import QUESTIONS, STATUSES
from bot.forms.types import Entity, Heard, Memo, Step
from bot.forms.yesno import yes_no
from bot.words import load_words
from core.clock import CHINA
from core.types import CallAction, Disposition, TurnEvent

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=CHINA)
NAMES = {
    "保安": ("job", "保安"),
    "电工": ("job", "电工"),
    "保洁": ("job", "保洁"),
    "天河": ("district", "天河区"),
    "白云": ("district", "白云区"),
    "荔湾": ("district", "荔湾区"),
    "客村": ("place", "客村"),
}
OPENING = ("我就是", "方便")
UNEMPLOYED = (*OPENING, "失业了")


def heard(text: str, intent: str = "", confidence: float = 0.0, channel: str = "phone") -> Heard:
    """An utterance with the entities that the gazetteer would find."""
    entities = tuple(
        Entity(kind, value, text.index(name), text.index(name) + len(name))
        for name, (kind, value) in NAMES.items()
        if name in text
    )
    return Heard(text, intent, confidence, entities, message_id="m1", at=NOW, channel=channel)


def talk(*lines: str, facts: dict[str, Any] | None = None, start: Step | None = None) -> Step:
    """Have a whole call; ``@silence``, ``@unclear`` and ``@key 1`` are events."""
    now = start or start_follow_up("陈小明", "就业中心", facts or {})
    for line in lines:
        if line.startswith("@"):
            event, _, key = line[1:].partition(" ")
            turn = replace(heard(key), event=TurnEvent(event))
        else:
            turn = heard(line)
        now = step(now.memo, turn)
    return now


def said(result: Step) -> list[str]:
    """The names of the responses of a step."""
    return [line.response for line in result.says]


def test_a_call_begins_with_the_notice_and_the_question_of_identity() -> None:
    """Nobody is asked anything before hearing who calls."""
    opening = talk()
    assert said(opening) == ["utter_notice", "utter_ask_identity"]
    assert opening.memo.open_question == "identity"


def test_an_unemployed_person_is_led_through_every_question() -> None:
    """The order of the questions is the plan's."""
    answers = {
        "identity": "我就是",
        "convenient": "方便",
        "employment_status": "失业了",
        "wanted_jobs": "保安",
        "district": "天河",
        "expected_pay": "四千左右",
        "working_time": "全职",
        "contact_consent": "可以",
        "training_wish": "想",
        "training_topic": "学电工",
        "hardship": "没有",
        "confirm_summary": "对",
    }
    now, order = talk(), []
    while now.call is CallAction.CONTINUE:
        order.append(now.memo.open_question)
        now = step(now.memo, heard(answers[now.memo.open_question]))
    assert order == list(answers)
    assert now.completed == "follow_up"
    assert now.call is CallAction.HANGUP
    assert now.memo.disposition is Disposition.COMPLETED
    assert now.memo.value("expected_pay") == {"min": 4000, "max": 4000, "unit": "yuan_per_month"}
    assert now.memo.value("hardship") == []


@pytest.mark.parametrize(
    ("answer", "status", "following"),
    [
        ("在公司上班", "employed", "current_work"),
        ("自己开了个小店", "self_employed", "current_work"),
        ("打散工", "flexible", "current_work"),
        ("冇工做", "unemployed", "wanted_jobs"),
        ("暂时不想找工作", "not_looking", "training_wish"),
        ("仲读紧书", "studying", "training_wish"),
        ("退咗休", "retired", "hardship"),
        ("身体唔得，做唔到嘢", "unable", "hardship"),
    ],
)
def test_each_employment_status_has_its_own_way_on(answer: str, status: str, following: str) -> None:
    """Eight situations are understood by their words and lead to their next question."""
    now = talk(*OPENING, answer)
    assert now.memo.value("employment_status") == status
    assert now.memo.open_question == following


def test_known_facts_are_confirmed_in_one_question() -> None:
    """What the register knows is not asked again."""
    facts = {"wanted_jobs": ["保安"], "district": "天河区"}
    now = talk(*UNEMPLOYED, facts=facts)
    assert now.memo.open_question == "confirm_known"
    now = step(now.memo, heard("是的"))
    assert now.memo.open_question == "expected_pay"
    assert now.memo.fields["district"].source == "register"


def test_a_known_fact_that_changed_is_corrected_and_the_rest_stands() -> None:
    """唔系天河，系白云 to the known facts changes one and keeps the other."""
    now = talk(*UNEMPLOYED, "唔系天河，系白云", facts={"wanted_jobs": ["保安"], "district": "天河区"})
    assert now.memo.value("district") == "白云区"
    assert now.memo.fields["district"].source == "said"
    assert now.memo.fields["wanted_jobs"].source == "register"


def test_facts_that_are_wrong_are_asked_anew() -> None:
    """不是 to the known facts leads to the first question."""
    now = talk(*UNEMPLOYED, "不是", facts={"wanted_jobs": ["保安"]})
    assert now.memo.open_question == "wanted_jobs"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        OPENING[:1],
        OPENING,
        UNEMPLOYED,
        (*UNEMPLOYED, "保安"),
        (*UNEMPLOYED, "保安", "天河", "四千", "全职", "可以"),
        (*OPENING, "上班"),
    ],
)
@pytest.mark.parametrize(
    ("line", "disposition", "call"),
    [
        ("不要再打了", Disposition.OPT_OUT, CallAction.HANGUP),
        ("唔好再打嚟", Disposition.OPT_OUT, CallAction.HANGUP),
        ("找人工", Disposition.TRANSFERRED, CallAction.TRANSFER),
    ],
)
def test_stop_and_a_person_are_heard_at_every_step(
    lines: tuple[str, ...], line: str, disposition: Disposition, call: CallAction
) -> None:
    """Opting out and asking for staff need no right moment."""
    now = talk(*lines, line)
    assert now.memo.disposition is disposition
    assert now.call is call


@pytest.mark.parametrize("lines", [(), OPENING, UNEMPLOYED, (*UNEMPLOYED, "保安", "天河")])
def test_repeat_who_robot_and_question_return_to_the_open_question(lines: tuple[str, ...]) -> None:
    """A detour never loses the question."""
    before = talk(*lines).memo
    for line in ("再说一遍", "你是谁", "你是机器人吗", "失业金怎么领？"):
        now = step(before, heard(line))
        assert now.memo.open_question == before.open_question
        assert said(now)[-1].startswith("utter_ask_")
        assert now.memo.fields == before.fields
    assert step(before, heard("失业金怎么领？")).policy_question == "失业金怎么领？"
    assert step(before, heard("再说一遍")).replay


def test_a_wrong_number_ends_at_once() -> None:
    """打错了 is believed."""
    now = talk("打错了")
    assert (now.memo.disposition, now.call) == (Disposition.WRONG_NUMBER, CallAction.HANGUP)


@pytest.mark.parametrize(
    "words", ["他上个月去世了", "佢过咗身喇", "我妈已经不在人世了", "老人家没了", "她不在了，走了半年"]
)
def test_a_family_in_mourning_is_left_in_peace(words: str) -> None:
    """Condolence instead of a question, nothing else asked, and staff correct the register."""
    for opening in ((), ("我是他儿子",)):
        result = talk(*opening, words)
        assert (said(result), result.call) == (["utter_deceased"], CallAction.HANGUP)
        assert result.memo.disposition is Disposition.DECEASED
        assert "deceased" in result.memo.needs_review


def test_a_loss_that_somebody_tells_of_is_no_reason_to_hang_up() -> None:
    """Said in mid-talk, 去世 is about somebody else."""
    result = talk(*UNEMPLOYED, "我老公去年去世了")
    assert result.call is CallAction.CONTINUE
    assert result.memo.disposition is not Disposition.DECEASED


def test_not_the_person_is_asked_whether_family_or_wrong_number() -> None:
    """A bare no to the name needs one more question; keys answer it too."""
    assert said(talk("不是")) == ["utter_ask_relation"]
    assert talk("不是", "@key 2").memo.disposition is Disposition.WRONG_NUMBER
    assert talk("不是", "@key 1").memo.disposition is Disposition.RELATIVE


def test_a_relative_is_told_nothing_and_may_name_a_time() -> None:
    """Only a time to call is asked of someone else."""
    now = talk("我是他妈妈，他不在")
    assert now.memo.disposition is Disposition.RELATIVE
    assert now.memo.open_question == "callback_time"
    now = step(now.memo, heard("听日三点后"))
    assert now.call is CallAction.HANGUP
    assert now.memo.disposition is Disposition.RELATIVE
    assert now.memo.value("callback_time")["at"] == "2026-11-24T15:00:00+08:00"


def test_not_now_agrees_a_time() -> None:
    """A person who is busy is asked when; a time already named is taken."""
    now = talk("我是", "唔得闲")
    assert now.memo.open_question == "callback_time"
    assert step(now.memo, heard("下个礼拜三")).memo.disposition is Disposition.CALLBACK
    assert talk("我是", "开紧会，听日三点后再打啦").call is CallAction.HANGUP


def test_anger_is_calmed_once_then_the_call_ends() -> None:
    """A second outburst is taken as a refusal, and staff are told."""
    now = talk(*OPENING, "烦死了")
    assert said(now)[0] == "utter_calm"
    now = step(now.memo, heard("你们有病啊"))
    assert (now.memo.disposition, now.call) == (Disposition.REFUSED, CallAction.HANGUP)
    assert "complaint" in now.memo.needs_review


def test_silence_is_asked_into_twice() -> None:
    """Re-ask, ask shorter, say goodbye; any word starts the ladder anew."""
    assert said(talk("@silence")) == ["utter_silence", "utter_ask_identity"]
    assert said(talk("@silence", "@silence")) == ["utter_again_identity"]
    assert talk("@silence", "@silence", "@silence").call is CallAction.HANGUP
    assert talk("@silence", "@silence", "我是", "@silence").call is CallAction.CONTINUE


def test_who_is_heard_too_badly_gets_keys_or_a_person_at_once() -> None:
    """No loop of the same question: keys where it has some, else it is left to staff."""
    doubtful = replace(heard(""), event=TurnEvent.UNCLEAR, doubtful=True)
    keyed = step(talk(*UNEMPLOYED, "保安", "天河", "四千").memo, doubtful)
    assert said(keyed) == ["utter_keys_working_time"]
    left = step(talk(*UNEMPLOYED, "保安", "天河").memo, doubtful)
    assert left.memo.open_question == "working_time"
    assert "unclear_answer" in left.memo.needs_review


def test_a_question_that_was_not_heard_is_asked_again_without_blame() -> None:
    """Talking into the question is no failed answer."""
    cut = replace(heard("呃"), event=TurnEvent.UNCLEAR, unheard="您想在哪个区上班？")
    again = step(talk(*UNEMPLOYED, "保安").memo, cut)
    assert said(again) == ["utter_ask_district"]
    assert said(step(again.memo, cut)) == ["utter_unclear", "utter_again_district"]


def test_silence_after_answers_is_a_partial_result() -> None:
    """What was said before is kept."""
    assert talk("@silence", "@silence", "@silence").memo.disposition is None
    assert talk(*UNEMPLOYED, *["@silence"] * 3).memo.disposition is Disposition.PARTIAL


def test_what_is_not_understood_is_helped_by_keys_then_left() -> None:
    """After two tries keys are offered; an optional question is left open, a needed one ends the call."""
    lines = (*UNEMPLOYED, "保安", "天河", "四千")
    assert said(talk(*lines, "@unclear", "@unclear", "@unclear")) == ["utter_keys_working_time"]
    left = talk(*lines, *["@unclear"] * 4)
    assert left.memo.open_question == "contact_consent"
    assert "unclear_answer" in left.memo.needs_review
    assert talk(*["@unclear"] * 4).call is CallAction.HANGUP


@pytest.mark.parametrize("number", range(1, 9))
def test_every_status_has_a_key(number: int) -> None:
    """Keys 1 to 8 are the eight situations."""
    now = talk(*OPENING, f"@key {number}")
    assert now.memo.value("employment_status") == STATUSES[number - 1]


def test_a_key_that_is_not_offered_is_not_an_answer() -> None:
    """9 means nothing where yes and no are asked."""
    assert talk("@key 9").memo.open_question == "identity"


@pytest.mark.parametrize(
    ("question", "line"), [("identity", "北人"), ("convenient", "是等"), ("expected_pay", "是先")]
)
def test_misheard_answers_are_mended_with_less_confidence(question: str, line: str) -> None:
    """The recogniser's homophones are understood from the question's own candidates."""
    lines = {"identity": (), "convenient": ("我是",), "expected_pay": (*UNEMPLOYED, "保安", "天河")}[question]
    now = talk(*lines, line)
    assert now.memo.fields[question].confidence < 0.8
    assert now.memo.open_question != question


def test_corrections_work_in_mid_form() -> None:
    """A change to an earlier answer is taken and the open question stays."""
    now = talk(*UNEMPLOYED, "保安", "天河", "唔系天河，系白云")
    assert now.memo.value("district") == "白云区"
    assert now.memo.open_question == "expected_pay"
    now = step(step(now.memo, heard("四千")).memo, heard("工资改成五千"))
    assert now.memo.value("expected_pay")["min"] == 5000
    assert now.memo.open_question == "working_time"


def test_a_rejected_summary_takes_bare_values() -> None:
    """不对, then the right value: the summary is put again with it."""
    lines = (*UNEMPLOYED, "保安", "天河", "四千", "全职", "可以", "不想", "没有")
    now = talk(*lines, "不对")
    assert said(now) == ["utter_which_wrong"]
    now = step(now.memo, heard("工资五千"))
    assert now.memo.open_question == "confirm_summary"
    assert now.memo.value("expected_pay")["min"] == 5000


def test_several_answers_in_one_sentence_are_all_taken() -> None:
    """想在白云做保安，四千左右 answers three questions."""
    now = talk(*UNEMPLOYED, "想在白云做保安，四千左右")
    assert now.memo.open_question == "working_time"
    assert now.memo.value("district") == "白云区"


def test_hardship_in_passing_is_kept_and_flagged() -> None:
    """A difficulty is heard wherever it is said; a denied one is not."""
    now = talk(*UNEMPLOYED, "我有残疾证，想做保安")
    assert now.memo.value("hardship") == ["disability"]
    assert "hardship_signal" in now.memo.needs_review
    assert talk(*UNEMPLOYED, "没有残疾，想做保安").memo.value("hardship") is None


def test_a_hardship_mentioned_in_passing_is_still_asked_about() -> None:
    """The question comes all the same, and a no to it does not erase what was said."""
    lines = (*UNEMPLOYED, "我有残疾证，想做保安", "天河", "四千", "全职", "可以", "不想")
    now = talk(*lines)
    assert now.memo.open_question == "hardship"
    assert step(now.memo, heard("没有了")).memo.value("hardship") == ["disability"]


def test_a_summary_is_corrected_in_one_breath() -> None:
    """工资不对，四千五 needs no separate no."""
    lines = (*UNEMPLOYED, "保安", "天河", "四千", "全职", "可以", "不想", "没有")
    now = talk(*lines, "工资不对，四千五")
    assert now.memo.value("expected_pay")["min"] == 4500
    assert now.memo.open_question == "confirm_summary"


def test_a_question_about_the_disabled_is_not_a_hardship() -> None:
    """Asking about a subsidy says nothing about oneself."""
    assert talk(*OPENING, "残疾人有什么补贴？").memo.value("hardship") is None


def test_chat_takes_over_what_the_first_sentence_says_and_can_be_cancelled() -> None:
    """我想找份保安的工作，在天河 leaves two questions out; 取消 forgets all."""
    opening = start_intention(Memo(), heard("我想找份保安的工作，在天河", channel="web"))
    assert opening.memo.open_question == "expected_pay"
    cancelled = step(opening.memo, heard("取消", channel="web"))
    assert cancelled.memo.activity == ""
    assert not cancelled.memo.fields


def test_chat_digits_choose_where_keys_exist() -> None:
    """A typed 2 is the second choice of working time."""
    opening = start_intention(Memo(), heard("保安，天河，四千", channel="web"))
    now = step(opening.memo, heard("2", channel="web"))
    assert now.memo.value("working_time") == "part_time"


def test_consent_may_be_refused_without_opting_out() -> None:
    """不要打给我 to the question about contact is a no to that question."""
    now = talk(*UNEMPLOYED, "保安", "天河", "四千", "全职", "不要打给我")
    assert now.memo.value("contact_consent") is False
    assert now.memo.disposition is None


def test_every_question_has_its_sentences() -> None:
    """The domain has the responses that the plan names, for both channels."""
    import yaml

    names = set()
    for name in ("follow_up", "intention"):
        with open(f"dialogues/domain/{name}.yml", encoding="utf-8") as file:
            names |= set(yaml.safe_load(file)["responses"])
    for question in QUESTIONS.values():
        kinds = ["again", *(["keys"] if question.keys and question.id != "confirm_summary" else [])]
        kinds += [] if question.id == "confirm_summary" else ["ask"]
        assert {f"utter_{kind}_{question.id}" for kind in kinds} <= names


def test_only_what_is_known_is_read_out() -> None:
    """A register that knows the district alone says nothing of work or wage."""
    say = talk(*UNEMPLOYED, facts={"district": "荔湾区"}).says[-1]
    assert load_words().fill(say.values, spoken=True)["known"] == "想在荔湾区上班"


@pytest.mark.parametrize("line", ["还是这样", "系啊", "冇变", "一样", "没有变", "照旧", "唔变", "没有变化"])
def test_nothing_has_changed_is_a_yes_to_the_known_facts(line: str) -> None:
    """The known district stands and only what is missing is asked."""
    now = talk(*UNEMPLOYED, line, facts={"district": "荔湾区"})
    assert now.memo.fields["district"].source == "register"
    assert now.memo.open_question == "wanted_jobs"


def test_a_district_misheard_at_another_question_is_no_yes() -> None:
    """我想再立湾取上班 belongs to the district; whether to train is asked again."""
    lines = (*UNEMPLOYED, "保安", "天河", "四千", "全职", "可以")
    text = "我想再立湾取上班"
    misheard = replace(heard(text), entities=(Entity("district", "荔湾区", 3, 6, 0.6),))
    now = step(talk(*lines).memo, misheard)
    assert now.memo.value("training_wish") is None
    assert now.memo.value("district") == "荔湾区"
    assert now.memo.open_question == "training_wish"


@pytest.mark.parametrize(
    ("question", "line", "field", "value"),
    [
        ("working_time", "晚上熬不了夜，白天就行", "working_time", "day"),
        ("working_time", "不想上夜班", "working_time", "不想上夜班"),
        ("training_wish", "学不进去了，老了", "training_wish", False),
        ("hardship", "没困难", "hardship", []),
    ],
)
def test_what_is_denied_is_not_recorded(question: str, line: str, field: str, value: object) -> None:
    """A time that is ruled out, a course that is too much, a hardship that is none."""
    answers = ("保安", "天河", "四千", "全职", "可以", "不想")
    before = {"working_time": 3, "training_wish": 5, "hardship": 6}[question]
    now = step(talk(*UNEMPLOYED, *answers[:before]).memo, heard(line, "hardship", 0.9))
    assert now.memo.value(field) == value


def test_restating_a_recorded_value_confirms_that_item() -> None:
    """四千到五千 to a summary that says so is no misunderstanding."""
    lines = (*UNEMPLOYED, "保安", "天河", "四千到五千", "全职", "可以", "不想", "没有", "四千到五千")
    now = talk(*lines)
    assert said(now) == ["utter_item_confirmed"]
    assert now.memo.open_question == "confirm_summary"


@pytest.mark.parametrize("lines", [(), OPENING, UNEMPLOYED])
@pytest.mark.parametrize("line", ["我想死", "活不下去了", "唔想做人"])
def test_who_speaks_of_dying_gets_a_person_at_once(lines: tuple[str, ...], line: str) -> None:
    """No form goes on, staff are told, the call is handed over."""
    now = talk(*lines, line)
    assert now.call is CallAction.TRANSFER
    assert "crisis" in now.memo.needs_review


def test_absent_and_suspicious_in_one_breath() -> None:
    """他不在，你是哪里 gets an answer and is not asked whether he is the person."""
    now = talk("他不在，你是哪里")
    assert said(now)[0] == "utter_who"
    assert now.memo.open_question == "callback_time"
    assert now.memo.disposition is Disposition.RELATIVE


def test_a_bare_yes_does_not_choose_between_situations() -> None:
    """嗯 to 上班还是找工作 says nothing; somebody back from 不方便 is asked on."""
    assert talk(*OPENING, "嗯").memo.value("employment_status") is None
    now = talk("我就是", "不方便", "现在方便了")
    assert now.memo.open_question == "employment_status"
    assert now.memo.disposition is None


def test_a_hardship_in_passing_is_never_called_unclear() -> None:
    """The answer to trouble is sympathy, then the question again."""
    now = talk(*OPENING, "在读书", "想", "老伴身体不好一直吃药")
    assert said(now)[0] == "utter_hardship_heard"
    assert now.memo.open_question == "training_topic"


@pytest.mark.parametrize(
    ("said", "intent", "move"),
    [
        ("方便啊我刚吃完饭正好没什么事", "affirm", ""),
        ("你打来有什么事", "", "who"),
        ("什么事", "", "who"),
        ("现在方便", "not_now", ""),
        ("得闲呀", "not_now", ""),
        ("现在不方便", "not_now", "not_now"),
        ("我而家唔得闲", "", "not_now"),
        ("走不开", "not_now", "not_now"),
    ],
)
def test_who_can_talk_is_not_put_off(said: str, intent: str, move: str) -> None:
    """没什么事 asks nothing, and 方便 is yes whatever the classifier thinks of it."""
    assert move_of(heard(said, intent, 0.9), "convenient") == move


@pytest.mark.parametrize("said", ["现在方便", "而家得闲", "方便呀"])
def test_now_is_convenient(said: str) -> None:
    """Who says that they can talk now is asked the next question."""
    assert yes_no(heard(said)) is not None
    assert yes_no(heard("现在不方便")) in (None, (False, 0.9))


def test_no_time_to_learn_is_an_answer() -> None:
    """Who has no time for a course is not called back; who has no time at all is."""
    assert move_of(heard("唔得闲唔学喇"), "training_wish") == ""
    assert move_of(heard("我赶时间下次再说"), "training_wish") == "not_now"
