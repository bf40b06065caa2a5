"""What is done about each kind of callback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from connectors.listening import VOICE
from connectors.platform_texts import PlatformTexts
from connectors.rich import number_in
from connectors.texts import Texts
from connectors.wechat.api import SAY
from connectors.wechat.places import district_of
from connectors.wechat.wire import Incoming
from core.types import TurnEvent

MAX_CHARS = 2_000
_NOTICES = {"image": "image", "video": "image", "shortvideo": "image", "link": "link", "file": "file"}


@dataclass(frozen=True, slots=True)
class Say:
    """Put this to the dialogue core."""

    text: str
    event: TurnEvent = TurnEvent.UTTERANCE
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tell:
    """Answer with a sentence of the door's own."""

    text: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Acknowledge only."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The user does not follow the account any more."""


Act = Say | Tell | Ignore | Leave
Chosen = Callable[[int], Awaitable[str]]
"""What a number stands for that the citizen typed, an empty string for nothing. Raises ``QueueError``."""


async def act_on(incoming: Incoming, chosen: Chosen, texts: Texts, platform: PlatformTexts) -> Act:
    """Decide. Raises ``QueueError``."""
    if incoming.kind == "event":
        return _on_event(incoming)
    if incoming.kind == "text":
        return await _on_text(incoming.text, chosen, texts)
    if incoming.kind == "voice":
        if incoming.text.strip():
            return Say(incoming.text.strip()[:MAX_CHARS])
        if incoming.media_id:
            return Say("", metadata={VOICE: incoming.media_id})
        return Tell(platform.notices["voice_unclear"])
    if incoming.kind == "location":
        near = platform.stations_near(incoming.place)
        if near:
            return Tell(near)
        district = district_of(incoming.label, incoming.place)
        if district:
            return Say(platform.said["station"].format(district=district))
        return Say(platform.said["station_anywhere"])
    return Tell(platform.notices[_NOTICES.get(incoming.kind, "unknown")])


async def _on_text(text: str, chosen: Chosen, texts: Texts) -> Act:
    text = text.strip()
    if not text:
        return Tell(texts.notice("empty"))
    if len(text) > MAX_CHARS:
        return Tell(texts.notice("too_large"))
    number = number_in(text)
    if number:
        return Say(await chosen(number) or text)
    return Say(text)


def _on_event(incoming: Incoming) -> Act:
    if incoming.event in {"subscribe", "SCAN"}:
        scene = {"scene": incoming.scene} if incoming.scene else {}
        return Say("", TurnEvent.SESSION_START, scene)
    if incoming.event == "unsubscribe":
        return Leave()
    if incoming.event == "CLICK" and incoming.event_key.startswith(SAY):
        return Say(incoming.event_key.removeprefix(SAY)[:MAX_CHARS])
    # VIEW opens a page by itself; LOCATION reports and the ends of jobs want no answer.
    return Ignore()
