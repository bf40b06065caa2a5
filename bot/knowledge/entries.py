"""A policy entry as the rest of the bot sees it. Field meanings: ``bot/knowledge/README.md``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["current", "verify", "expired", "snapshot"]


@dataclass(frozen=True, slots=True)
class SourceRef:
    """Where a fact was read. ``url`` may be handed out only when ``show_link`` is true."""

    title: str
    kind: str
    show_link: bool
    url: str = ""
    url_status: str = ""
    date: str = ""
    seed: str = ""
    seen_at: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: ``field`` ``op`` ``value``; ``clause`` says which text it comes from."""

    field: str
    op: str
    value: Any
    clause: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ConditionGroup:
    """Several conditions of which ``any`` one or ``all`` must hold."""

    mode: Literal["any", "all"]
    items: tuple[Condition | ConditionGroup, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """What a citizen reads where an entry's own text is written for staff.

    ``title`` fits a button; ``replace`` holds pairs of what stands in the entry and what is shown
    instead; ``caution`` is one more sentence that every written answer carries; ``document_first``
    where the pages that may be linked are only about a side issue.
    """

    title: str = ""
    caution: str = ""
    replace: tuple[tuple[str, str], ...] = ()
    document_first: bool = False

    def shown(self, text: str) -> str:
        """``text`` as a citizen reads it."""
        for own, public in self.replace:
            text = text.replace(own, public)
        return text


@dataclass(frozen=True, slots=True)
class Related:
    """Another entry that answers what this one leaves open; ``title`` fits a button."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One policy. ``topic`` is the stem of its file; ``spoken`` is at most two short sentences."""

    id: str
    topic: str
    title: str
    audience: tuple[str, ...]
    region: str
    status: Status
    summary: str
    eligibility: tuple[str, ...]
    amount: tuple[str, ...]
    how_to_apply: tuple[str, ...]
    materials: tuple[str, ...]
    deadline_or_period: str
    basis: tuple[str, ...]
    source: tuple[SourceRef, ...]
    as_of: str
    confidence: str
    questions: tuple[str, ...]
    spoken: str
    note: str = ""
    see_also: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    conditions: tuple[Condition | ConditionGroup, ...] = ()
    wording: Wording = Wording()

    @property
    def short_title(self) -> str:
        """The title that fits a button."""
        return self.wording.title or self.title
