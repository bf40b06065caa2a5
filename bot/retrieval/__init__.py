"""Which policy does a question mean? Pure computation; ``docs/retrieval.md`` says how it ranks."""

from __future__ import annotations

from bot.retrieval.index import PolicyIndex
from bot.retrieval.types import Candidate, Decision, Ranking

__all__ = ["Candidate", "Decision", "PolicyIndex", "Ranking"]
