"""What comes before any form or search: danger, a list being read out, a choice, and how one steers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from bot.actions.context import context
from bot.actions.scene import Scene
from bot.actions.speaking import finish, waits
from bot.forms.asking import ask
from bot.forms.endings import moved
from bot.forms.engine import restart, step_back
from bot.forms.moves import move_of
from bot.forms.types import FOLLOW_UP, JOB_INTENTION, Heard, Say, Step
from bot.forms.yesno import yes_no
from bot.questions import asks
from bot.retrieval.follow_up import stays
from bot.retrieval.normalise import normalise
from bot.talk.language import asks_language
from bot.talk.persons import person_of
from bot.talk.steering import steering_of
from core.types import TurnEvent

SLOW = 0.8
_DETAILS = "details"


def steered(scene: Scene) -> list[Any] | None:
    """Handle a turn that is not about the form or a new question; ``None`` when it is."""
    heard = scene.heard
    if heard.event not in (TurnEvent.UTTERANCE, TurnEvent.KEY):
        scene.talk = scene.talk.quiet()
        return None
    if move_of(heard, scene.memo.open_question) == "crisis":
        return finish(scene, moved(scene.memo, "crisis", heard))
    wish = steering_of(heard.text) if heard.event is TurnEvent.UTTERANCE else ""
    if scene.talk.rest or scene.talk.offered:
        heard_on = _listening(scene, wish)
        if heard_on is not None:
            return heard_on
        scene.talk = scene.talk.quiet()
    picked = _picked(scene)
    if picked is not None:
        return picked
    if asks_language(heard.text):
        scene.say(f"utter_language_{scene.language}")
        _come_back(scene)
        return scene.done()
    done = _STEER[wish](scene) if wish else None
    return done if done is not None else _asked(scene)


def _asked(scene: Scene) -> list[Any] | None:
    """Answer what is surely a question, whatever the classifier and the form make of it.

    An entry's own wording is one; right after an answer also 那我老公呢 and 怎么申请.
    """
    heard, memo = scene.heard, scene.memo
    if heard.event is not TurnEvent.UTTERANCE:
        return None
    desk = context().desk
    persons = desk.phrases.persons
    named = bool(person_of(heard.text, persons)) and bool(re.search(r"[呢吗?？]$", heard.text))
    goes_on = scene.talk.fresh and asks(heard.text) and (named or stays(normalise(heard.text)))
    if not desk.has_wording(heard.text) and not (goes_on and memo.activity):
        return None
    says = (ask(memo),) if memo.activity and memo.open_question else ()
    return finish(scene, Step(replace(memo, unclears=0, silences=0), says, policy_question=heard.text))


def _listening(scene: Scene, wish: str) -> list[Any] | None:
    """Go on with a list, or send it as a message; ``None`` when something else was said."""
    answer = _answer_of(scene.heard)
    if scene.talk.offered:
        if wish == "send" or answer is True:
            return _promise_text(scene)
        return None if answer is None else _after(scene, "utter_text_declined")
    if wish == "send":
        return _promise_text(scene)
    if wish in ("next", "more") or answer is True:
        return _next(scene)
    if answer is False and len(scene.heard.text) <= 6:
        return _offer(scene)
    return None


def _answer_of(heard: Heard) -> bool | None:
    if heard.event is TurnEvent.KEY:
        return {"1": True, "2": False}.get(heard.text)
    answer = yes_no(heard) if len(heard.text) <= 8 else None
    return answer[0] if answer else None


def _next(scene: Scene) -> list[Any]:
    rest = scene.talk.rest
    said = context().desk.next_item(rest, scene.asker())
    scene.talk = replace(scene.talk, rest=rest[1:], read=scene.talk.read + 1)
    scene.plain(said)
    return scene.done() if rest[1:] else _offer(scene)


def _offer(scene: Scene) -> list[Any]:
    """The list is over or was broken off: it can also be sent."""
    scene.talk = replace(scene.talk, rest=(), offered=True)
    scene.say("utter_offer_text")
    return scene.done()


def _promise_text(scene: Scene) -> list[Any]:
    scene.send_text = scene.talk.about or scene.talk.told[-1].policy_id
    return _after(scene, "utter_text_promised")


def _after(scene: Scene, response: str) -> list[Any]:
    """Close a list or an offer, and come back to the form's question."""
    scene.talk = scene.talk.quiet()
    scene.say(response)
    _come_back(scene)
    return scene.done()


