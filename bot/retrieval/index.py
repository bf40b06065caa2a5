"""The search itself: character n-grams and sentence embeddings, fused and calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.knowledge.entries import PolicyEntry
from bot.retrieval.embed import Matrix, embed_cached, embed_query
from bot.retrieval.normalise import normalise
from bot.retrieval.types import Candidate, Decision, Ranking

_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """Built once per process; ``search`` has no side effects and may be called from any thread."""

    ids: tuple[str, ...]
    owner: Any
    vectorizer: TfidfVectorizer
    grams: Any
    vectors: Matrix

    @classmethod
    def load(cls, entries: Sequence[PolicyEntry], cache_dir: Path) -> PolicyIndex:
        """Index ``entries``; embeddings are read from or written to ``cache_dir``."""
        texts, owner = [], []
        for position, entry in enumerate(entries):
            own = [entry.title, entry.summary, *entry.questions]
            texts += [normalise(text) for text in own]
            owner += [position] * len(own)
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True)
        grams = vectorizer.fit_transform(texts)
        return cls(
            tuple(entry.id for entry in entries),
            np.array(owner),
            vectorizer,
            grams,
            embed_cached(texts, cache_dir),
        )

    def search(self, question: str, *, context_policy_id: str = "") -> Ranking:
        """Rank the entries for ``question``; ``context_policy_id`` is what was talked about last."""
        query = normalise(question)
        if not query:
            return Ranking((), "unknown")
        lexical = (self.grams @ self.vectorizer.transform([query]).T).toarray().ravel()
        dense = self.vectors @ embed_query(query)
        scores = self._best(lexical) + 4 * (self._best(dense) - 0.8)
        if context_policy_id in self.ids:
            scores[self.ids.index(context_policy_id)] += 0.1
        order = np.argsort(-scores)[:_CANDIDATES]
        candidates = tuple(
            Candidate(self.ids[i], float(scores[i]), float(1 / (1 + np.exp(-8 * (scores[i] - 0.75)))))
            for i in order
        )
        return Ranking(candidates, _decide(candidates))

    def _best(self, scores: Any) -> Any:
        best = np.full(len(self.ids), -np.inf)
        np.maximum.at(best, self.owner, scores)
        return best


def _decide(candidates: tuple[Candidate, ...]) -> Decision:
    if candidates[0].confidence >= 0.6:
        return "answer"
    return "ask" if candidates[0].confidence >= 0.3 else "unknown"
