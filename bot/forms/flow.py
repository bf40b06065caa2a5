"""Which question comes next: a pure function of what is known."""

from __future__ import annotations

from bot.forms.questions import EMPLOYED, INTENTION, KNOWABLE, WORKING
from bot.forms.types import FOLLOW_UP, Memo

DONE = ""


def next_question(memo: Memo) -> str:
    """Return the id of the next open question of the memo's form, ``DONE`` when none is left."""
    questions = _follow_up(memo) if memo.activity == FOLLOW_UP else _intention(memo)
    return next((question for question in questions if not _answered(memo, question)), DONE)


def previous_question(memo: Memo) -> str:
    """Return the last question that was answered before the open one, ``DONE`` when there is none.

    Who is on the line and whether it suits them is not gone back to.
    """
    order = _follow_up(memo) if memo.activity == FOLLOW_UP else _intention(memo)
    open_at = order.index(memo.open_question) if memo.open_question in order else len(order)
    before = [q for q in order[:open_at] if q not in ("identity", "convenient") and _answered(memo, q)]
    return before[-1] if before else DONE


def known_facts(memo: Memo) -> dict[str, object]:
    """Return what the register knows of the job intention and was not said in this talk."""
    return {name: memo.facts[name] for name in KNOWABLE if memo.facts.get(name) and name not in memo.fields}


def _answered(memo: Memo, question: str) -> bool:
    if question == "confirm_summary":
        return memo.value("summary_confirmed") is True
    if question == "confirm_known":
        return "known_asked" in memo.flags
    if question == "hardship":
        # One that was mentioned in passing does not answer the question.
        return "hardship_asked" in memo.flags
    return question in memo.fields


def _intention(memo: Memo) -> list[str]:
    return [*INTENTION, "confirm_summary"]


def _follow_up(memo: Memo) -> list[str]:
    order = ["identity", "convenient", "employment_status"]
    status = memo.value("employment_status")
    if status in WORKING:
        order += EMPLOYED
    elif status == "unemployed":
        order += ["confirm_known"] if known_facts(memo) else []
        order += INTENTION
    if status not in ("retired", "unable"):
        order.append("training_wish")
        order += ["training_topic"] if memo.value("training_wish") is True else []
    return [*order, "hardship", "confirm_summary"]
