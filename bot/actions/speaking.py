"""Turn a ``Step`` of a form into what Rasa sends and remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.actions.context import context
from bot.actions.scene import Scene
from bot.desk import Found
from bot.forms.types import Say, Step


def finish(scene: Scene, step: Step) -> list[Any]:
    """Speak a step and return the events that remember it."""
    scene.memo, says = step.memo, step.says
    scene.choices = ()
    if step.policy_question:
        says = _detour(scene, scene.look_up(step.policy_question), step)
    elif step.replay and scene.talk.fresh and scene.talk.told:
        last = scene.talk.told[-1]
        scene.give(context().desk.answer(last.policy_id, last.facet, scene.asker()))
        says = () if waits(scene) else says
    else:
        scene.talk = replace(scene.talk.quiet(), fresh=False)
    for line in says:
        scene.line(line)
    return scene.done(completed=step.completed, call=step.call)


def waits(scene: Scene) -> bool:
    """Say whether something was just asked that comes before the form's own question."""
    return bool(scene.choices or scene.talk.rest or scene.talk.offered)


def _detour(scene: Scene, found: tuple[Found, ...], step: Step) -> tuple[Say, ...]:
    """Answer a policy question inside a form; what cannot be answered goes to staff."""
    answered = [one for one in found if one.decision in ("answer", "ask_one") or _shown(one, scene)]
    for one in answered:
        scene.give(one)
    if len(answered) == len(found):
        # A choice, or a list that is read out, is itself a question; the form's own waits.
        return () if waits(scene) else step.says
    scene.review("unanswered_question")
    return (Say("utter_policy_later"), *(() if waits(scene) else step.says))


def _shown(one: Found, scene: Scene) -> bool:
    """Three titles are too much to listen to in the middle of a form; a list of districts is not."""
    return one.decision == "ask" and (not scene.phone or len(one.reply.buttons) == len(one.choices))
