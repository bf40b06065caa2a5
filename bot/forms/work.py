"""Work, wishes and times: answers read from names, numbers and a few words."""

from __future__ import annotations

import re

from bot.chinese.moments import parse_moment, parse_since
from bot.chinese.money import parse_pay
from bot.chinese.pinyin import closest
from bot.chinese.text import strip_fillers
from bot.forms.types import Entity, Heard, Update

ANY = "any"
_WHERE = re.compile(r"上班|返工|工作|做工|做嘢|那边|附近")  # beside these a place is meant
DISTRICTS = (
    "荔湾区",
    "越秀区",
    "海珠区",
    "天河区",
    "白云区",
    "黄埔区",
    "番禺区",
    "花都区",
    "南沙区",
    "从化区",
    "增城区",
)
# Jobs that a recogniser writes as other words of the same sound: 宝安 for 保安.
JOBS = (
    "保安",
    "保洁",
    "保姆",
    "月嫂",
    "家政",
    "护工",
    "司机",
    "骑手",
    "快递员",
    "收银员",
    "服务员",
    "厨师",
    "电工",
    "焊工",
    "普工",
    "叉车工",
    "文员",
    "客服",
    "会计",
    "销售",
)
_NEGATION = re.compile(
    r"(?:不是|唔系|不要|唔要|不想做|唔想做|不做|唔做|不去|唔去|不在|除了|从|由)[^,，。;；]{0,2}$"
)
_LEAD = re.compile(
    r"^(?:我|想|要|希望|打算|就|找|揾|做|在|去|喺|份|个|一份|一个|学|学习|关于|参加|帮|现在|而家|从事|可以|都)+"
)
_TAIL = re.compile(
    r"(?:的|嘅)?(?:工作|工|培训|技术|方面|类|岗位|职位|之类)?(?:吧|啊|呀|啦|了|咯|喔|哦|呢|的|嘅|都得|都可以|就行|就得|也行)*[。.!！]*$"
)
_OPEN = re.compile(
    r"随便|是但|都可以|都得|都行|无所谓|冇所谓|没要求|没有要求|冇要求|不限|不挑|唔拣|什么都|咩都|乜都|任何|哪里都|边度都|看情况|睇情况"
)
_TIMES = (
    ("part_time", r"兼职|半天|半日|钟点|周末|几个小时|临时"),
    ("night", r"夜|晚上|晚班|通宵"),
    ("day", r"白班|日班|白天|早班|返日|日头|上午|朝九晚五|正常班"),
    ("full_time", r"全职|全日|全天|长期|正式|双休|单休|两班倒|三班倒|倒班"),
    ("any", r"灵活|弹性|随便|是但|都可以|都得|都行|无所谓|冇所谓|看情况|睇情况|没要求|没有要求"),
)
# 不想上夜班, 熬不了夜, 夜晚唔得: the time that is ruled out, not the one that is wanted.
_RULED_OUT = re.compile(
    r"(?:不|唔|冇|没|熬不|除了)[^,，。;；]{0,4}(?:夜班?|通宵|晚班|早班|白班)|"
    r"(?:夜班|晚班|夜晚|晚上|夜|早班|白班)[^,，。;；]{0,3}(?:不行|唔得|不能|唔想|不想|不做|唔做|熬不|不了|不要|唔要)[^,，。;；]{0,3}"
)
_TIME_SOUNDS = {"全职": "full_time", "兼职": "part_time", "白班": "day", "夜班": "night"}
_NO_INSURANCE = re.compile(
    r"(?:没|冇|未|无)(?:有)?(?:买|交|供|帮|给|得)?|断缴|断咗|断了|停了|停咗|不交|唔买|不买|试用期"
)
_HAS_INSURANCE = re.compile(r"有|买|交|供|五险|参保|是|对|系")
_NOT_KNOWN = re.compile(r"不知道|唔知|不清楚|唔清楚|不确定|不晓得|忘了|唔记得")
MAX_FREE = 30


def names(heard: Heard, *kinds: str, repaired: bool = False) -> list[Entity]:
    """Return the entities of ``kinds`` that are not denied (``不是天河`` names nothing)."""
    return [
        entity
        for entity in heard.entities
        if entity.kind in kinds
        and (repaired or entity.confidence >= 1.0)
        and not _NEGATION.search(heard.text[: entity.start])
    ]


def wanted_jobs(heard: Heard, *, asked: bool = True) -> Update | None:
    """Read occupations; free wording counts only when they were asked for."""
    found = list(dict.fromkeys(entity.value for entity in names(heard, "job")))
    if found:
        return Update("wanted_jobs", found, heard.text, 0.95)
    if not asked:
        return None
    if _OPEN.search(heard.text) or heard.sure("dont_know"):
        return Update("wanted_jobs", [ANY], heard.text, 0.9)
    likely = heard.retry or heard.intent in ("give_job", "start_intention", "correct", "training")
    words = free_words(heard) if likely else ""
    sounds = closest(words, JOBS, max_cost=0.0) if len(words) <= 4 else None
    if sounds and sounds.end - sounds.start == len(words):
        return Update("wanted_jobs", [sounds.candidate], heard.text, 0.75)
    return Update("wanted_jobs", [words], heard.text, 0.5) if words and len(words) <= 12 else None


