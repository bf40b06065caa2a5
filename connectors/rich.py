"""Answers in plain text, for platforms without buttons: numbered choices, sources, short pieces. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.platform_texts import PlatformTexts
from connectors.types import STAFF, Event, EventType

MAX_CHOICES = 9
"""More cannot be told apart by one digit."""

# What is said while an answer is still on its way.
_MEANWHILE = frozenset({"slow", "unavailable"})

# Where a text is cut, best first: between paragraphs, lines, sentences, clauses, words.
_BORDERS = tuple(
    re.compile(pattern)
    for pattern in (r"\n\s*\n", r"\n", r"[。！？!?…]+[”’」』）)]*", r"[；;：:]", r"[，,、]", r"\s+")
)
_JOINER = "\u200d"
_VARIATION = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\u20e3]")
_NUMBER = re.compile(r"(?:第|选|选择)?\s*([1-9])\s*(?:个|项|号|条)?[.。、)）]?")


@dataclass(frozen=True, slots=True)
class Composed:
    """One answer as text; ``choices`` are what the numbers in it stand for."""

    text: str
    choices: tuple[str, ...] = ()


def groups(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """Split a stretch of the log into what is delivered together: each answer whole, each notice alone.

    The citizen's own words are not delivered, and an apology for slowness is not once its answer is there.
    """
    answered = {event.message_id for event in events if is_final(event)}
    found: list[list[Event]] = []
    for event in events:
        if event.type is EventType.REPLY and event.index > 0 and found:
            found[-1].append(event)
        elif event.type is EventType.REPLY or _is_news(event, answered):
            found.append([event])
    return [tuple(group) for group in found]


def is_final(event: Event) -> bool:
    """Tell whether an entry ends its turn: an answer, or a sentence instead of one."""
    return event.type is EventType.REPLY or (event.type is EventType.NOTICE and event.code not in _MEANWHILE)


def _is_news(event: Event, answered: set[str]) -> bool:
    return event.type is EventType.NOTICE and (is_final(event) or event.message_id not in answered)


def compose(group: Sequence[Event], texts: PlatformTexts, *, links: bool) -> Composed:
    """Write one group as one text. ``links``: whether the platform lets addresses through."""
    parts: list[str] = []
    choices: tuple[str, ...] = ()
    for event in group:
        said = event.text.strip()
        parts.append(texts.staff_says.format(text=said) if event.code == STAFF else said)
        for source in event.sources:
            if source.title in event.text or (source.url and source.url in event.text):
                continue  # the answer says so itself
            line = texts.source.format(title=source.title, document=source.document, as_of=source.as_of)
            if links and source.url:
                line += "\n" + texts.original.format(url=source.url)
            parts.append(line)
        if event.buttons:
            shown = event.buttons[:MAX_CHOICES]
            choices = tuple(button.text for button in shown)
            listed = [f"{number}. {button.title}" for number, button in enumerate(shown, 1)]
            parts.append("\n".join([texts.choose, *listed]))
    return Composed("\n\n".join(part for part in parts if part), choices)


def number_in(text: str) -> int:
    """Return the number that is all a citizen typed ("2", "２", "第2个"), else 0."""
    match = _NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip())
    return int(match.group(1)) if match else 0


def split_text(text: str, max_bytes: int) -> tuple[str, ...]:
    """Cut a text into pieces of at most ``max_bytes`` of UTF-8, at the best border each piece has.

    No character is cut, and none is parted from the marks that belong to it.
    """
    pieces: list[str] = []
    rest = text.strip()
    while len(rest.encode()) > max_bytes:
        fitting = rest.encode()[:max_bytes].decode(errors="ignore")
        cut = _cut(rest, len(fitting))
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return tuple(piece for piece in (*pieces, rest) if piece)


def _cut(text: str, most: int) -> int:
    for border in _BORDERS:
        # A border in the first third would leave a stub; a lesser border further on reads better.
        ends = [match.end() for match in border.finditer(text, 0, most) if match.end() > most // 3]
        if ends:
            return ends[-1]
    cut = most
    while cut > 1 and _belongs_together(text[cut - 1], text[cut]):
        cut -= 1
    return cut if cut > 1 else most


def _belongs_together(left: str, right: str) -> bool:
    return bool(_JOINER in (left, right) or _VARIATION.match(right) or unicodedata.combining(right))
