"""The policy desk: one question in, one answer (or a choice, or an honest don't-know) out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bot.answers import answer_policy, ask_choices, ask_one, detect_facet, opening_facet, unknown
from bot.chinese.numbers import parse_number
from bot.chinese.text import normalise
from bot.knowledge.entries import PolicyEntry
from bot.knowledge.loader import load_entries
from bot.knowledge.phrases import Phrases, load_phrases
from bot.retrieval import Candidate, PolicyIndex
from core.types import Reply

MAX_CHOICES = 3
# One candidate leads when it is this likely and this many times likelier than the next.
LEAD_CHANCE, LEAD_FACTOR = 0.35, 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """``decision`` is ``answer``, ``ask``, ``ask_one`` (yes or no) or ``unknown``; ``choices`` are ids."""

    decision: str
    reply: Reply
    policy_id: str = ""
    facet: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """Retrieval and wording behind one door."""

    entries: Mapping[str, PolicyEntry]
    index: PolicyIndex
    phrases: Phrases
    hotline: str

    @classmethod
    def load(cls, cache_dir: Path, hotline: str) -> PolicyDesk:
        """Read the knowledge files and build the index. Raises ``KnowledgeError``."""
        entries = load_entries()
        index = PolicyIndex.load(entries, cache_dir)
        return cls({entry.id: entry for entry in entries}, index, load_phrases(), hotline)

    def look_up(self, question: str, *, channel: str, today: date, last_policy: str = "") -> Found:
        """Answer a question; ``last_policy`` is what a follow-up such as 要带什么材料 refers to."""
        ranking = self.index.search(question, context_policy_id=last_policy)
        if ranking.decision == "unknown" or not ranking.candidates:
            return Found("unknown", unknown(phrases=self.phrases, hotline=self.hotline, channel=channel))
        best = ranking.candidates[0].policy_id
        if ranking.decision == "answer":
            facet = detect_facet(question) if best == last_policy else opening_facet(question)
            return self.answer(best, facet, channel=channel, today=today)
        if channel == "phone" and _leads(ranking.candidates):
            # Three titles are too much to listen to; one can be answered by yes or no.
            return Found("ask_one", ask_one(self.entries[best], phrases=self.phrases), choices=(best,))
        shown = ranking.candidates[:MAX_CHOICES]
        reply = ask_choices(shown, list(self.entries.values()), phrases=self.phrases)
        return Found("ask", reply, choices=tuple(item.policy_id for item in shown))

    def answer(self, policy_id: str, facet: str | None, *, channel: str, today: date) -> Found:
        """Say what an entry says."""
        reply = answer_policy(
            self.entries[policy_id],
            facet=facet,
            channel=channel,
            today=today,
            phrases=self.phrases,
            hotline=self.hotline,
        )
        return Found("answer", reply, policy_id, facet)

    def choose(self, text: str, choices: Sequence[str]) -> str:
        """Return the chosen id: by number (``2``, ``第二个``) or by title; ``""`` when none is meant."""
        plain = normalise(text).strip(" 。.!！?？")
        number = parse_number(plain.removeprefix("第").rstrip("个条项")) if len(plain) <= 4 else None
        if number is not None and 1 <= number <= len(choices):
            return choices[int(number) - 1]
        for policy_id in choices:
            entry = self.entries.get(policy_id)
            if entry and plain in (normalise(entry.title), normalise(entry.short_title)):
                return policy_id
        return ""

    def is_none_of_these(self, text: str) -> bool:
        """Say whether a choice was declined with the button for it."""
        return normalise(text) == normalise(self.phrases.say("ask_none"))


def _leads(candidates: Sequence[Candidate]) -> bool:
    first = candidates[0].confidence
    second = candidates[1].confidence if len(candidates) > 1 else 0.0
    return first >= LEAD_CHANCE and first >= LEAD_FACTOR * second
