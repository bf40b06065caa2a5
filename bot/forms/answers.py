"""``parse_answer``: what an utterance says to the question that is open, and beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.forms import person, work
from bot.forms.questions import INTENTION, QUESTIONS, RELATION_KEYS
from bot.forms.types import FOLLOW_UP, Heard, Memo, Update
from bot.forms.yesno import yes_no

_CORRECTION = re.compile(
    r"改成|改为|改做|改作|改到|改一下|改下|换成|换做|转做|更正|纠正|修改|说错|讲错|搞错了|"
    r"^(?:不对|唔啱|唔对|错了|错咗)[,，。 ]|(?:不是|唔系|不对).{0,8}(?:是|系|应该)|应该是|应该系|我改主意"
)
# 地区也可以黄埔 adds to what was said; 改成黄埔 replaces it.
_ADDS = re.compile(
    r"也(?:可以|行|得|去|想|考虑|能|做|要|好|接受)|都(?:可以|得|行)$|还(?:可以|想|有)|另外|加上|加多|(?:亦|仲)(?:可以|得|想|有)|同埋|以及"
)
_NOT_LEARNING = re.compile(
    r"(?:学|读)(?:不|唔)(?:了|进|会|动|识|到|嚟|得)|(?:不|唔|没|冇)(?:想|要|打算)?(?:再)?(?:学|读|培训)"
)
_PARSERS: Mapping[str, Callable[[Heard], Update | None]] = MappingProxyType(
    {
        "identity": person.identity,
        "employment_status": person.employment_status,
        "hardship": person.hardship,
        "current_work": work.current_work,
        "work_since": work.work_since,
        "social_insurance": work.social_insurance,
        "wanted_jobs": work.wanted_jobs,
        "district": work.district,
        "expected_pay": work.expected_pay,
        "working_time": work.working_time,
        "training_topic": work.training_topic,
        "callback_time": work.callback_time,
    }
)
_NOW = re.compile(
    r"^(?:现在|而家)?(?:又)?(?:方便|得闲|有空|可以说)(?:了|啦|喇|的|啊)?$|^现在(?:就)?(?:可以|行|说)|^而家(?:就)?(?:得|讲)"
)
_BESIDE: Mapping[str, Callable[..., Update | None]] = MappingProxyType(
    {
        "wanted_jobs": work.wanted_jobs,
        "district": work.district,
        "expected_pay": work.expected_pay,
        "working_time": work.working_time,
    }
)


def parse_answer(question: str, heard: Heard) -> list[Update]:
    """Return the fields that an utterance fills; empty when it does not answer ``question``."""
    if question in _PARSERS:
        first = _PARSERS[question](heard)
    else:
        answer = yes_no(heard)
        first = Update(QUESTIONS[question].field, answer[0], heard.text, answer[1]) if answer else None
    if question == "training_wish":
        return _training(heard, first)
    if question == "training_topic" and first is None:
        answer = yes_no(heard)
        return [Update("training_wish", False, heard.text, answer[1])] if answer and not answer[0] else []
    if first is None:
        resumed = question == "callback_time" and _NOW.search(heard.text)
        return [Update("convenient", True, heard.text, 0.9)] if resumed else []
    more = beside(heard, skip=question) if question in INTENTION[:4] else []
    if question == "district":
        more += work.other_districts(heard, first)
    return [first, *more]


def parse_key(question: str, digit: str, memo: Memo) -> list[Update]:
    """Return what a pressed key means for ``question``."""
    keys = keys_of(question, memo)
    if digit not in keys:
        return []
    return [Update(QUESTIONS[question].field, keys[digit], digit, 1.0)]


def keys_of(question: str, memo: Memo) -> Mapping[str, object]:
    """Return the keys that the open question offers."""
    if question not in QUESTIONS:
        return {}
    return RELATION_KEYS if question == "identity" and "relation" in memo.flags else QUESTIONS[question].keys


def beside(heard: Heard, *, skip: str = "") -> list[Update]:
    """Return job-intention fields that were told without being asked for."""
    found = [parser(heard, asked=False) for name, parser in _BESIDE.items() if name != skip]
    return [update for update in found if update is not None]


def corrections(heard: Heard, memo: Memo, *, asked: bool = False) -> list[Update]:
    """Return changes to what was said before (``唔系天河，系白云``; ``工资改成五千``).

    With ``asked`` (a summary is being confirmed) a bare value is a change too.
    """
    if not asked and not _CORRECTION.search(heard.text):
        return []
    changed = [u for u in beside(heard) if u.field in memo.fields or u.field in memo.facts]
    changed = added(changed, heard, memo)
    if "social_insurance" in memo.fields and re.search(r"社保|五险|参保", heard.text):
        rest = re.sub(r"^(?:不对|唔啱|唔对|错了|错咗|不是|唔系)[,，。 ]*", "", heard.text)
        insured = work.social_insurance(replace(heard, text=rest, intent=""))
        changed += [replace(insured, words=heard.text)] if insured else []
    if "employment_status" in memo.fields and not changed:
        status = person.employment_status(heard) if len(heard.text) > 2 else None
        if status and status.confidence >= 0.8 and status.value != memo.value("employment_status"):
            changed.append(status)
    return [update for update in changed if update.value != memo.value(update.field)]


def added(updates: list[Update], heard: Heard, memo: Memo) -> list[Update]:
    """Turn what was told beside an answer of the form into an addition where the words say so."""
    if not _ADDS.search(heard.text) or _CORRECTION.search(heard.text):
        return updates
    return [_addition(update, memo) for update in updates]


def _addition(update: Update, memo: Memo) -> Update:
    known = memo.value(update.field)
    if update.field == "wanted_jobs" and known:
        return replace(update, value=list(dict.fromkeys([*known, *update.value])))
    if update.field == "district" and known not in (None, "any", update.value):
        others = list(dict.fromkeys([*(memo.value("other_districts") or []), update.value]))
        return replace(update, field="other_districts", value=others)
    return update


def restated(heard: Heard, memo: Memo) -> list[Update]:
    """Return what was said again as it is recorded: 四千到五千 when that is the wage."""
    return [update for update in beside(heard) if update.value == memo.value(update.field)]


def told_beside(heard: Heard, memo: Memo) -> list[Update]:
    """Return what clearly belongs to another question of the form than the open one."""
    question = memo.open_question
    if question == "hardship" and "training_wish" in memo.fields:
        wish = _training(heard, None)
        if wish:
            return wish
    seeking = memo.activity != FOLLOW_UP or memo.value("employment_status") == "unemployed"
    if not seeking or question not in (*INTENTION, "training_wish", "training_topic", "hardship"):
        return []
    return added(beside(heard, skip=question), heard, memo)


def _training(heard: Heard, wish: Update | None) -> list[Update]:
    topic = work.names(heard, "job")
    if _NOT_LEARNING.search(heard.text):
        return [Update("training_wish", False, heard.text, 0.9)]
    learns = re.search(r"想学|学(?!校|生|历)|培训|考证|读个", heard.text)
    if wish is not None and wish.value is False:
        return [wish]
    if topic and (learns or wish):
        return [
            Update("training_wish", True, heard.text, 0.9),
            Update("training_topic", topic[0].value, heard.text, 0.9),
        ]
    if wish is None and (heard.sure("training", 0.5) or learns):
        return [Update("training_wish", True, heard.text, 0.8)]
    return [wish] if wish else []
