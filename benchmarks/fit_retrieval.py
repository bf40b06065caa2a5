"""Fit the fusion weights and decision thresholds of ``bot.retrieval`` and write them down.

    python -m benchmarks.fit_retrieval [--write]

Everything is learnt from the entries' own sample questions, each scored with itself left out, from
the same questions with every fifth character replaced by a homophone, and from the lines of
``bot/knowledge/out_of_scope.txt``. The held-out set ``tests/data/eval/policy.jsonl`` is never read here.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from pypinyin import lazy_pinyin
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from bot.knowledge import PolicyEntry, load_entries
from bot.knowledge.loader import load_out_of_scope
from bot.retrieval.calibration import CALIBRATION_FILE, SIGNALS, signals, softmax, widen
from bot.retrieval.embed import embed_cached
from bot.retrieval.features import FEATURES, RIDGE, Array, Evidence, centre
from bot.retrieval.normalise import normalise
from core.settings import load_settings

FOLDS = 5
L2 = 1e-3
MAX_WRONG = 0.06  # of the answers given at once, at most this share may be from an unrelated entry
MAX_LOST = 0.03  # of the questions we know, at most this share may be called unknown


class LeaveOneOut:
    """Evidence for sample questions as if each were missing from its entry."""

    def __init__(self, evidence: Evidence, cache: Any) -> None:
        self.evidence, self.cache = evidence, cache
        vectors = evidence.row_vectors
        alike = evidence.row_grams.T @ evidence.row_grams + evidence.row_sounds.T @ evidence.row_sounds
        kernel = alike.toarray() + vectors @ vectors.T
        self.inverse = np.linalg.inv(kernel + RIDGE * np.eye(len(kernel)))

    def scores(self, queries: list[str]) -> tuple[Array, Array]:
        """Queries x entries x features, and how foreign each looks; query ``i`` is sample question ``i``."""
        evidence, count = self.evidence, len(self.evidence.owner)
        vectors = centre(embed_cached(queries, self.cache), evidence.mean)
        columns = evidence.static(queries, vectors)
        similarity = vectors @ evidence.row_vectors[:count].T
        similarity[np.arange(count), np.arange(count)] = -1.0
        columns["question"] = evidence.best_question(similarity)
        sound = evidence.heard(queries)
        sound[np.arange(count), np.arange(count)] = -1.0
        columns["heard"] = evidence.best_question(sound)
        classified = self._classify(queries, vectors, slice(0, count))
        columns["classifier"] = classified[:, : evidence.size]
        return np.stack([columns[name] for name in FEATURES], axis=2), classified[:, evidence.size]

    def foreign_scores(self, lines: list[str]) -> tuple[Array, Array]:
        """The same for the out-of-scope lines, which are the last training rows."""
        evidence = self.evidence
        vectors = embed_cached(lines, self.cache)
        scored = [evidence.scores(line, vector)[0] for line, vector in zip(lines, vectors, strict=True)]
        rows = slice(len(self.inverse) - len(lines), len(self.inverse))
        classified = self._classify(lines, centre(vectors, evidence.mean), rows)
        stacked = np.stack(scored)
        stacked[:, :, FEATURES.index("classifier")] = classified[:, : evidence.size]
        return stacked, classified[:, evidence.size]

    def _classify(self, queries: list[str], vectors: Array, rows: slice) -> Array:
        """Ridge regression without the query's own row, in closed form."""
        kernel = self.evidence.kernel(queries, vectors)
        share = (kernel * self.inverse[:, rows].T).sum(axis=1) / np.diag(self.inverse)[rows]
        return np.asarray(kernel @ self.evidence.weights - share[:, None] * self.evidence.weights[rows])


