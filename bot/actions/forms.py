"""The two actions that run a form: the plan decides (``bot.forms``), these speak and remember."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.actions.context import context
from bot.actions.scene import Scene
from bot.actions.speaking import finish
from bot.actions.steering import steered
from bot.forms.engine import start_follow_up, start_intention, step
from bot.forms.types import FOLLOW_UP, JOB_INTENTION, Say, Step
from core.types import CallAction, TurnEvent


class ActionJobIntention(Action):
    """Take a job intention in chat: one question at a time until the record is confirmed."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_job_intention"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Open the form or advance it by the latest message."""
        scene = Scene.of(dispatcher, tracker)
        done = steered(scene)
        if done is not None:
            return done
        if scene.memo.activity != JOB_INTENTION:
            return finish(scene, start_intention(scene.memo, scene.heard))
        return finish(scene, step(scene.memo, scene.heard))


class ActionFollowUp(Action):
    """Conduct the follow-up call from the notice to the thanks."""

    def name(self) -> str:
        """Return the name used in rules."""
        return "action_follow_up"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[Any]:
        """Open the call or advance it by the latest event."""
        scene = Scene.of(dispatcher, tracker)
        if scene.heard.event is TurnEvent.CALL_ANSWERED and scene.memo.activity == "":
            call = (tracker.latest_message.get("metadata") or {}).get("call") or {}
            agency = call.get("agency") or context().settings.agency_name
            opening = start_follow_up(str(call.get("name") or ""), agency, dict(call.get("facts") or {}))
            return finish(scene, opening)
        if scene.memo.activity != FOLLOW_UP:
            return finish(scene, Step(scene.memo, (Say("utter_call_over"),), call=CallAction.HANGUP))
        done = steered(scene)
        return done if done is not None else finish(scene, step(scene.memo, scene.heard))