def _come_back(scene: Scene) -> None:
    if scene.memo.activity in (JOB_INTENTION, FOLLOW_UP) and scene.memo.open_question and not waits(scene):
        scene.line(ask(replace(scene.memo, silences=0)))


def _picked(scene: Scene) -> list[Any] | None:
    """Answer the policy picked from an offered choice; ``None`` when none was picked."""
    heard, choices = scene.heard, scene.choices
    picked = context().desk.choose(heard.text, choices) if choices and heard.text else ""
    if not picked and len(choices) == 1 and scene.phone:
        answer = _answer_of(heard)
        if answer is False or heard.event is TurnEvent.KEY:
            return _declined(scene)
        picked = choices[0] if answer else ""
    if not picked:
        return None
    scene.give(context().desk.answer(picked, None, scene.asker()))
    _come_back(scene)
    return scene.done()


def _declined(scene: Scene) -> list[Any]:
    """The policy that was read out is not the one that was meant: staff will look into it."""
    scene.choices = ()
    scene.review("unanswered_question")
    scene.say("utter_policy_later")
    _come_back(scene)
    return scene.done()


def _repair(scene: Scene) -> list[Any] | None:
    """不是这个意思: what else the question may have meant, else the question before, else a person."""
    talk, about_policy = scene.talk, scene.talk.fresh or not scene.memo.activity
    if about_policy and talk.told and talk.questions:
        rejected = tuple(dict.fromkeys((*talk.rejected, talk.told[-1].policy_id, *scene.choices)))
        other = (
            context().desk.others(talk.questions[-1], rejected, scene.asker()) if not talk.rejected else None
        )
        scene.talk = replace(talk, rejected=rejected)
        scene.choices = ()
        if other is not None:
            scene.say("utter_repair_short")
            scene.give(other)
            return scene.done()
        scene.review("unanswered_question")
    elif scene.memo.activity:
        back = step_back(scene.memo)
        return finish(scene, replace(back, says=(Say("utter_repair_short"), *back.says[-1:])))
    scene.say("utter_repair")
    _come_back(scene)
    return scene.done()


def _slower(scene: Scene) -> list[Any] | None:
    """Say it again, slower from now on."""
    scene.talk = replace(scene.talk, pace=SLOW)
    scene.say("utter_slower")
    if scene.talk.fresh and scene.talk.told:
        last = scene.talk.told[-1]
        scene.give(context().desk.answer(last.policy_id, last.facet, scene.asker()))
    _come_back(scene)
    return scene.done()


def _restart(scene: Scene) -> list[Any] | None:
    scene.talk = replace(type(scene.talk)(), pace=scene.talk.pace)
    scene.choices = ()
    if scene.memo.activity in (JOB_INTENTION, FOLLOW_UP):
        return finish(scene, restart(scene.memo))
    scene.say("utter_restarted")
    return scene.done()


def _back(scene: Scene) -> list[Any] | None:
    """The question before, or the answer before."""
    if scene.memo.activity in (JOB_INTENTION, FOLLOW_UP):
        return finish(scene, step_back(scene.memo))
    told = scene.talk.told
    if len(told) < 2:
        scene.say("utter_back_nothing")
        return scene.done()
    scene.talk = replace(scene.talk, told=told[:-1])
    scene.give(context().desk.answer(told[-2].policy_id, told[-2].facet, scene.asker()))
    return scene.done()


def _more(scene: Scene) -> list[Any] | None:
    """All that is known of the policy talked about last; on the phone item by item."""
    if not scene.talk.told or (scene.memo.activity and not scene.talk.fresh):
        return None
    scene.give(context().desk.answer(scene.talk.told[-1].policy_id, _DETAILS, scene.asker()))
    _come_back(scene)
    return scene.done()


def _on(scene: Scene) -> list[Any] | None:
    """继续 with nothing left to read out."""
    if scene.memo.activity:
        return None
    scene.say("utter_next_nothing")
    return scene.done()


def _send(scene: Scene) -> list[Any] | None:
    if not scene.talk.told:
        return None
    if scene.phone:
        scene.talk = replace(scene.talk, about=scene.talk.told[-1].policy_id)
        return _promise_text(scene)
    scene.say("utter_send_chat")
    _come_back(scene)
    return scene.done()


_STEER = {
    "repair": _repair,
    "slower": _slower,
    "restart": _restart,
    "back": _back,
    "more": _more,
    "next": _on,
    "send": _send,
}
