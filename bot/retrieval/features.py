"""The evidence for each entry, as numbers: one row an entry, one column a scorer.

``FEATURES`` names the columns; ``docs/retrieval.md`` says what each measures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.knowledge.entries import PolicyEntry
from bot.retrieval.embed import Matrix, embed_cached
from bot.retrieval.normalise import normalise
from bot.retrieval.terms import char_grams, pinyin_grams

FEATURES = ("body", "sound", "title", "question", "heard", "summary", "classifier")

RIDGE = 2.0
_SPLIT = re.compile(r"[。；，,;]")

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Fitted scorers.

    Training rows are all questions, then titles, summaries, and lines that no entry answers; those
    lines are the classifier's last class. Sparse matrices are terms x entries or terms x rows.
    """

    owner: Array  # entry position of each question
    grams: TfidfVectorizer
    sounds: TfidfVectorizer
    body_grams: Any
    body_terms: Array  # whether any body uses the term of that column
    body_sounds: Any
    row_grams: Any
    row_sounds: Any
    row_vectors: Matrix
    mean: Matrix
    weights: Array  # of the classifier in its dual form: rows x (entries + 1)
    size: int

    @classmethod
    def fit(cls, entries: Sequence[PolicyEntry], foreign: Sequence[str], cache_dir: Path) -> Evidence:
        """Fit to ``entries`` and out-of-scope lines; embeddings come from or go to ``cache_dir``."""
        questions = [normalise(text) for entry in entries for text in entry.questions]
        owner = np.repeat(np.arange(len(entries)), [len(entry.questions) for entry in entries])
        rows = questions + [normalise(e.title) for e in entries] + [normalise(e.summary) for e in entries]
        rows += [normalise(line) for line in foreign]
        grams = TfidfVectorizer(analyzer=char_grams, sublinear_tf=True).fit(rows)
        sounds = TfidfVectorizer(analyzer=pinyin_grams, sublinear_tf=True).fit(rows)
        raw = embed_cached(rows, cache_dir)
        mean = raw[: len(questions)].mean(axis=0)
        vectors = centre(raw, mean)
        row_grams, row_sounds = grams.transform(rows), sounds.transform(rows)
        bodies = [_body(entry) for entry in entries]
        body_grams = grams.transform(bodies)
        kernel = (row_grams @ row_grams.T + row_sounds @ row_sounds.T).toarray() + vectors @ vectors.T
        position = np.arange(len(entries))
        labels = np.concatenate([owner, position, position, np.full(len(foreign), len(entries))])
        targets = np.eye(len(entries) + 1)[labels]
        weights = np.linalg.solve(kernel + RIDGE * np.eye(len(rows)), targets)
        return cls(
            owner=owner,
            grams=grams,
            sounds=sounds,
            body_grams=body_grams.T.tocsr(),
            body_terms=np.asarray(body_grams.sum(axis=0)).ravel() > 0,
            body_sounds=sounds.transform(bodies).T.tocsr(),
            row_grams=row_grams.T.tocsr(),
            row_sounds=row_sounds.T.tocsr(),
            row_vectors=vectors,
            mean=mean,
            weights=weights,
            size=len(entries),
        )

    def kernel(self, queries: Sequence[str], vectors: Matrix) -> Array:
        """Similarity of each query to each training row; ``vectors`` are centred, one a query."""
        spelt = self.grams.transform(queries) @ self.row_grams
        return np.asarray(
            (spelt + self.sounds.transform(queries) @ self.row_sounds).toarray()
            + vectors @ self.row_vectors.T
        )

    def heard(self, queries: Sequence[str]) -> Array:
        """How alike each query and each sample question sound (queries x questions)."""
        return np.asarray((self.sounds.transform(queries) @ self.row_sounds[:, : len(self.owner)]).toarray())

    def static(self, queries: Sequence[str], vectors: Matrix) -> dict[str, Array]:
        """Scores (queries x entries) that do not depend on the entries' sample questions."""
        first = len(self.owner)
        return {
            "body": (self.grams.transform(queries) @ self.body_grams).toarray(),
            "sound": (self.sounds.transform(queries) @ self.body_sounds).toarray(),
            "title": vectors @ self.row_vectors[first : first + self.size].T,
            "summary": vectors @ self.row_vectors[first + self.size : first + 2 * self.size].T,
        }

    def best_question(self, similarity: Array) -> Array:
        """Best of each entry's questions, from similarities (queries x questions)."""
        starts = np.searchsorted(self.owner, np.arange(self.size))
        return np.asarray(np.maximum.reduceat(similarity, starts, axis=1))

    def coverage(self, query: str) -> float:
        """Share of the query's characters and pairs, weighted by rarity, that any entry's text uses."""
        columns, idf = self.grams.vocabulary_, self.grams.idf_
        terms = [term for term in char_grams(query) if len(term) <= 2]
        rarest = float(idf.max()) + 1
        total = found = 0.0
        for term in terms:
            column = columns.get(term)
            total += rarest if column is None else idf[column]
            # Sample questions do not count: each would cover itself when the thresholds are fitted.
            found += idf[column] if column is not None and self.body_terms[column] else 0.0
        return found / total if total else 0.0

    def scores(self, query: str, vector: Matrix) -> tuple[Array, float]:
        """The evidence for one normalised query (entries x ``FEATURES``), and how foreign it looks."""
        vectors = centre(vector[None, :], self.mean)
        columns = self.static([query], vectors)
        columns["question"] = self.best_question(vectors @ self.row_vectors[: len(self.owner)].T)
        columns["heard"] = self.best_question(self.heard([query]))
        classified = self.kernel([query], vectors) @ self.weights
        columns["classifier"] = classified[:, : self.size]
        return np.stack([columns[name][0] for name in FEATURES], axis=1), float(classified[0, self.size])


def centre(vectors: Matrix, mean: Matrix) -> Matrix:
    """Unit vectors after removing what all questions share, which is most of a raw cosine."""
    moved = vectors - mean
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(moved / np.maximum(norms, 1e-9), dtype=np.float32)


def own_words(entry: PolicyEntry) -> str:
    """All that an entry says and is asked, normalised."""
    asked = "".join(normalise(question) for question in entry.questions)
    return f"{_body(entry)} {normalise(entry.deadline_or_period)} {asked}"


def _body(entry: PolicyEntry) -> str:
    parts = (
        entry.title,
        entry.summary,
        *entry.audience,
        *entry.eligibility,
        *entry.amount,
        *entry.how_to_apply,
        *entry.materials,
        entry.note,
    )
    pieces = (normalise(piece) for part in parts for piece in _SPLIT.split(part))
    return " ".join(piece for piece in pieces if piece)
