"""How a WeCom application's answers look and leave: Markdown and cards, or plain text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.courier import Envelope, Message
from connectors.platform_texts import PlatformTexts
from connectors.rich import compose, split_text
from connectors.tencent.xml import clean
from connectors.types import Event
from connectors.wechat.api import SAY
from connectors.wecom.api import WecomApi
from connectors.wecom.wire import MAX_TEXT_BYTES
from core.types import Button

MAX_BUTTONS = 6
# What fits on a button; a longer title would be cut.
_TITLE_CHARS = 10
_KEY_BYTES = 1024
_GAP = "\n\n"
# What would make a heading, a quotation, code, bold or a link of a plain sentence.
_MARKS = re.compile(r"^([#>])|([`*])|(?<=\])(?=\()", re.MULTILINE)
_APART = "\u200b"
_SIGNS = ("\u200b", "\u200c")
_SEAL_BITS = 8
_MAX_BYTES = MAX_TEXT_BYTES - 3 * _SEAL_BITS


@dataclass(frozen=True, slots=True)
class WecomOutlet:
    """``Outlet`` of the application. ``rich``: its members read in WeCom's own app."""

    api: WecomApi
    texts: PlatformTexts
    rich: bool = True
    name: str = "wecom"

    def render(self, group: Sequence[Event]) -> tuple[Message, ...]:
        """See ``Outlet``."""
        buttons = next((event.buttons for event in reversed(group) if event.buttons), ())
        if not (self.rich and _fits_card(buttons)):
            return self._written(group)
        plain = [replace(event, buttons=()) for event in group]
        choices = tuple(button.text for button in buttons)
        return (*self._written(plain), Message(_card(buttons, self.texts.pick), choices))

    async def deliver(self, envelope: Envelope, message: Message) -> None:
        """See ``Outlet``."""
        content = dict(message.payload)
        kind = content["msgtype"]
        if kind == "template_card":
            # A task id is given once; the envelope's key is the same when the card is sent again.
            content[kind] = {**content[kind], "task_id": envelope.key}
        else:
            content[kind] = {"content": content[kind]["content"] + seal(envelope.key)}
        await self.api.send(envelope.address, content)

    def _written(self, group: Sequence[Event]) -> tuple[Message, ...]:
        if self.rich and any(source.url for event in group for source in event.sources):
            return self._markdown(group)
        composed = compose(group, self.texts, links=True)
        pieces = split_text(clean(composed.text), _MAX_BYTES)
        return _numbered([_text("text", piece) for piece in pieces], composed.choices)

    def _markdown(self, group: Sequence[Event]) -> tuple[Message, ...]:
        body = compose([replace(event, sources=()) for event in group], self.texts, links=True)
        pieces = list(split_text(_escape(clean(body.text)), _MAX_BYTES))
        for line in self._sources(group):
            # A link that is cut is none: what does not fit whole goes into a message of its own.
            joined = f"{pieces[-1]}{_GAP}{line}"
            if len(joined.encode()) <= _MAX_BYTES:
                pieces[-1] = joined
            else:
                pieces.append(line)
        return _numbered([_text("markdown", piece) for piece in pieces], body.choices)

    def _sources(self, group: Sequence[Event]) -> list[str]:
        lines = []
        for event in group:
            for source in event.sources:
                shown = self.texts.source.format(
                    title=source.title, document=source.document, as_of=source.as_of
                )
                line = f"> {_escape(clean(shown))}"
                if source.url:
                    line += f"\n> [{self.texts.open_original}]({source.url})"
                lines.append(line)
        return lines


def seal(key: str) -> str:
    """Return an invisible sign that belongs to one message.

    WeCom drops a message with the contents of an earlier one. Sent again, a message has to be dropped; the
    same words as the answer to another question must not be.
    """
    number = hashlib.blake2b(key.encode(), digest_size=1).digest()[0]
    return "".join(_SIGNS[number >> bit & 1] for bit in range(_SEAL_BITS))


def _fits_card(buttons: Sequence[Button]) -> bool:
    return 1 <= len(buttons) <= MAX_BUTTONS and all(
        len(button.title) <= _TITLE_CHARS and len(f"{SAY}{button.text}".encode()) <= _KEY_BYTES
        for button in buttons
    )


def _card(buttons: Sequence[Button], title: str) -> dict[str, Any]:
    listed = [
        {"text": clean(button.title), "style": 1 if index == 0 else 2, "key": f"{SAY}{button.text}"}
        for index, button in enumerate(buttons)
    ]
    card = {"card_type": "button_interaction", "main_title": {"title": title}, "button_list": listed}
    return {"msgtype": "template_card", "template_card": card}


def _text(kind: str, text: str) -> dict[str, Any]:
    return {"msgtype": kind, kind: {"content": text}}


def _numbered(payloads: Sequence[dict[str, Any]], choices: tuple[str, ...]) -> tuple[Message, ...]:
    last = len(payloads) - 1
    return tuple(Message(payload, choices if index == last else ()) for index, payload in enumerate(payloads))


def _escape(text: str) -> str:
    """Put an invisible sign before what Markdown would read as its own."""
    return _MARKS.sub(lambda found: f"{_APART}{found.group(0)}", text)