def homophones(texts: list[str], seed: int = 7) -> list[str]:
    """Every fifth character replaced by another that sounds the same."""
    random = np.random.RandomState(seed)
    common = {chr(c) for c in range(0x4E00, 0x9FA5) if 0xB0 <= _gb2312(chr(c)) < 0xD8}
    by_sound: dict[str, list[str]] = {}
    for char in sorted(common | {c for text in texts for c in text if "一" <= c <= "鿿"}):
        by_sound.setdefault(lazy_pinyin(char)[0], []).append(char)
    noised = []
    for text in texts:
        chars = list(text)
        for position in range(random.randint(5), len(chars), 5):
            same = [c for c in by_sound.get(lazy_pinyin(chars[position])[0], []) if c != chars[position]]
            if same:
                chars[position] = same[random.randint(len(same))]
        noised.append("".join(chars))
    return noised


def _gb2312(char: str) -> int:
    encoded = char.encode("gb2312", "ignore")
    return encoded[0] if len(encoded) == 2 else 0


def fit_fusion(scaled: Array, truth: Array) -> Array:
    """Weights that make the softmax over entries most likely to name the right one."""
    rows = np.arange(len(truth))

    def loss(weights: Array) -> tuple[float, Array]:
        chance = softmax(scaled @ weights)
        value = -np.log(chance[rows, truth] + 1e-12).mean() + L2 * weights @ weights
        slope = np.einsum("qe,qef->f", chance, scaled) - scaled[rows, truth].sum(axis=0)
        return float(value), slope / len(truth) + 2 * L2 * weights

    return np.asarray(minimize(loss, np.ones(scaled.shape[2]), jac=True, method="L-BFGS-B").x)


def ranks(fused: Array, truth: Array) -> Array:
    """0 where the right entry came first."""
    return np.asarray((fused > fused[np.arange(len(truth)), truth][:, None]).sum(axis=1))


def describe(name: str, rank: Array) -> str:
    """One line of the table in docs/retrieval.md."""
    return (
        f"{name:28s} top-1 {np.mean(rank == 0):.3f}  top-3 {np.mean(rank < 3):.3f}"
        f"  mrr {np.mean(1 / (rank + 1)):.3f}"
    )


def cross_fuse(scaled: list[Array], truth: Array) -> list[Array]:
    """Fused scores of each question by weights fitted without its fold."""
    fused = [np.zeros(part.shape[:2]) for part in scaled]
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(truth):
        weights = fit_fusion(
            np.concatenate([part[train] for part in scaled]), np.tile(truth[train], len(scaled))
        )
        for part, target in zip(scaled, fused, strict=True):
            target[test] = part[test] @ weights
    return fused


def fit_decision(table: Array, label: Array, weight: Array) -> tuple[LogisticRegression, Array]:
    """A logistic model and its cross-validated probabilities."""
    chances = np.zeros(len(label))
    for train, test in KFold(FOLDS, shuffle=True, random_state=1).split(table):
        model = LogisticRegression(C=1.0, max_iter=2000).fit(table[train], label[train], weight[train])
        chances[test] = model.predict_proba(table[test])[:, 1]
    return LogisticRegression(C=1.0, max_iter=2000).fit(table, label, weight), chances


def threshold(accepts: Callable[[float], bool]) -> float:
    """The lowest of 1 %, 2 %, … that satisfies ``accepts``."""
    return next((step / 100 for step in range(1, 100) if accepts(step / 100)), 0.99)


