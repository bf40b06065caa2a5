"""The pieces of a policy answer: its lines, its spoken sentences, its sources."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from bot.answers.facets import detect_facet, facet_items
from bot.answers.speech import telephone_words, to_speech
from bot.knowledge.dates import end_date, rewrite_dates, written
from bot.knowledge.entries import PolicyEntry, SourceRef
from bot.knowledge.phrases import Phrases
from core.types import Source

_OVERVIEW_CHARS = 110  # of one part; a phone screen shows about 20 characters a line
_SPOKEN_CHARS = 60
_NAMED_KINDS = ("official", "law_text", "news")
_MAX_LINKS = 2
# Remarks on how we came by a page; they mean nothing to a citizen.
_STAFF_NOTE = re.compile(r"（[^（）]*(?:库|镜像|摘录|推定|节选|见到|文中|转载站|未打开)[^（）]*）")


def effective_status(entry: PolicyEntry, today: date) -> str:
    """The entry's status, or ``verify`` for a current one whose own end date has passed."""
    ends = end_date(entry.deadline_or_period)
    return "verify" if entry.status == "current" and ends is not None and ends < today else entry.status


def lapsed_on(entry: PolicyEntry, today: date) -> str:
    """The last day, written out, of a current entry whose own end date has passed; ``""`` for all others."""
    ends = end_date(entry.deadline_or_period)
    over = entry.status == "current" and ends is not None and ends < today
    return written(ends.isoformat()) if over and ends else ""


def written_text(entry: PolicyEntry, facet: str | None, status: str, phrases: Phrases, hotline: str) -> str:
    """The message without what it rests on: status first, then the content."""
    lines = []
    if status == "expired":
        lines.append(phrases.say("expired"))
    elif status == "snapshot":
        lines.append(phrases.say("snapshot", date=written(entry.as_of)))
    # 能领几个月 is answered by the amounts, not by the dates; other subjects have their list.
    if facet == "details":
        lines += _details(entry, phrases)
    elif facet and not (facet == "when" and is_subject(entry, facet)):
        lines += _facet_lines(entry, facet, phrases, hotline)
    else:
        lines += facet_items(entry, "what")
        # What an ended policy used to pay would only raise hopes.
        for name in ("how",) if status == "expired" else ("amount", "how"):
            lines += _part(entry, name, phrases)
    if entry.wording.caution:
        lines.append(entry.wording.caution)
    if status == "verify":
        lines.append(phrases.say("verify", hotline=hotline))
    return "\n".join(lines)


def footer(entry: PolicyEntry, facet: str | None, phrases: Phrases, *, named_source: bool) -> str:
    """What the message rests on; ``named_source`` where the channel does not show ``sources``."""
    lines = [phrases.say("region", text=entry.region)]
    if facet != "basis":
        basis = facet_items(entry, "basis")[:2]
        lines.append(phrases.say("basis", text=phrases.say("list_separator").join(basis)))
    lines.append(phrases.say("as_of", date=written(entry.as_of)))
    source = sources(entry)[0]
    date = written(source.as_of)
    if named_source and source.url:
        lines.append(phrases.say("source_link", title=source.title, date=date, url=source.url))
    elif named_source:
        lines.append(phrases.say("source_file", title=source.title, date=date))
    return "\n".join(lines)


def is_subject(entry: PolicyEntry, facet: str | None) -> bool:
    """Say whether the entry is about ``facet`` as a whole: 失业金能领几个月 is about the time."""
    return facet is not None and detect_facet(entry.title) == facet


