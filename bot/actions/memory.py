"""Between Rasa's tracker and the plan: slots ↔ ``Memo``, latest message → ``Heard``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet

from bot.chinese.text import normalise
from bot.forms.types import Entity, Heard, Memo
from bot.talk.memory import Talk
from core.clock import CHINA
from core.codec import from_plain, to_plain
from core.types import Disposition, FieldValue, TurnEvent

EVENT_INTENT = "event_"
FALLBACK = "nlu_fallback"


def memo_of(tracker: Tracker) -> Memo:
    """Read the memo from the slots."""
    slot = tracker.get_slot
    return Memo(
        activity=slot("activity") or "",
        open_question=slot("open_question") or "",
        fields={name: from_plain(value, FieldValue) for name, value in (slot("fields") or {}).items()},
        facts=slot("facts") or {},
        callee=slot("callee") or "",
        agency=slot("agency") or "",
        silences=int(slot("silences") or 0),
        unclears=int(slot("unclears") or 0),
        flags=tuple(slot("flags") or ()),
        disposition=Disposition(slot("disposition")) if slot("disposition") else None,
        needs_review=tuple(slot("needs_review") or ()),
    )


def slots_of(memo: Memo) -> dict[str, Any]:
    """Return the slot values that say the same as ``memo``."""
    return {
        "activity": memo.activity or None,
        "open_question": memo.open_question or None,
        "fields": to_plain(memo.fields) or None,
        "facts": to_plain(memo.facts) or None,
        "callee": memo.callee or None,
        "agency": memo.agency or None,
        "silences": float(memo.silences) or None,
        "unclears": float(memo.unclears) or None,
        "flags": list(memo.flags) or None,
        "disposition": memo.disposition.value if memo.disposition else None,
        "needs_review": list(memo.needs_review) or None,
    }


def talk_of(tracker: Tracker) -> Talk:
    """Read what was asked, answered and offered."""
    stored = tracker.get_slot("talk")
    return from_plain(stored, Talk) if stored else Talk()


def changes(tracker: Tracker, values: dict[str, Any]) -> list[Any]:
    """Return events for the slots whose value changed, then the wait for the next turn.

    A rule's own wait no longer matches once ``activity`` has changed, so it is asked for here.
    """
    events = [SlotSet(name, value) for name, value in values.items() if tracker.get_slot(name) != value]
    return [*events, FollowupAction("action_listen")]


def heard_of(tracker: Tracker) -> Heard:
    """Read the latest message; under ``rasa shell`` the server's metadata is absent."""
    message = tracker.latest_message or {}
    meta = message.get("metadata") or {}
    intent = message.get("intent") or {}
    name = intent.get("name") or ""
    confidence = float(intent.get("confidence") or 0.0)
    if name == FALLBACK:
        ranking = [item for item in message.get("intent_ranking") or [] if item["name"] != FALLBACK]
        if ranking:
            name, confidence = ranking[0]["name"], float(ranking[0]["confidence"])
    event = TurnEvent.UTTERANCE
    text = message.get("text") or ""
    if name.startswith(EVENT_INTENT):
        event = TurnEvent(name.removeprefix(EVENT_INTENT))
        text = meta.get("said") or next((e["value"] for e in message.get("entities") or []), "")
    heard = Heard(
        text=normalise(str(text)),
        intent=name,
        confidence=confidence,
        event=event,
        message_id=meta.get("message_id") or "",
        at=_at(meta),
        channel=tracker.get_latest_input_channel() or "cmdline",
        doubtful=meta.get("reason") == "low_confidence",
        unheard=str(meta.get("unheard") or ""),
    )
    return heard if event is not TurnEvent.UTTERANCE else replace(heard, entities=_entities(message))


def _entities(message: dict[str, Any]) -> tuple[Entity, ...]:
    return tuple(
        Entity(e["entity"], e["value"], e["start"], e["end"], e.get("confidence_entity") or 1.0)
        for e in message.get("entities") or []
        if "start" in e
    )


def _at(meta: dict[str, Any]) -> datetime:
    at = datetime.fromisoformat(meta["at"]) if meta.get("at") else datetime.now(UTC)
    return at.astimezone(CHINA)
