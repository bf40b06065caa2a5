"""Scores of classification, entity finding and latency. Pure; all shares lie between 0 and 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 500
Indices = npt.NDArray[np.int64]
Named = tuple[str, str]  # an entity's type and its usual form


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 of one label; ``support`` is how often it is the truth."""

    precision: float
    recall: float
    f1: float
    support: int


def accuracy(truth: Sequence[str], guess: Sequence[str]) -> float:
    """Return the share of equal pairs, 0 for none."""
    return sum(a == b for a, b in zip(truth, guess, strict=True)) / len(truth) if truth else 0.0


def per_label(truth: Sequence[str], guess: Sequence[str]) -> dict[str, Score]:
    """Return the scores of every label that occurs in ``truth``."""
    hits = Counter(a for a, b in zip(truth, guess, strict=True) if a == b)
    wanted, given = Counter(truth), Counter(guess)
    return {label: _score(hits[label], wanted[label], given[label]) for label in sorted(wanted)}


def macro_f1(truth: Sequence[str], guess: Sequence[str]) -> float:
    """Return the mean F1 over the labels of ``truth``, each counting alike."""
    scores = per_label(truth, guess)
    return sum(score.f1 for score in scores.values()) / len(scores) if scores else 0.0


def confusions(truth: Sequence[str], guess: Sequence[str], most: int = 10) -> list[tuple[str, str, int]]:
    """Return the commonest (truth, guess, count) among the wrong ones; ties in order of the names."""
    pairs = Counter((a, b) for a, b in zip(truth, guess, strict=True) if a != b)
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return [(a, b, count) for (a, b), count in ordered[:most]]


def entity_score(truth: Sequence[Sequence[Named]], guess: Sequence[Sequence[Named]]) -> Score:
    """Compare the entities of each message as multisets; ``support`` counts the true ones."""
    hits = sum((Counter(a) & Counter(b)).total() for a, b in zip(truth, guess, strict=True))
    return _score(hits, sum(map(len, truth)), sum(map(len, guess)))


def interval(
    size: int, measure: Callable[[Indices], float], *, seed: int = 7, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the bootstrap 95 % interval of ``measure``, which is given the indices of a resample."""
    if size == 0:
        return (0.0, 0.0)
    random = np.random.default_rng(seed)
    values = [measure(random.integers(0, size, size)) for _ in range(resamples)]
    low, high = np.percentile(values, [2.5, 97.5])
    return (round(float(low), 3), round(float(high), 3))


def latency(milliseconds: Sequence[float]) -> Mapping[str, float]:
    """Return the median and the 95th percentile, 0 for none."""
    if not milliseconds:
        return {"p50": 0.0, "p95": 0.0}
    middle, high = np.percentile(milliseconds, [50, 95])
    return {"p50": round(float(middle), 2), "p95": round(float(high), 2)}


def _score(hits: int, wanted: int, given: int) -> Score:
    precision = hits / given if given else 0.0
    recall = hits / wanted if wanted else 0.0
    both = precision + recall
    return Score(precision, recall, 2 * precision * recall / both if both else 0.0, wanted)
