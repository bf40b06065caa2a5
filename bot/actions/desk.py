"""Policy questions and everything else that is said while no form runs."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.actions.context import context
from bot.actions.forms import choice
from bot.actions.memory import changes, heard_of, memo_of
from bot.actions.speaking import finish, look_up, outcome, remembered, say, send
from bot.chinese.text import has_content
from bot.desk import Found
from bot.forms.endings import moved
from bot.forms.engine import start_intention
from bot.forms.moves import move_of
from bot.forms.person import hardship_signals
from bot.forms.types import PHONE, Heard, Say
from core.types import CallAction, Disposition, TurnEvent

_WISHES = frozenset({"give_job", "start_intention"})
_DISTRESS = re.compile(r"难受|没人要|冇人(?:请|要)|走投无路|撑不住|好惨|心慌|绝望|睡不着|瞓唔着")
# Said at any confidence that an intent may have; whoever is in danger is heard before.
_COURTESIES = {
    "greet": "utter_greet",
    "goodbye": "utter_goodbye",
    "thanks": "utter_thanks",
    "help": "utter_help",
    "bot_challenge": "utter_bot",
    "anger": "utter_calm_idle",
    "cancel": "utter_nothing_to_cancel",
}
_PLAIN = {
    "affirm": "utter_help",
    "deny": "utter_ok_idle",
    "dont_know": "utter_help",
    "self": "utter_help",
    "who_is_this": "utter_bot",
    "not_now": "utter_ok_idle",
    "wrong_number": "utter_ok_idle",
}
_EVENTS = {TurnEvent.SILENCE: "utter_silence_idle", TurnEvent.UNCLEAR: "utter_kind_question"}


class ActionPolicy(Action):
    """Answer a policy question, offer a choice, or say that it is not known."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_policy"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Look the latest message up."""
        heard = heard_of(tracker)
        memo = memo_of(tracker)
        if move_of(heard, "") == "crisis":
            return finish(dispatcher, tracker, heard, moved(memo, "crisis", heard))
        picked = choice(dispatcher, tracker, heard, memo)
        if picked is not None:
            return picked
        return _answered(dispatcher, tracker, heard, look_up(heard.text, tracker, heard))


class ActionIdle(Action):
    """Make the best of anything that no other rule is about."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_idle"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Offer a person, note an opt-out, start a form, or look for a policy."""
        heard, memo = heard_of(tracker), memo_of(tracker)
        if heard.event is not TurnEvent.UTTERANCE and heard.event in _EVENTS:
            return _plain(dispatcher, tracker, heard, _EVENTS[heard.event])
        if move_of(heard, "") == "crisis":
            return finish(dispatcher, tracker, heard, moved(memo, "crisis", heard))
        picked = choice(dispatcher, tracker, heard, memo)
        if picked is not None:
            return picked
        if context().desk.is_none_of_these(heard.text):
            return _plain(dispatcher, tracker, heard, "utter_help")
        if heard.sure("human", 0.4):
            return _human(dispatcher, tracker, heard)
        if heard.sure("opt_out", 0.4):
            slots = {"disposition": Disposition.OPT_OUT.value}
            return [*changes(tracker, slots), *_plain(dispatcher, tracker, heard, "utter_opt_out_idle")]
        if not has_content(heard.text):
            return _plain(dispatcher, tracker, heard, "utter_kind_question")
        if _wishes(heard):
            return finish(dispatcher, tracker, heard, start_intention(memo, heard))
        if heard.sure("repeat", 0.5):
            return _repeat(dispatcher, tracker, heard)
        response = _courtesy(heard)
        if response:
            return _plain(dispatcher, tracker, heard, response)
        return _answered(dispatcher, tracker, heard, look_up(heard.text, tracker, heard))


def _courtesy(heard: Heard) -> str:
    """Return the response that needs no search, ``""`` when none fits."""
    if _DISTRESS.search(heard.text):
        return "utter_comfort"
    if heard.intent in _COURTESIES:
        return _COURTESIES[heard.intent]
    if heard.sure(heard.intent, 0.4) and heard.intent in _PLAIN:
        return _PLAIN[heard.intent]
    return "utter_out_of_scope" if heard.sure("out_of_scope", 0.5) else ""


def _wishes(heard: Heard) -> bool:
    """Say whether somebody tells what work they look for, outside the form."""
    if not any(entity.kind == "job" for entity in heard.entities) or re.search(r"[?？吗]", heard.text):
        return False
    sought = re.search(r"想(?:找|揾|做)|找(?:份|个)|揾(?:份|个)", heard.text)
    return (heard.intent in _WISHES and heard.confidence >= 0.4) or bool(sought)


def _answered(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard, found: Found) -> list[Any]:
    if found.decision == "unknown" and (heard.intent == "hardship" or hardship_signals(heard.text)):
        return _plain(dispatcher, tracker, heard, "utter_comfort")
    send(dispatcher, found.reply, heard)
    slots: dict[str, Any] = remembered(found)
    slots["outcome"] = outcome(heard, policy_ids=[found.policy_id] if found.policy_id else [])
    slots["open_question"] = "policy_choice" if found.choices else None
    return changes(tracker, slots)


def _human(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard) -> list[Any]:
    say(dispatcher, Say("utter_human"), heard)
    reviews = list(dict.fromkeys([*(tracker.get_slot("needs_review") or []), "human_requested"]))
    slots: dict[str, Any] = {"needs_review": reviews}
    if heard.channel == PHONE:
        slots["disposition"] = Disposition.TRANSFERRED.value
    slots["outcome"] = outcome(heard, call=CallAction.TRANSFER)
    return changes(tracker, slots)


def _repeat(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard) -> list[Any]:
    last = tracker.get_slot("last_policy")
    if not last:
        return _plain(dispatcher, tracker, heard, "utter_repeat_nothing")
    desk = context().desk
    found = desk.answer(last["id"], last["facet"], channel=heard.channel, today=heard.at.date())
    return _answered(dispatcher, tracker, heard, found)


def _plain(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard, response: str) -> list[Any]:
    say(dispatcher, Say(response), heard)
    return changes(tracker, {"outcome": outcome(heard), "policy_choices": None, "open_question": None})
