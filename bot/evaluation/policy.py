"""Score the policy search on questions, each asked after its context. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from bot.evaluation.files import Question
from bot.evaluation.metrics import accuracy, confusions, interval, latency, macro_f1, per_label
from bot.retrieval.types import Ranking


class Search(Protocol):
    """The search of ``bot.retrieval.PolicyIndex``."""

    def __call__(self, question: str, *, context_policy_id: str = "") -> Ranking:
        """Rank the entries; the context is the policy that was answered last."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What the search made of one question. ``rank`` is 0 for the first candidate, -1 for absent."""

    question: Question
    rank: int
    decision: str
    milliseconds: float
    best: str = ""  # the first candidate's id

    @property
    def first(self) -> bool:
        """The right policy was answered at once."""
        return self.decision == "answer" and self.rank == 0

    @property
    def third(self) -> bool:
        """The right policy is among the first three, and the question was not turned away."""
        return self.decision != "unknown" and 0 <= self.rank < 3

    @property
    def reciprocal(self) -> float:
        """One over the place of the right policy, 0 when absent or turned away."""
        return 1 / (self.rank + 1) if self.rank >= 0 and self.decision != "unknown" else 0.0


def ask(questions: Sequence[Question], search: Search) -> tuple[Asked, ...]:
    """Ask every question after its context; only the question itself is timed."""
    answers = []
    for item in questions:
        last = ""
        for turn in item.context:
            ranking = search(turn, context_policy_id=last)
            if ranking.decision == "answer":
                last = ranking.candidates[0].policy_id
        started = time.perf_counter()
        ranking = search(item.question, context_policy_id=last)
        spent = (time.perf_counter() - started) * 1000
        ranks = [place for place, c in enumerate(ranking.candidates) if c.policy_id in item.policy_ids]
        best = ranking.candidates[0].policy_id if ranking.candidates else ""
        answers.append(Asked(item, min(ranks, default=-1), ranking.decision, spent, best))
    return tuple(answers)


def summarise_policy(asked: Sequence[Asked], intents: Sequence[str]) -> dict[str, Any]:
    """Return the measures of ``nuanye eval policy``.

    ``intents`` are the model's guesses, one a question. Choices offered count for top-3 only, a
    question turned away counts for nothing; the shares of known and foreign questions are apart.
    """
    known = [item for item in asked if item.question.policy_ids]
    foreign = [item for item in asked if not item.question.policy_ids]
    truth = [item.question.intent for item in asked]
    answered = [item for item in known if item.decision == "answer"]
    varieties = sorted({item.question.variety for item in asked})
    return {
        "n": len(asked),
        "intent_accuracy": round(accuracy(truth, intents), 3),
        "intent_macro_f1": round(macro_f1(truth, intents), 3),
        "entity_f1": None,  # policy files mark no entities
        **_found(known),
        "ranked_first": _share(known, lambda item: item.rank == 0),
        "answered": _share(known, lambda item: item.decision == "answer"),
        "answered_right": _share(answered, lambda item: item.rank == 0),
        "asked": _share(known, lambda item: item.decision == "ask"),
        "false_reject": _share(known, lambda item: item.decision == "unknown"),
        "oos_recall": _share(foreign, lambda item: item.decision == "unknown"),
        "oos_answered": _share(foreign, lambda item: item.decision == "answer"),
        "interval": {
            "top1": interval(len(known), lambda chosen: sum(known[i].first for i in chosen) / len(known)),
            "top3": interval(len(known), lambda chosen: sum(known[i].third for i in chosen) / len(known)),
        },
        "by_variety": {
            name: _found([item for item in known if item.question.variety == name]) for name in varieties
        },
        "by_intent": {
            label: {name: round(value, 3) for name, value in asdict(score).items()}
            for label, score in per_label(truth, intents).items()
        },
        "confusions": _pairs(truth, intents),
        "policy_confusions": _pairs(*_answers(asked)),
        "in_context": _found([item for item in known if item.question.context]),
        "latency_ms": latency([item.milliseconds for item in asked]),
    }


def _found(known: Sequence[Asked]) -> dict[str, Any]:
    return {
        "known": len(known),
        "top1": _share(known, lambda item: item.first),
        "top3": _share(known, lambda item: item.third),
        "mrr": round(sum(item.reciprocal for item in known) / len(known), 3) if known else 0.0,
    }


def _answers(asked: Sequence[Asked]) -> tuple[list[str], list[str]]:
    """Return the right policy and the one answered at once, ``none`` for neither."""
    wanted = [item.best if item.first else next(iter(item.question.policy_ids), "none") for item in asked]
    return wanted, [item.best if item.decision == "answer" else "none" for item in asked]


def _pairs(truth: Sequence[str], guess: Sequence[str]) -> list[dict[str, Any]]:
    return [{"truth": a, "guess": b, "n": n} for a, b, n in confusions(truth, guess)]


def _share(items: Sequence[Asked], holds: Callable[[Asked], bool]) -> float:
    return round(sum(map(holds, items)) / len(items), 3) if items else 0.0
