"""What is done about each kind of callback of a WeCom application."""

from __future__ import annotations

from connectors.platform_texts import PlatformTexts
from connectors.texts import Texts
from connectors.wechat.acting import MAX_CHARS, Act, Chosen, Ignore, Leave, Say
from connectors.wechat.acting import act_on as act_on_message
from connectors.wechat.api import SAY
from connectors.wechat.wire import Incoming
from connectors.wecom.wire import CARD_EVENT
from core.types import TurnEvent


async def act_on(message: Incoming, chosen: Chosen, texts: Texts, platform: PlatformTexts) -> Act:
    """Decide. Raises ``QueueError``."""
    if message.kind != "event":
        return await act_on_message(message, chosen, texts, platform)
    if message.event in {"subscribe", "enter_agent"}:
        return Say("", TurnEvent.SESSION_START)
    if message.event == "unsubscribe":
        return Leave()
    if message.event in {"click", CARD_EVENT} and message.event_key.startswith(SAY):
        return Say(message.event_key.removeprefix(SAY)[:MAX_CHARS])
    # Pages open by themselves, a chosen place follows as a message, the rest concerns administration.
    return Ignore()