def district(heard: Heard, *, asked: bool = True) -> Update | None:
    """Read a district, else another place."""
    found = names(heard, "district") or names(heard, "place")
    if not found and asked and _OPEN.search(heard.text):
        return Update("district", ANY, heard.text, 0.9)
    repaired = asked or bool(_WHERE.search(heard.text))
    found = found or (names(heard, "district", repaired=True) if repaired else [])
    if found:
        best = found[-1] if len(found) > 1 and _changes(heard.text) else found[0]
        return Update("district", best.value, heard.text, min(0.95, best.confidence))
    if not asked:
        return None
    if heard.sure("dont_know"):
        return Update("district", ANY, heard.text, 0.9)
    short = {name[:-1]: name for name in DISTRICTS}
    likeness = closest(heard.text, [*short, *DISTRICTS]) if len(heard.text) <= 10 else None
    if likeness is None:
        return None
    value = short.get(likeness.candidate, likeness.candidate)
    return Update("district", value, heard.text, round(0.75 - likeness.cost, 2))


def other_districts(heard: Heard, first: Update) -> list[Update]:
    """Return the further districts of 天河或者白云; where one corrects another there are none."""
    if _changes(heard.text):
        return []
    named = list(dict.fromkeys(entity.value for entity in names(heard, "district")))
    others = [name for name in named if name != first.value]
    return [Update("other_districts", others, heard.text, 0.9)] if others else []


def expected_pay(heard: Heard, *, asked: bool = True) -> Update | None:
    """Read a monthly wage; a misheard one is mended only when it was asked for."""
    text = heard.text
    if not asked and not re.search(r"[千万kKwW百]|\d{4}|块|蚊|元|工资|人工|薪", text):
        return None
    pay = parse_pay(text, repair=asked)
    if pay is None and asked and heard.sure("dont_know"):
        return Update("expected_pay", {"min": None, "max": None, "unit": "yuan_per_month"}, text, 0.8)
    if pay is None or (not asked and pay.low is None and pay.high is None):
        return None
    return Update("expected_pay", pay.as_value(), text, min(0.95, pay.confidence))


def working_time(heard: Heard, *, asked: bool = True) -> Update | None:
    """Read full or part time, day or night; another wording is kept as said."""
    ruled_out = _RULED_OUT.search(heard.text)
    text = _RULED_OUT.sub("", heard.text)
    for value, pattern in _TIMES:
        strict = asked or value in ("full_time", "part_time") or "班" in text
        if strict and re.search(pattern, text):
            return Update("working_time", value, heard.text, 0.9) if asked or value != ANY else None
    if ruled_out:
        return Update("working_time", ruled_out.group().strip(), heard.text, 0.7)
    if not asked:
        return None
    likeness = closest(heard.text, _TIME_SOUNDS)
    if likeness:
        return Update(
            "working_time", _TIME_SOUNDS[likeness.candidate], heard.text, round(0.7 - likeness.cost, 2)
        )
    if heard.sure("dont_know"):
        return Update("working_time", ANY, heard.text, 0.8)
    return (
        Update("working_time", heard.text, heard.text, 0.6) if heard.sure("give_working_time", 0.5) else None
    )


def social_insurance(heard: Heard) -> Update | None:
    """Read yes, no or unknown."""
    if _NOT_KNOWN.search(heard.text) or heard.sure("dont_know"):
        return Update("social_insurance", "unknown", heard.text, 0.9)
    if _NO_INSURANCE.search(heard.text) and not re.search(r"没错|冇错|没问题|冇问题", heard.text):
        return Update("social_insurance", "no", heard.text, 0.9)
    if heard.sure("deny", 0.5):
        return Update("social_insurance", "no", heard.text, 0.8)
    if _HAS_INSURANCE.search(heard.text) or heard.sure("affirm", 0.5):
        return Update("social_insurance", "yes", heard.text, 0.9)
    likeness = closest(heard.text, ("有", "有的", "没有", "有买"))
    if likeness is None:
        return None
    return Update("social_insurance", "no" if likeness.candidate == "没有" else "yes", heard.text, 0.6)


def current_work(heard: Heard) -> Update | None:
    """Read an occupation, else keep the words."""
    found = names(heard, "job")
    if found:
        return Update("current_work", found[0].value, heard.text, 0.95)
    words = free_words(heard)
    return Update("current_work", words, heard.text, 0.7) if words else None


def work_since(heard: Heard) -> Update | None:
    """Read a month or a span; other wording is kept as said."""
    since = parse_since(heard.text, heard.at)
    if since:
        return Update("work_since", since, heard.text, 0.9)
    words = free_words(heard)
    return Update("work_since", words, heard.text, 0.5) if words else None


def training_topic(heard: Heard) -> Update | None:
    """Read what somebody wants to learn."""
    if _OPEN.search(heard.text) or heard.sure("dont_know"):
        return Update("training_topic", ANY, heard.text, 0.8)
    found = names(heard, "job")
    if found:
        return Update("training_topic", found[0].value, heard.text, 0.9)
    likely = heard.retry or heard.intent in ("training", "give_job") or "学" in heard.text
    words = free_words(heard) if likely else ""
    return Update("training_topic", words, heard.text, 0.7) if words else None


def callback_time(heard: Heard) -> Update | None:
    """Read when to call again; open wording is kept with no time."""
    moment = parse_moment(heard.text, heard.at)
    if moment:
        return Update("callback_time", moment.as_value(), heard.text, 0.9 if moment.at else 0.6)
    if _OPEN.search(heard.text) or _NOT_KNOWN.search(heard.text) or heard.sure("dont_know", 0.5):
        return Update("callback_time", {"said": heard.text, "at": None}, heard.text, 0.6)
    return None


def free_words(heard: Heard) -> str:
    """Return what was said without 我想做… and …的工作; empty for a plain yes, no or don't know."""
    if heard.intent in ("affirm", "deny", "dont_know", "greet", "thanks") and heard.confidence >= 0.5:
        return ""
    words = _TAIL.sub("", _LEAD.sub("", strip_fillers(heard.text))).strip(" ,，。")
    return words[:MAX_FREE] if len(words) >= 2 else ""


def _changes(text: str) -> bool:
    return bool(re.search(r"改|换|应该|不是|唔系", text))
