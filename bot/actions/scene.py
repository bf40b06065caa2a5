"""One turn as an action sees it: what was heard, what is remembered, and how to answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.actions.context import context
from bot.actions.memory import changes, heard_of, memo_of, slots_of, talk_of
from bot.desk import Asker, Found
from bot.forms.types import PHONE, Heard, Memo, Say
from bot.questions import asks
from bot.talk.language import CANTONESE, language_of
from bot.talk.memory import Talk
from bot.talk.persons import person_of
from core.codec import to_plain
from core.types import CallAction, Reply, TurnEvent

_NOON, _EVENING = 12, 18  # hours in China: 上午好, 下午好, 晚上好


@dataclass(slots=True)
class Scene:
    """``memo`` and ``talk`` are replaced as the turn goes on; ``done`` writes them back."""

    dispatcher: CollectingDispatcher
    tracker: Tracker
    heard: Heard
    memo: Memo
    talk: Talk
    language: str
    choices: tuple[str, ...] = ()
    policy_ids: list[str] = field(default_factory=list)
    send_text: str = ""

    @classmethod
    def of(cls, dispatcher: CollectingDispatcher, tracker: Tracker) -> Scene:
        """Read a turn from Rasa's tracker."""
        heard = heard_of(tracker)
        before = tracker.get_slot("language") or ""
        spoken = heard.event is TurnEvent.UTTERANCE
        language = language_of(heard.text, before) if spoken else before
        choices = tuple(tracker.get_slot("policy_choices") or ())
        scene = cls(dispatcher, tracker, heard, memo_of(tracker), talk_of(tracker), language, choices)
        scene.brief(str((tracker.latest_message.get("metadata") or {}).get("staff_note") or ""))
        return scene

    def brief(self, note: str) -> None:
        """Staff gave the conversation back: what their note is about, the resident may now ask on about.

        A note that is about no policy for certain changes nothing.
        """
        found = context().desk.look_up(note, self.asker()) if note else ()
        if found and found[0].decision == "answer":
            self.talk = self.talk.answered(found[0].policy_id, None)

    @property
    def phone(self) -> bool:
        """Whether this is heard and not read."""
        return self.heard.channel == PHONE

    @property
    def answers_in(self) -> str:
        """The language to answer in: a voice without Cantonese is not made to read it."""
        if self.phone and not context().settings.phone_cantonese:
            return ""
        return self.language if self.language == CANTONESE else ""

    def say(self, response: str, **values: str) -> None:
        """Utter a response of the domain with its values named in words."""
        self.line(Say(response, values))

    def line(self, line: Say) -> None:
        """Utter a ``Say``. A sentence that was taken out of the domain is left out."""
        shared = context()
        if line.response not in shared.responses:
            return
        filled = shared.words.fill(line.values, spoken=self.phone)
        greeting = shared.words.fill({"greeting": f"word_{self._greeting()}"}, spoken=self.phone)
        self.dispatcher.utter_message(
            response=line.response,
            **{"hotline": shared.settings.hotline, **greeting, **filled, "language": self.answers_in or None},
        )

    def send(self, reply: Reply) -> None:
        """Send a reply that was worded elsewhere; a text channel of Rasa's own shows its text."""
        text = reply.spoken or reply.text if self.phone else reply.text
        self.dispatcher.utter_message(text=text, json_message={"reply": to_plain(reply)})

    def asker(self) -> Asker:
        """Return what an answer depends on beside the question."""
        last = self.talk.told[-1].policy_id if self.talk.told else ""
        district = self.memo.value("district") or self.memo.facts.get("district") or ""
        return Asker(
            self.heard.channel,
            self.heard.at.date(),
            self.answers_in,
            last,
            self.talk.person,
            str(district),
        )

    def plain(self, text: str) -> None:
        """Send words that are read and said alike."""
        self.send(Reply(text, text))

    def look_up(self, question: str) -> tuple[Found, ...]:
        """Ask the policy desk; whom the question is about is remembered for the next one."""
        desk = context().desk
        self.talk = replace(self.talk, person=person_of(question, desk.phrases.persons, self.talk.person))
        if asks(question):
            self.talk = self.talk.asked(question)
        return desk.look_up(question, self.asker())

    def give(self, found: Found) -> None:
        """Send what the desk found and remember it."""
        self.send(found.reply)
        self.choices = found.choices
        if found.decision != "answer":
            return
        self.policy_ids.append(found.policy_id)
        self.talk = self.talk.answered(found.policy_id, found.facet)
        if found.rest:
            self.talk = self.talk.reading(found.policy_id, found.rest)
        if found.lapsed:
            self.review("expired_policy")

    def review(self, reason: str) -> None:
        """Note for staff why somebody has to look at this conversation."""
        self.memo = replace(self.memo, needs_review=tuple(dict.fromkeys((*self.memo.needs_review, reason))))

    def done(self, *, completed: str = "", call: CallAction = CallAction.CONTINUE) -> list[Any]:
        """Return the events that remember this turn."""
        outcome = {
            "message_id": self.heard.message_id,
            "completed": completed,
            "policy_ids": list(dict.fromkeys(self.policy_ids)),
            "call": call.value,
            "send_text": self.send_text,
        }
        return changes(
            self.tracker,
            {
                **slots_of(self.memo),
                "talk": to_plain(self.talk) if self.talk != Talk() else None,
                "language": self.language or None,
                "policy_choices": list(self.choices) or None,
                "outcome": outcome,
            },
        )

    def _greeting(self) -> str:
        hour = self.heard.at.hour
        part = "morning" if hour < _NOON else "afternoon" if hour < _EVENING else "evening"
        return f"greeting_{part}_{CANTONESE}" if self.answers_in else f"greeting_{part}"
