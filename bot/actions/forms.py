"""The two actions that run a form: the plan decides (``bot.forms``), these speak and remember."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.actions.context import context
from bot.actions.memory import changes, heard_of, memo_of
from bot.actions.speaking import finish, outcome, remembered, say, send
from bot.forms.asking import ask
from bot.forms.endings import moved
from bot.forms.engine import start_follow_up, start_intention, step
from bot.forms.moves import move_of
from bot.forms.types import FOLLOW_UP, JOB_INTENTION, PHONE, Heard, Memo, Say, Step
from bot.forms.yesno import yes_no
from core.types import CallAction, TurnEvent


class ActionJobIntention(Action):
    """Take a job intention in chat: one question at a time until the record is confirmed."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_job_intention"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Open the form or advance it by the latest message."""
        heard, memo = heard_of(tracker), memo_of(tracker)
        if move_of(heard, memo.open_question) == "crisis":
            return finish(dispatcher, tracker, heard, moved(memo, "crisis", heard))
        if memo.activity != JOB_INTENTION:
            return finish(dispatcher, tracker, heard, start_intention(memo, heard))
        picked = choice(dispatcher, tracker, heard, memo)
        return picked if picked is not None else finish(dispatcher, tracker, heard, step(memo, heard))


class ActionFollowUp(Action):
    """Conduct the follow-up call from the notice to the thanks."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_follow_up"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Open the call or advance it by the latest event."""
        heard, memo = heard_of(tracker), memo_of(tracker)
        if heard.event is TurnEvent.CALL_ANSWERED and memo.activity == "":
            call = (tracker.latest_message.get("metadata") or {}).get("call") or {}
            agency = call.get("agency") or context().settings.agency_name
            opening = start_follow_up(str(call.get("name") or ""), agency, dict(call.get("facts") or {}))
            return finish(dispatcher, tracker, heard, opening)
        if memo.activity != FOLLOW_UP:
            over = Step(memo, (Say("utter_call_over"),), call=CallAction.HANGUP)
            return finish(dispatcher, tracker, heard, over)
        picked = choice(dispatcher, tracker, heard, memo)
        return picked if picked is not None else finish(dispatcher, tracker, heard, step(memo, heard))


def choice(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard, memo: Memo) -> list[Any] | None:
    """Answer the policy picked from an offered choice; ``None`` when none was picked."""
    choices = tracker.get_slot("policy_choices") or []
    picked = context().desk.choose(heard.text, choices) if choices and heard.text else ""
    if not picked and len(choices) == 1 and heard.channel == PHONE:
        answer = yes_no(heard)
        if heard.event is TurnEvent.KEY or (answer and not answer[0]):
            return _declined(dispatcher, tracker, heard, memo)
        picked = choices[0] if answer else ""
    if not picked:
        return None
    found = context().desk.answer(picked, None, channel=heard.channel, today=heard.at.date())
    send(dispatcher, found.reply, heard)
    if memo.open_question and memo.activity:
        say(dispatcher, ask(replace(memo, silences=0)), heard)
    slots = {**remembered(found), "outcome": outcome(heard, policy_ids=[picked])}
    return changes(tracker, slots)


def _declined(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard, memo: Memo) -> list[Any]:
    """The policy that was read out is not the one that was meant: staff will look into it."""
    reviews = tuple(dict.fromkeys((*memo.needs_review, "unanswered_question")))
    memo = replace(memo, silences=0, needs_review=reviews)
    says = (Say("utter_policy_later"), *((ask(memo),) if memo.open_question else ()))
    return finish(dispatcher, tracker, heard, Step(memo, says))
