"""Score parsed messages: intents and entities. Pure; ``interpreter`` does the parsing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.chinese.text import normalise
from bot.evaluation.files import Utterance
from bot.evaluation.metrics import (
    Indices,
    Named,
    accuracy,
    confusions,
    entity_score,
    interval,
    latency,
    macro_f1,
    per_label,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the model made of a message; ``entities`` are (type, usual form), ``surfaces`` their words."""

    intent: str
    confidence: float
    entities: tuple[Named, ...]
    milliseconds: float
    surfaces: tuple[str, ...] = ()


def summarise_nlu(utterances: Sequence[Utterance], parsed: Sequence[Parsed]) -> dict[str, Any]:
    """Return the measures of ``nuanye eval nlu``. ``entity_f1`` is None where no entity is marked."""
    truth = [item.intent for item in utterances]
    guess = [item.intent for item in parsed]
    named = [marked(item, found) for item, found in zip(utterances, parsed, strict=True)]
    given = [tuple(dict.fromkeys(item.entities)) for item in parsed]
    varieties = sorted({item.variety for item in utterances})
    labels = per_label(truth, guess)
    return {
        "n": len(utterances),
        **_measures(truth, guess, named, given),
        "interval": {
            "intent_accuracy": interval(len(truth), lambda chosen: accuracy(*_pick(truth, guess, chosen))),
            "intent_macro_f1": interval(len(truth), lambda chosen: macro_f1(*_pick(truth, guess, chosen))),
        },
        "by_variety": {
            name: _measures(*(_of(name, utterances, items) for items in (truth, guess, named, given)))
            for name in varieties
        },
        "by_intent": {label: _rounded(asdict(score)) for label, score in labels.items()},
        "confusions": [{"truth": a, "guess": b, "n": n} for a, b, n in confusions(truth, guess)],
        "latency_ms": latency([item.milliseconds for item in parsed]),
    }


def marked(utterance: Utterance, parsed: Parsed) -> tuple[Named, ...]:
    """Return the true entities, each once; where the same words were found, in the form found for them.

    A name is right by its usual form (天河 and 天河区 both mean 天河区), or by its type and words,
    as ``rasa test`` counts: files of others may use other usual forms.
    """
    said = {
        (kind, normalise(words)): value
        for (kind, value), words in zip(parsed.entities, parsed.surfaces, strict=False)
    }
    values = []
    for (kind, value), words in zip(utterance.entities, utterance.surfaces, strict=True):
        exact = (kind, value) in parsed.entities
        values.append((kind, value if exact else said.get((kind, normalise(words)), value)))
    return tuple(dict.fromkeys(values))


def _measures(
    truth: Sequence[str],
    guess: Sequence[str],
    named: Sequence[Sequence[Named]],
    given: Sequence[Sequence[Named]],
) -> dict[str, Any]:
    return {
        "known": len(truth),
        "intent_accuracy": round(accuracy(truth, guess), 3),
        "intent_macro_f1": round(macro_f1(truth, guess), 3),
        "entity_f1": round(entity_score(named, given).f1, 3) if any(named) else None,
    }


def _of(variety: str, utterances: Sequence[Utterance], items: Sequence[Any]) -> list[Any]:
    return [item for line, item in zip(utterances, items, strict=True) if line.variety == variety]


def _pick(truth: Sequence[str], guess: Sequence[str], chosen: Indices) -> tuple[list[str], list[str]]:
    return [truth[i] for i in chosen], [guess[i] for i in chosen]


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
