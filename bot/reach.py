"""Entries that nobody finds: even asked in their own words, something else comes first."""

from __future__ import annotations

from collections.abc import Iterable

from bot.retrieval import PolicyIndex


def unreachable(index: PolicyIndex) -> Iterable[str]:
    """Yield the ids of entries that none of their own questions brings among the three choices offered.

    What an entry lists word for word is left out of account: people do not ask word for word.
    """
    for entry in index.entries:
        found = any(_finds(index, question, entry.id) for question in (*entry.questions, entry.title))
        if not found:
            yield entry.id


def _finds(index: PolicyIndex, question: str, entry_id: str) -> bool:
    ranking = index.rank(question)
    offered = ranking.candidates[: 1 if ranking.decision == "answer" else 3]
    return ranking.decision != "unknown" and any(item.policy_id == entry_id for item in offered)
