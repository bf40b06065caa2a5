"""Questions in an entry's own words: where nothing has to be weighed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.knowledge.entries import PolicyEntry
from bot.retrieval.normalise import normalise

# What opens or softens a question without changing what is asked.
_LEAD = re.compile(
    r"^(?:等等|等一下|等下|你好|您好|那么|那|对了|还有|请问一下|请问|问一下|问下|打听一下|我想问一下|我想问下|我想问|我问一下"
    r"|我问下|想问一下|想问下|想问|我想了解|想了解|我想知道|想知道|麻烦|不该)+"
)
_SOFT = re.compile(r"可以|能够|能|应该|大概|一般|到底|一下|现在|目前|呢|啊|呀|吧|哦|的|了$")
_SAME = (
    ("失业保险金", "失业金"),
    ("领取", "领"),
    ("申领", "申请"),
    ("如何", "怎么"),
    ("怎样", "怎么"),
    ("几个月", "多久"),
    ("多长时间", "多久"),
    ("哪些", "什么"),
    ("有什么条件", "要什么条件"),
    ("有多少", "多少"),
)
_MAX_SUBJECT = 6  # characters that a follow-up may leave out: 失业金 … 能领多久


@dataclass(frozen=True, slots=True)
class Wordings:
    """``owners``: wording → the ids of the entries that list it, in file order."""

    owners: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, entries: Sequence[PolicyEntry]) -> Wordings:
        """Gather sample questions and titles."""
        owners: dict[str, tuple[str, ...]] = {}
        for entry in entries:
            for text in (*entry.questions, entry.title, entry.short_title):
                listed = owners.get(plain(text), ())
                owners[plain(text)] = listed if entry.id in listed else (*listed, entry.id)
        return cls(owners)

    def named(self, question: str) -> tuple[str, ...]:
        """Return the entries that list ``question``; several share a broad one, none is usual."""
        return self.owners.get(plain(question), ())

    def continued(self, question: str, policy_id: str) -> str:
        """Return the entry whose wording ``question`` ends, its subject left out; ``""`` when none.

        After 失业金怎么领, 能领多久 is 失业金能领多久: a subject that the last policy's wordings use.
        """
        asked = plain(question)
        own = [text for text, ids in self.owners.items() if policy_id in ids]
        found: dict[str, int] = {}
        for text, ids in self.owners.items():
            subject = text.removesuffix(asked)
            if len(ids) > 1 or not asked or len(subject) == len(text) or len(subject) > _MAX_SUBJECT:
                continue
            if len(subject) >= 2 and any(subject in other for other in own):
                found[ids[0]] = found.get(ids[0], 0) + 1
        return "" if not found or policy_id in found else max(found, key=found.__getitem__)


def plain(text: str) -> str:
    """Fold a question to what is asked: one spelling, no courtesies, no modal words."""
    folded = _LEAD.sub("", normalise(text).replace(" ", ""))
    for said, meant in _SAME:
        folded = folded.replace(said, meant)
    return _SOFT.sub("", folded) or folded
