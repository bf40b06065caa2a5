"""Policy questions and everything else that is said while no form runs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.actions.context import context
from bot.actions.scene import Scene
from bot.actions.speaking import finish
from bot.actions.steering import steered
from bot.chinese.text import has_content
from bot.desk import Found
from bot.forms.engine import start_intention
from bot.forms.moves import move_of
from bot.forms.person import hardship_signals
from bot.forms.types import Heard
from core.types import CallAction, Disposition, TurnEvent

_WISHES = frozenset({"give_job", "start_intention"})
# Said at any confidence that an intent may have; whoever is in danger is heard before.
_COURTESIES = {
    "greet": "utter_greet",
    "goodbye": "utter_goodbye",
    "thanks": "utter_thanks",
    "help": "utter_help",
    "bot_challenge": "utter_bot",
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
_EVENTS = {
    TurnEvent.SESSION_START: "utter_welcome",
    TurnEvent.SILENCE: "utter_silence_idle",
    TurnEvent.UNCLEAR: "utter_kind_question",
}


class ActionPolicy(Action):
    """Answer a policy question, offer a choice, or say that it is not known."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_policy"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Look the latest message up."""
        scene = Scene.of(dispatcher, tracker)
        done = steered(scene)
        if done is not None:
            return done
        move = move_of(scene.heard, "")
        if move in ("human", "distress"):
            return _human(scene) if move == "human" else _distress(scene)
        if _only_a_place(scene.heard):
            return _plain(scene, "utter_kind_question")
        return _answered(scene, scene.look_up(scene.heard.text))


class ActionIdle(Action):
    """Make the best of anything that no other rule is about."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_idle"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Offer a person, note an opt-out, start a form, or look for a policy."""
        scene = Scene.of(dispatcher, tracker)
        done = steered(scene)
        if done is not None:
            return done
        heard = scene.heard
        if heard.event in _EVENTS:
            return _plain(scene, _EVENTS[heard.event])
        if context().desk.is_none_of_these(heard.text):
            return _plain(scene, "utter_help")
        if heard.sure("human", 0.4):
            return _human(scene)
        if heard.sure("opt_out", 0.4):
            scene.memo = replace(scene.memo, disposition=Disposition.OPT_OUT)
            return _plain(scene, "utter_opt_out_idle")
        if not has_content(heard.text) or _only_a_place(heard):
            return _plain(scene, "utter_kind_question")
        if _wishes(heard):
            return finish(scene, start_intention(scene.memo, heard))
        if heard.sure("repeat", 0.5):
            return _repeat(scene)
        return _courteous(scene) or _answered(scene, scene.look_up(heard.text))


def _courteous(scene: Scene) -> list[Any]:
    """Answer what needs no search; empty when that is not enough."""
    heard, move = scene.heard, move_of(scene.heard, "")
    if move == "distress":
        return _distress(scene)
    if move == "anger" or heard.intent == "anger":
        scene.review("complaint")
        return _plain(scene, "utter_calm_idle")
    if heard.intent == "self" and scene.talk.told:
        return []  # 那我自己呢 is about what was answered last
    response = _COURTESIES.get(heard.intent, "")
    if not response and heard.sure(heard.intent, 0.4):
        response = _PLAIN.get(heard.intent, "")
    if not response and heard.sure("out_of_scope", 0.5):
        response = "utter_out_of_scope"
    return _plain(scene, response) if response else []


def _only_a_place(heard: Heard) -> bool:
    """Say whether a message is the name of a neighbourhood: whatever that sounds like, it asks nothing."""
    return any(
        entity.kind == "place" and entity.end - entity.start == len(heard.text.strip())
        for entity in heard.entities
    )


def _wishes(heard: Heard) -> bool:
    """Say whether somebody tells what work they look for, outside the form."""
    if not any(entity.kind == "job" for entity in heard.entities) or re.search(r"[?？吗]", heard.text):
        return False
    sought = re.search(r"想(?:找|揾|做)|找(?:份|个)|揾(?:份|个)", heard.text)
    return (heard.intent in _WISHES and heard.confidence >= 0.4) or bool(sought)


def _answered(scene: Scene, found: tuple[Found, ...]) -> list[Any]:
    heard = scene.heard
    nothing = all(one.decision == "unknown" for one in found)
    if nothing and (heard.intent == "hardship" or hardship_signals(heard.text)):
        return _plain(scene, "utter_comfort")
    for one in found:
        scene.give(one)
    if not scene.memo.activity:
        scene.memo = replace(scene.memo, open_question="policy_choice" if scene.choices else "")
    return scene.done()


def _human(scene: Scene) -> list[Any]:
    scene.say("utter_human")
    scene.review("human_requested")
    if scene.phone:
        scene.memo = replace(scene.memo, disposition=Disposition.TRANSFERRED)
    return scene.done(call=CallAction.TRANSFER)


def _distress(scene: Scene) -> list[Any]:
    """Somebody is at the end of their strength: a person, the line for it, and staff are told."""
    scene.review("distress")
    return _plain(scene, "utter_distress")


def _repeat(scene: Scene) -> list[Any]:
    if not scene.talk.told:
        return _plain(scene, "utter_repeat_nothing")
    last = scene.talk.told[-1]
    return _answered(scene, (context().desk.answer(last.policy_id, last.facet, scene.asker()),))


def _plain(scene: Scene, response: str) -> list[Any]:
    scene.say(response)
    scene.choices = ()
    scene.memo = replace(scene.memo, open_question="")
    return scene.done()
