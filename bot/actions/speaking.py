"""Turn a ``Step`` into what Rasa sends and remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.actions.context import context
from bot.actions.memory import changes, slots_of
from bot.desk import Found
from bot.forms.types import PHONE, Heard, Memo, Say, Step
from core.codec import to_plain
from core.types import CallAction, Reply


def say(dispatcher: CollectingDispatcher, line: Say, heard: Heard) -> None:
    """Utter a response of the domain with its values named in words."""
    values = context().words.fill(line.values, spoken=heard.channel == PHONE)
    dispatcher.utter_message(response=line.response, **{"hotline": context().settings.hotline, **values})


def send(dispatcher: CollectingDispatcher, reply: Reply, heard: Heard) -> None:
    """Send a reply that was worded elsewhere; a text channel of Rasa's own shows its text."""
    text = reply.spoken or reply.text if heard.channel == PHONE else reply.text
    dispatcher.utter_message(text=text, json_message={"reply": to_plain(reply)})


def finish(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard, step: Step) -> list[Any]:
    """Speak a step and return the events that remember it."""
    extra: dict[str, Any] = {"policy_choices": None}
    policy_ids: list[str] = []
    memo, says = step.memo, step.says
    last = tracker.get_slot("last_policy")
    if step.policy_question:
        found = look_up(step.policy_question, tracker, heard)
        memo, says, more = _detour(dispatcher, found, step, heard)
        extra.update(more)
        policy_ids = [found.policy_id] if found.policy_id else []
    elif step.replay and last and last.get("fresh"):
        today = heard.at.date()
        again = context().desk.answer(last["id"], last["facet"], channel=heard.channel, today=today)
        send(dispatcher, again.reply, heard)
    elif last and last.get("fresh"):
        extra["last_policy"] = {**last, "fresh": False}
    for line in says:
        say(dispatcher, line, heard)
    extra["outcome"] = outcome(heard, completed=step.completed, policy_ids=policy_ids, call=step.call)
    return changes(tracker, {**slots_of(memo), **extra})


def look_up(question: str, tracker: Tracker, heard: Heard) -> Found:
    """Ask the policy desk, with what was talked about last."""
    last = tracker.get_slot("last_policy") or {}
    return context().desk.look_up(
        question, channel=heard.channel, today=heard.at.date(), last_policy=last.get("id", "")
    )


def outcome(
    heard: Heard,
    *,
    completed: str = "",
    policy_ids: list[str] | None = None,
    call: CallAction = CallAction.CONTINUE,
) -> dict[str, Any]:
    """Return what belongs to this turn alone; the server matches it by ``message_id``."""
    return {
        "message_id": heard.message_id,
        "completed": completed,
        "policy_ids": policy_ids or [],
        "call": call.value,
    }


def remembered(found: Found) -> dict[str, Any]:
    """Return the slots that remember an answer or a choice."""
    if found.decision == "answer":
        return {
            "last_policy": {"id": found.policy_id, "facet": found.facet, "fresh": True},
            "policy_choices": None,
        }
    return {"policy_choices": list(found.choices) or None}


def _detour(
    dispatcher: CollectingDispatcher, found: Found, step: Step, heard: Heard
) -> tuple[Memo, tuple[Say, ...], dict[str, Any]]:
    """Answer a policy question inside a form; what cannot be answered goes to staff."""
    if found.decision in ("answer", "ask_one") or (found.decision == "ask" and heard.channel != PHONE):
        send(dispatcher, found.reply, heard)
        # A choice is itself a question; the form's own waits until it is made.
        says = step.says if found.decision == "answer" else ()
        return step.memo, says, remembered(found)
    review = step.memo.needs_review
    memo = replace(step.memo, needs_review=tuple(dict.fromkeys((*review, "unanswered_question"))))
    return memo, (Say("utter_policy_later"), *step.says), {}
