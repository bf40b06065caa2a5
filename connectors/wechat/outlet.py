"""How an official account's answers look and leave: plain text within 2,048 bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.courier import Envelope, Message
from connectors.outgoing import Progress
from connectors.platform_texts import PlatformTexts
from connectors.rich import compose, is_final, split_text
from connectors.tencent.errors import NotPermitted
from connectors.tencent.xml import clean
from connectors.types import Event
from connectors.wechat.api import WechatApi
from connectors.wechat.wire import MAX_REPLY_BYTES

_GAP = "\n\n"


@dataclass(slots=True)
class WechatOutlet:
    """``Outlet`` of the official account.

    ``mute``: the platform does not let this account write by itself, as far as this process knows. Who
    waits is then asked to write again, because only a reply can bring the answer.
    """

    api: WechatApi
    texts: PlatformTexts
    name: str = "wechat"
    mute: bool = False

    def render(self, group: Sequence[Event]) -> tuple[Message, ...]:
        """See ``Outlet``."""
        if self.mute and not is_final(group[0]):
            return (Message({"text": self.texts.notices["later"]}),)
        composed = compose(group, self.texts, links=True)
        pieces = split_text(clean(composed.text), MAX_REPLY_BYTES)
        last = len(pieces) - 1
        return tuple(
            Message({"text": piece}, composed.choices if index == last else ())
            for index, piece in enumerate(pieces)
        )

    async def deliver(self, envelope: Envelope, message: Message) -> None:
        """See ``Outlet``."""
        try:
            await self.api.send_text(envelope.address, message.payload["text"])
        except NotPermitted:
            self.mute = True
            raise
        self.mute = False


@dataclass(frozen=True, slots=True)
class Filled:
    """One passive reply: its text, how far it brings the conversation, and what its numbers stand for."""

    text: str
    place: Progress
    choices: tuple[str, ...]


def fill(outlet: WechatOutlet, start: Progress, found: Sequence[tuple[Event, ...]]) -> Filled:
    """Put as much into one reply as fits, from ``start`` on: ``found`` is what follows it."""
    filled = Filled("", start, ())
    before = start.after
    for group in found:
        messages = outlet.render(group)
        first = start.part if group is found[0] else 0
        for part in range(first, len(messages)):
            text = messages[part].payload["text"]
            joined = f"{filled.text}{_GAP}{text}" if filled.text else text
            if len(joined.encode()) > MAX_REPLY_BYTES:
                return filled
            complete = part + 1 == len(messages)
            place = Progress(group[-1].id) if complete else Progress(before, part + 1)
            filled = Filled(joined, place, messages[part].choices)
        before = group[-1].id
    return filled
