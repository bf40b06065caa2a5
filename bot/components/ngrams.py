"""Weighted n-grams of words, characters and syllables: pure, trained by counting, kept as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.chinese.pinyin import syllables

Terms = dict[str, list[str]]
Floats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Term → (column, inverse document frequency), one family after another."""

    columns: dict[str, int]
    weights: list[float]

    @property
    def size(self) -> int:
        """The number of columns."""
        return len(self.weights)


def terms_of(text: str, words: Sequence[str]) -> Terms:
    """Return the n-grams of one text by family: ``c`` characters, ``w`` words, ``p`` syllables."""
    chars = [char.lower() for char in text if not char.isspace()]
    marked = ["^", *chars, "$"]
    sounds = ["".join(sound) for sound in syllables("".join(chars))]
    return {
        # The marks of start and end count only beside a character.
        "c": [gram for gram in _grams(marked, 1, 3, "") if gram not in ("^", "$", "^$")],
        "w": _grams([word.lower() for word in words], 1, 2, "_"),
        "p": _grams(sounds, 1, 3, "-"),
    }


def fit(documents: Iterable[Terms], *, minimum: int = 1) -> Vocabulary:
    """Count in how many documents each term occurs; rarer terms weigh more."""
    seen: Counter[str] = Counter()
    total = 0
    for terms in documents:
        total += 1
        seen.update({f"{family}:{term}" for family, grams in terms.items() for term in grams})
    kept = sorted(term for term, count in seen.items() if count >= minimum)
    weights = [1.0 + math.log((1 + total) / (1 + seen[term])) for term in kept]
    return Vocabulary({term: column for column, term in enumerate(kept)}, weights)


def vector(terms: Terms, vocabulary: Vocabulary) -> tuple[list[int], list[float]]:
    """Return columns and values; each family has length 1, so none drowns the others."""
    columns: list[int] = []
    values: list[float] = []
    for family, grams in terms.items():
        found = []
        for term, count in Counter(grams).items():
            column = vocabulary.columns.get(f"{family}:{term}")
            if column is not None:
                found.append((column, (1.0 + math.log(count)) * vocabulary.weights[column]))
        norm = math.sqrt(sum(value * value for _, value in found)) or 1.0
        columns += [column for column, _ in found]
        values += [value / norm for _, value in found]
    return columns, values


def softmax(scores: Floats, temperature: float) -> Floats:
    """Turn margins into probabilities along the last axis."""
    scaled = scores * temperature
    scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    result: Floats = scaled / scaled.sum(axis=-1, keepdims=True)
    return result


def best_temperature(scores: Floats, labels: Floats) -> float:
    """Return the factor at which ``softmax`` of held-back margins is best calibrated."""
    losses = {}
    for temperature in np.arange(0.5, 12.01, 0.25):
        chosen = softmax(scores, float(temperature))[np.arange(len(labels)), labels]
        losses[float(temperature)] = float(-np.log(np.clip(chosen, 1e-9, None)).mean())
    return min(losses, key=lambda key: losses[key])


def _grams(units: Sequence[str], low: int, high: int, joiner: str) -> list[str]:
    return [
        joiner.join(units[start : start + size])
        for size in range(low, high + 1)
        for start in range(len(units) - size + 1)
    ]
