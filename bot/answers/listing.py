"""On the telephone a list is read item by item: 有三样，先说第一样。 Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.answers.facets import facet_items
from bot.answers.speech import number_words, to_speech
from bot.knowledge.entries import PolicyEntry
from bot.knowledge.phrases import Phrases

LISTED = ("materials", "eligibility", "how", "amount")
DETAILS = "details"
_DETAIL_FACETS = ("eligibility", "amount", "how", "materials", "when")
_ITEM_CHARS = 64  # of one item: about fifteen seconds of speech
_MAX_ITEMS = 9


@dataclass(frozen=True, slots=True)
class Reading:
    """``first`` is said now, ``rest`` when the listener wants to hear on."""

    first: str
    rest: tuple[str, ...]


def read_out(entry: PolicyEntry, facet: str | None, phrases: Phrases) -> Reading | None:
    """Return a side of an entry as items to be read one at a time; ``None`` where that makes no list."""
    items = spoken_items(entry, facet, phrases)
    if len(items) < 2:
        return None
    count = "两" if len(items) == 2 else number_words(str(len(items)))
    label = phrases.say(f"facet_{facet}")
    said = [
        phrases.say("list_next", number=number_words(str(n)), item=item) for n, item in enumerate(items, 1)
    ]
    said[-1] = phrases.say("list_last", item=items[-1])
    return Reading(phrases.say("list_first", facet=label, count=count, item=items[0]), tuple(said[1:]))


def spoken_items(entry: PolicyEntry, facet: str | None, phrases: Phrases) -> tuple[str, ...]:
    """What an entry says about ``facet`` in pieces that can be listened to; ``details`` is all of it."""
    if facet == DETAILS:
        sides = ((side, to_speech("；".join(facet_items(entry, side)))) for side in _DETAIL_FACETS)
        told = [
            piece
            for side, text in sides
            if text
            for piece in _pieces(phrases.say("detail_item", facet=phrases.say(f"facet_{side}"), text=text))
        ]
        return tuple(told[:_MAX_ITEMS])
    if facet not in LISTED:
        return ()
    return tuple(
        [piece for item in facet_items(entry, facet) for piece in _pieces(to_speech(item))][:_MAX_ITEMS]
    )


def _pieces(text: str) -> list[str]:
    """Cut a long item where one breathes; what has no pause stays whole."""
    pieces: list[str] = []
    for part in re.findall(r"[^。；，]+[。；，]?", text):
        if pieces and len(pieces[-1]) + len(part) <= _ITEM_CHARS:
            pieces[-1] += part
        else:
            pieces.append(part)
    return [piece.strip("。；，、 ") for piece in pieces if piece.strip("。；，、 ")]
