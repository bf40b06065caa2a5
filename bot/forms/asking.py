"""How the open question is put: which response, with which values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.forms.flow import DONE, known_facts, next_question
from bot.forms.questions import WORKING
from bot.forms.types import FOLLOW_UP, Memo, Say, Step
from core.types import Disposition

# A value that begins with this is a word of dialogues/domain/words.yml, put in by the action.
WORD = "word_"
_JOINER = "、"
_TIMES = frozenset({"full_time", "part_time", "day", "night", "any"})
_KNOWN_ORDER = ("wanted_jobs", "district", "expected_pay", "working_time")


def asked(memo: Memo, before: tuple[Say, ...] = ()) -> Step:
    """Move on to the next question and put it after ``before``."""
    question = next_question(memo)
    memo = replace(memo, open_question=question)
    return Step(memo, (*before, ask(memo, question)) if question != DONE else before)


def ask(memo: Memo, question: str = "", *, style: str = "ask") -> Say:
    """Put a question; ``style`` is ``ask``, ``again`` (shorter) or ``keys`` (offers keys)."""
    question = question or memo.open_question
    if question == "confirm_summary":
        return summary(memo)
    if question == "confirm_known":
        return Say(f"utter_{style}_confirm_known", {"known": _known(known_facts(memo))})
    if question == "callback_time" and memo.disposition is Disposition.RELATIVE:
        return Say(f"utter_{style}_callback_relative")
    if question == "identity":
        name = "relation" if "relation" in memo.flags else "identity"
        return Say(
            f"utter_{style}_{name}" if memo.callee else f"utter_{style}_{name}_unnamed", {"name": memo.callee}
        )
    return Say(f"utter_{style}_{question}", {"agency": memo.agency, "name": memo.callee})


def summary(memo: Memo) -> Say:
    """Put the summary of a form's answers to be confirmed."""
    values = described({name: field.value for name, field in memo.fields.items()})
    if memo.activity != FOLLOW_UP:
        return Say("utter_ask_confirm_intention", values)
    status = memo.value("employment_status")
    kind = "working" if status in WORKING else "unemployed" if status == "unemployed" else "other"
    return Say(f"utter_ask_confirm_{kind}", values)


def described(values: Mapping[str, Any]) -> dict[str, str]:
    """Return each value as words or as names of words, for the placeholders of a sentence."""
    names = (
        "wanted_jobs",
        "district",
        "expected_pay",
        "working_time",
        "employment_status",
        "current_work",
        "work_since",
        "social_insurance",
        "contact_consent",
        "training_wish",
        "training_topic",
        "hardship",
    )
    parts = {name: _described(name, values.get(name)) for name in names}
    if values.get("other_districts"):
        parts["district"] = _JOINER.join([parts["district"], *values["other_districts"]])
    return parts


def _described(name: str, value: Any) -> str:
    if value is None or value == "" or (value == [] and name != "hardship"):
        return f"{WORD}not_said"
    if name == "expected_pay":
        return _pay(value)
    if name == "wanted_jobs":
        return _JOINER.join(f"{WORD}any_job" if item == "any" else str(item) for item in value)
    if name == "hardship":
        return _JOINER.join(f"{WORD}hardship_{item}" for item in value) or f"{WORD}no_hardship"
    if isinstance(value, bool):
        return f"{WORD}{name}_{'yes' if value else 'no'}"
    if name == "working_time" and value not in _TIMES:
        return str(value)  # kept as it was said
    if name in ("employment_status", "social_insurance", "working_time") or value == "any":
        return f"{WORD}{name}_{value}"
    return str(value)


def _known(facts: Mapping[str, Any]) -> str:
    """Say what the register knows and nothing else; each part is a word with its value put in."""
    parts = described(facts)
    return "，".join(f"{WORD}known_{name}[{parts[name]}]" for name in _KNOWN_ORDER if name in facts)


def _pay(value: Mapping[str, Any]) -> str:
    low, high = value.get("min"), value.get("max")
    if low is None and high is None:
        return f"{WORD}pay_open"
    if low == high:
        return f"{WORD}pay_about:{low}"
    if high is None:
        return f"{WORD}pay_from:{low}"
    if low is None:
        return f"{WORD}pay_to:{high}"
    return f"{WORD}pay_range:{low}:{high}"