def spoken_text(entry: PolicyEntry, facet: str | None, status: str, phrases: Phrases, hotline: str) -> str:
    """At most two short sentences."""
    number = telephone_words(hotline)
    caution = phrases.say("verify_spoken", hotline=number) if status == "verify" else ""
    if facet in (None, "what", "details") or is_subject(entry, facet):
        # A lapsed entry was worded without a caution: its second sentence makes room.
        return (_sentences(entry.spoken)[0] if caution else entry.spoken) + caution
    items = facet_items(entry, facet)
    if not items:
        return phrases.say("facet_empty_spoken", hotline=number)
    if facet == "basis":
        said = phrases.say("basis_spoken", basis=to_speech(items[0]), date=to_speech(written(entry.as_of)))
        return said + caution
    said, complete = _fit(to_speech("；".join(items)))
    opening = phrases.say("expired_spoken") if status == "expired" else ""
    if status == "snapshot":
        said = phrases.say("snapshot_spoken", date=to_speech(written(entry.as_of))) + said
    more = "" if complete or caution or opening else phrases.say("full_details_spoken", hotline=number)
    return f"{opening}{said}。{caution}{more}"


def sources(entry: PolicyEntry) -> tuple[Source, ...]:
    """What the answer rests on: links that may be handed out, else the document without a link."""
    document = facet_items(entry, "basis")[0]
    # The file lists the weightiest page first; a code archive's own title says nothing.
    linked = sorted((source for source in entry.source if source.show_link), key=_is_archive)
    found = [Source(entry.id, _public_title(s, document), document, entry.as_of, s.url) for s in linked]
    found = found[:_MAX_LINKS]
    if not found or entry.wording.document_first:
        found.insert(0, Source(entry.id, _hidden_title(entry), document, entry.as_of))
    # The document and its date stand once; a further page adds its title and its link.
    return (found[0], *(replace(source, document="", as_of="") for source in found[1:]))


def _hidden_title(entry: PolicyEntry) -> str:
    """A hidden source is named only where its title is that of a document, not of a web page."""
    document = facet_items(entry, "basis")[0]
    named = [item for item in entry.source if item.kind in _NAMED_KINDS and not item.show_link]
    return _public_title(named[0], document) if named else document


def _public_title(source: SourceRef, document: str) -> str:
    title = _STAFF_NOTE.sub("", source.title)
    return document if _is_archive(source) else rewrite_dates(title)


def _is_archive(source: SourceRef) -> bool:
    return source.kind == "code"


def _facet_lines(entry: PolicyEntry, facet: str, phrases: Phrases, hotline: str) -> list[str]:
    items = facet_items(entry, facet)
    heading = phrases.say("heading", title=entry.title, facet=phrases.say(f"facet_{facet}"))
    if not items:
        return [heading, phrases.say("facet_empty", hotline=hotline)]
    if len(items) == 1:
        return [heading, items[0]]
    return [heading, *(phrases.say("item", text=item) for item in items)]


def _details(entry: PolicyEntry, phrases: Phrases) -> list[str]:
    """Every side of the entry; an entry holds far less than a message may."""
    lines = [phrases.say("heading", title=entry.title, facet=phrases.say("facet_details"))]
    lines += facet_items(entry, "what")
    for name in ("amount", "eligibility", "how", "materials", "when"):
        items = facet_items(entry, name)
        if items:
            lines.append(phrases.say(name, text=phrases.say("list_separator").join(items)))
    return lines


def _part(entry: PolicyEntry, facet: str, phrases: Phrases) -> list[str]:
    items = facet_items(entry, facet)
    if not items:
        return []
    shown = [items[0]]
    for item in items[1:]:
        if sum(map(len, shown)) + len(item) > _OVERVIEW_CHARS:
            break
        shown.append(item)
    text = phrases.say("list_separator").join(shown)
    if len(shown) < len(items):
        text += phrases.say("more_items", facet=phrases.say(f"facet_{facet}"))
    return [phrases.say(facet, text=text)]


def _sentences(text: str) -> list[str]:
    return re.findall(r"[^。！？]+[。！？]?", text)


def _fit(text: str) -> tuple[str, bool]:
    """``text`` cut at a comma to what can be listened to, and whether it is all of it."""
    if len(text) <= _SPOKEN_CHARS:
        return text, True
    cut = max(text.rfind("，", 0, _SPOKEN_CHARS), text.rfind("、", 0, _SPOKEN_CHARS))
    return text[: cut if cut > 0 else _SPOKEN_CHARS], False
