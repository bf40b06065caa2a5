"""From evidence to a decision: fusion weights and thresholds, fitted by ``benchmarks/fit_retrieval.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.retrieval.features import FEATURES
from bot.retrieval.types import Decision
from core.errors import ModelError

CALIBRATION_FILE = Path(__file__).with_name("calibration.json")

# What the decision looks at; see ``signals``.
SIGNALS = ("first", "margin", "three", "classifier", "question", "title", "body", "coverage", "foreign")

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Numbers learnt from the sample questions. ``first`` and ``third`` end with their intercept.

    ``weights``: of each scorer, then what is added to them the less of the question is known.
    """

    mean: Array
    scale: Array
    weights: Array
    signal_mean: Array
    signal_scale: Array
    first: Array
    third: Array
    answer_from: float
    ask_from: float

    def fuse(self, evidence: Array, coverage: float) -> Array:
        """One score an entry, from evidence (entries x features) and the known share of the question."""
        return np.asarray(widen((evidence - self.mean) / self.scale, coverage) @ self.weights)

    def chances(self, signal: Array) -> tuple[float, float]:
        """How likely the first candidate, and any of the first three, is what was meant."""
        scaled = (signal - self.signal_mean) / self.signal_scale
        first, third = (1 / (1 + np.exp(-(scaled @ w[:-1] + w[-1]))) for w in (self.first, self.third))
        return float(first), float(max(first, third))

    def decide(self, first: float, third: float) -> Decision:
        """Answer, ask, or admit not to know."""
        if first >= self.answer_from:
            return "answer"
        return "ask" if third >= self.ask_from else "unknown"


def widen(scaled: Array, coverage: Array | float) -> Array:
    """Twice the features: what is misspelt, and so little known, is judged by other weights."""
    return np.concatenate([scaled, scaled * (1 - coverage)], axis=-1)


def signals(fused: Array, evidence: Array, coverage: float, foreign: float) -> Array:
    """What ``Calibration.chances`` judges by.

    ``coverage`` is the known share of the question, ``foreign`` its score as out of scope.
    """
    chance = softmax(fused[None, :])[0]
    best = np.sort(chance)[::-1]
    top = {name: evidence[:, FEATURES.index(name)].max() for name in FEATURES}
    return np.array(
        [
            best[0],
            best[0] - best[1],
            best[:3].sum(),
            top["classifier"],
            top["question"],
            top["title"],
            top["body"],
            coverage,
            foreign,
        ]
    )


def softmax(scores: Array) -> Array:
    """Row-wise."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@cache
def load_calibration(path: Path = CALIBRATION_FILE) -> Calibration:
    """Read the fitted numbers.

    Raises:
        ModelError: when they are missing or were fitted for other features.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if tuple(raw.pop("features")) != FEATURES or tuple(raw.pop("signals")) != SIGNALS:
            raise ValueError("fitted for other features")
        numbers: dict[str, Any] = {
            key: np.array(value) if isinstance(value, list) else float(value) for key, value in raw.items()
        }
        return Calibration(**numbers)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path.name}: unusable ({type(error).__name__})",
            hint="python -m benchmarks.fit_retrieval --write",
        ) from error
