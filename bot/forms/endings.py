"""Moves that interrupt or end a conversation, each with its sentence and its disposition."""

from __future__ import annotations

from dataclasses import replace

from bot.forms.asking import ask
from bot.forms.types import FOLLOW_UP, PHONE, Heard, Memo, Say, Step
from bot.forms.work import callback_time
from core.types import CallAction, Disposition, FieldValue

# Why the callee will never answer here: how the call ends, what the identity is, what staff look into.
_NOT_THERE = {
    "wrong_number": (Disposition.WRONG_NUMBER, "wrong", ""),
    "deceased": (Disposition.DECEASED, "deceased", "deceased"),
}
# The second one is the bureau's to decide: without it in the domain it is left out.
_CRISIS = (Say("utter_crisis"), Say("utter_danger"))


def moved(memo: Memo, move: str, heard: Heard) -> Step:
    """Carry out a move that is possible at every step."""
    memo = replace(memo, unclears=0)
    phone = heard.channel == PHONE or memo.activity == FOLLOW_UP
    if move == "opt_out":
        return _opt_out(memo, phone)
    if move in _NOT_THERE:
        disposition, identity, review = _NOT_THERE[move]
        told = FieldValue(identity, heard.text, heard.message_id, 0.95)
        memo = replace(memo, fields={**memo.fields, "identity": told})
        return hang_up(_noted(memo, disposition, review), Say(f"utter_{move}"))
    if move == "human":
        return _human(memo, phone)
    if move == "anger":
        return _anger(memo, phone)
    if move == "not_now":
        named = callback_time(heard)
        if named and named.value["at"]:
            value = FieldValue(named.value, named.words, heard.message_id, named.confidence)
            return called_back(replace(memo, fields={**memo.fields, "callback_time": value}))
        return ask_callback(memo)
    if move == "cancel":
        closed = replace(memo, activity="", open_question="", fields={})
        return Step(closed, (Say("utter_cancelled"),))
    if move == "repeat":
        return Step(memo, (ask(memo),), replay=True)
    if move == "crisis":
        return _crisis(memo, phone)
    if move == "distress":
        noted = replace(memo, needs_review=tuple(dict.fromkeys((*memo.needs_review, "distress"))))
        return Step(noted, (Say("utter_distress_form"), ask(noted)))
    if move == "present":
        return Step(memo, (ask(memo),))
    response = {"who": "utter_who", "bot": "utter_bot_short", "privacy": "utter_privacy"}[move]
    return Step(memo, (Say(response, {"agency": memo.agency}), ask(memo)))


def ask_callback(memo: Memo) -> Step:
    """Ask when to call again."""
    fields = {name: value for name, value in memo.fields.items() if name != "convenient"}
    disposition = memo.disposition or Disposition.CALLBACK
    memo = replace(memo, disposition=disposition, open_question="callback_time", fields=fields)
    return Step(memo, (ask(memo),))


def called_back(memo: Memo) -> Step:
    """Thank for the time that was named and end the call."""
    agreed = (memo.value("callback_time") or {}).get("at")
    memo = replace(memo, disposition=memo.disposition or Disposition.CALLBACK)
    if memo.disposition is Disposition.RELATIVE:
        return hang_up(memo, Say("utter_relative_bye"))
    return hang_up(memo, Say("utter_callback_agreed" if agreed else "utter_callback_open"))


def hang_up(memo: Memo, say: Say, *, completed: str = "") -> Step:
    """Say a last sentence and end the call."""
    closed = replace(memo, open_question="", activity="ended" if memo.activity == FOLLOW_UP else "")
    return Step(closed, (say,), call=CallAction.HANGUP, completed=completed)


def talked(memo: Memo) -> bool:
    """Say whether the person answered anything beyond who they are."""
    return any(name not in ("identity", "convenient") for name in memo.fields)


def _noted(memo: Memo, disposition: Disposition, review: str = "") -> Memo:
    reviews = memo.needs_review
    if review and review not in reviews:
        reviews = (*reviews, review)
    return replace(memo, disposition=disposition, needs_review=reviews)


def _opt_out(memo: Memo, phone: bool) -> Step:
    """Stop at once, whoever says so; a relative cannot decide for good, so staff ask the person."""
    if memo.value("identity") == "relative":
        memo = _noted(memo, Disposition.OPT_OUT, "relative_opt_out")
        return hang_up(memo, Say("utter_opt_out_relative"))
    memo = _noted(memo, Disposition.OPT_OUT)
    if phone:
        return hang_up(memo, Say("utter_opt_out"))
    return Step(replace(memo, activity="", open_question="", fields={}), (Say("utter_opt_out"),))


def _human(memo: Memo, phone: bool) -> Step:
    if not phone:
        review = (
            memo.needs_review
            if "human_requested" in memo.needs_review
            else (*memo.needs_review, "human_requested")
        )
        memo = replace(memo, needs_review=review)
        return Step(memo, (Say("utter_human"), ask(memo)), call=CallAction.TRANSFER)
    memo = _noted(memo, Disposition.TRANSFERRED, "human_requested")
    closed = replace(memo, open_question="", activity="ended")
    return Step(closed, (Say("utter_transfer"),), call=CallAction.TRANSFER)


def _crisis(memo: Memo, phone: bool) -> Step:
    """Somebody speaks of dying: nothing else matters, a person takes over."""
    if phone:
        memo = _noted(memo, Disposition.TRANSFERRED, "crisis")
        closed = replace(memo, open_question="", activity="ended")
        return Step(closed, _CRISIS, call=CallAction.TRANSFER)
    memo = replace(memo, needs_review=tuple(dict.fromkeys((*memo.needs_review, "crisis"))))
    alone = replace(memo, activity="", open_question="")
    return Step(alone, _CRISIS, call=CallAction.TRANSFER)


def _anger(memo: Memo, phone: bool) -> Step:
    reviews = memo.needs_review if "complaint" in memo.needs_review else (*memo.needs_review, "complaint")
    again = "calmed" in memo.flags
    memo = replace(memo, needs_review=reviews, flags=memo.flags if again else (*memo.flags, "calmed"))
    if again and phone:
        return hang_up(_noted(memo, Disposition.REFUSED), Say("utter_anger_bye"))
    return Step(memo, (Say("utter_calm"), ask(memo)))