def fit() -> dict[str, Any]:
    """Everything that calibration.json holds; prints the table as it goes."""
    entries, lines = load_entries(), load_out_of_scope()
    cache = load_settings(os.environ).cache
    evidence = Evidence.fit(entries, lines, cache)
    truth = evidence.owner
    questions = [normalise(text) for entry in entries for text in entry.questions]
    noised, foreign = homophones(questions), [normalise(line) for line in lines]
    left_out = LeaveOneOut(evidence, cache)
    (clean, clean_odd), (noisy, noisy_odd) = left_out.scores(questions), left_out.scores(noised)
    _print_scorers(clean, truth)
    mean, scale = clean.mean(axis=(0, 1)), clean.std(axis=(0, 1))
    known = [_coverage(evidence, texts) for texts in (questions, noised, foreign)]
    scaled = [widen((part - mean) / scale, share) for part, share in zip((clean, noisy), known, strict=False)]
    fused = cross_fuse(scaled, truth)
    print(describe("fused", ranks(fused[0], truth)))
    print(describe("fused, homophones", ranks(fused[1], truth)))
    weights = fit_fusion(np.concatenate(scaled), np.tile(truth, 2))
    outside, outside_odd = left_out.foreign_scores(foreign)
    fused_outside = widen((outside - mean) / scale, known[2]) @ weights
    parts = (
        (fused[0], clean, clean_odd, known[0]),
        (fused[1], noisy, noisy_odd, known[1]),
        (fused_outside, outside, outside_odd, known[2]),
    )
    table = [
        signals(row, raw, float(share.item()), float(odd))
        for part in parts
        for row, raw, odd, share in zip(*part, strict=True)
    ]
    rank = np.concatenate([ranks(part, truth) for part in fused] + [np.full(len(foreign), 99)])
    unrelated = [_unrelated(part, truth, entries) for part in fused] + [np.ones(len(foreign), bool)]
    decision = _fit_thresholds(np.array(table), rank, np.concatenate(unrelated), len(questions))
    return {
        "features": list(FEATURES),
        "mean": _rounded(mean),
        "scale": _rounded(scale),
        "weights": _rounded(weights),
        **decision,
    }


def _coverage(evidence: Evidence, texts: list[str]) -> Array:
    """The known share of each text, as ``widen`` takes it for many questions."""
    return np.array([evidence.coverage(text) for text in texts])[:, None, None]


def _print_scorers(clean: Array, truth: Array) -> None:
    for position, name in enumerate(FEATURES):
        print(describe(name, ranks(clean[:, :, position], truth)))


def _unrelated(fused: Array, truth: Array, entries: tuple[PolicyEntry, ...]) -> Array:
    """Whether the first entry is neither the right one nor offers it (or is offered by it) as a button."""
    best = fused.argmax(axis=1)
    return np.array(
        [
            first != right
            and entries[right].id not in entries[first].see_also
            and entries[first].id not in entries[right].see_also
            for first, right in zip(best, truth, strict=True)
        ]
    )


def _fit_thresholds(table: Array, rank: Array, unrelated: Array, known: int) -> dict[str, Any]:
    centre_, spread = table.mean(axis=0), table.std(axis=0)
    scaled = (table - centre_) / spread
    foreign = len(rank) - 2 * known
    weight = np.concatenate([np.ones(2 * known), np.full(foreign, known / foreign)])
    first, p_first = fit_decision(scaled, rank == 0, weight)
    third, p_third = fit_decision(scaled, rank < 3, weight)
    inside, outside = slice(0, known), slice(2 * known, None)
    answer = threshold(lambda t: np.mean(unrelated[inside][p_first[inside] >= t]) <= MAX_WRONG)
    lost = [t / 100 for t in range(1, 100) if np.mean(p_third[inside] < t / 100) <= MAX_LOST]
    ask = max(lost)
    said = p_first >= answer
    silent = ~said & (p_third < ask)
    print(f"thresholds: answer {answer:.2f}, ask {ask:.2f}")
    for name, part in (("known", inside), ("homophones", slice(known, 2 * known)), ("foreign", outside)):
        wrong = np.mean(rank[part][said[part]] > 0) if said[part].any() else 0.0
        astray = np.mean(unrelated[part][said[part]]) if said[part].any() else 0.0
        print(
            f"{name:12s} answered {said[part].mean():.3f} "
            f"(not first choice {wrong:.3f}, unrelated {astray:.3f})  "
            f"asked {np.mean(~said[part] & ~silent[part]):.3f}  unknown {silent[part].mean():.3f}"
        )
    return {
        "signals": list(SIGNALS),
        "signal_mean": _rounded(centre_),
        "signal_scale": _rounded(spread),
        "first": [*_rounded(first.coef_[0]), round(float(first.intercept_[0]), 5)],
        "third": [*_rounded(third.coef_[0]), round(float(third.intercept_[0]), 5)],
        "answer_from": answer,
        "ask_from": ask,
    }


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 5) for value in values]


def main() -> None:
    """Fit, and with ``--write`` replace ``bot/retrieval/calibration.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    fitted = fit()
    if parser.parse_args().write:
        CALIBRATION_FILE.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
