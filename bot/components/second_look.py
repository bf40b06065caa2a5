"""Looks again, by meaning, at what the words alone leave in doubt."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.linear_intents import LinearIntents
from bot.components.misheard_examples import MISHEARD_OF
from bot.components.ngrams import softmax
from bot.retrieval.embed import embed_cached, embed_query
from core.settings import load_settings

Floats = npt.NDArray[np.float32]
_RANKING = "intent_ranking"
_LEAST = 1e-6


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SecondLook(LinearIntents):
    """A logistic regression on sentence embeddings has a say in which of the ranked intents is meant.

    An embedding takes longer than all the rest together, so only unsure messages get one, and only
    some examples of each intent are embedded: meaning needs fewer than words do. Comes after
    ``LinearIntents``, whose probabilities it multiplies by its own to the power ``say``.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``sure``: from this confidence on the first word stands; ``most`` examples of an intent."""
        return {"sure": 0.75, "most": 80, "say": 0.4, "C": 30.0, "weight": 4.0, "ranking_length": 3}

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the regression to at most ``most`` examples of each intent."""
        from sklearn.linear_model import LogisticRegression

        examples = self._chosen(training_data)
        self._labels = sorted(examples)
        vectors, target = self._embedded(examples)
        self._arrays["mean"] = vectors.mean(axis=0)
        model = LogisticRegression(C=self._config["C"], class_weight="balanced", max_iter=300)
        model.fit(self._centred(vectors), target)
        # Two classes have one separator; its opposite is the other's.
        weights, bias = model.coef_, model.intercept_
        if len(weights) == 1:
            weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
        self._arrays["weights"] = np.ascontiguousarray(weights.T, dtype=np.float32)
        self._arrays["bias"] = bias.astype(np.float32)
        self._persist()
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Rank anew the intents of messages whose first one is less certain than ``sure``."""
        for message in messages:
            ranking = message.get(_RANKING) or []
            if self._labels and ranking and ranking[0]["confidence"] < self._config["sure"]:
                ranking = self._again(message.get(TEXT), ranking)
                message.set(INTENT, ranking[0], add_to_output=True)
            message.set(_RANKING, ranking[: self._config["ranking_length"]], add_to_output=True)
        return messages

    def _again(self, text: str, ranking: list[dict[str, Any]]) -> list[dict[str, Any]]:
        scores = self._centred(embed_query(text)) @ self._arrays["weights"] + self._arrays["bias"]
        meant = dict(zip(self._labels, softmax(scores, 1.0), strict=True))
        weights = np.array(
            [
                item["confidence"] * max(float(meant.get(item["name"], 0)), _LEAST) ** self._config["say"]
                for item in ranking
            ]
        )
        chances = weights / weights.sum()
        order = np.argsort(-chances, kind="stable")
        return [{"name": ranking[i]["name"], "confidence": float(chances[i])} for i in order]

    def _chosen(self, training_data: TrainingData) -> dict[str, list[str]]:
        """Return examples by intent, evenly from the whole list; copies teach nothing about meaning."""
        texts: dict[str, list[str]] = defaultdict(list)
        for example in self._examples(training_data):
            if not example.get(MISHEARD_OF):
                texts[example.get(INTENT)].append(example.get(TEXT))
        most = self._config["most"]
        return {
            intent: [found[place * len(found) // most] for place in range(most)]
            if len(found) > most
            else found
            for intent, found in texts.items()
        }

    def _embedded(self, examples: dict[str, list[str]]) -> tuple[Floats, npt.NDArray[np.int64]]:
        texts = [text for label in self._labels for text in examples[label]]
        counts = [len(examples[label]) for label in self._labels]
        return embed_cached(texts, load_settings(os.environ).cache), np.repeat(np.arange(len(counts)), counts)

    def _centred(self, vectors: Floats) -> Floats:
        moved: Floats = (vectors - self._arrays["mean"]) * self._config["weight"]
        return moved
