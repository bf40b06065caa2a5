"""Looks again, by meaning, at what the words alone leave in doubt."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, hstack, vstack

from bot.components.linear_intents import LinearIntents, sparse_row
from bot.components.misheard_examples import MISHEARD_OF
from bot.retrieval.embed import embed_cached, embed_query
from core.settings import load_settings


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SecondLook(LinearIntents):
    """The same linear separators over n-grams and a sentence embedding, for unsure messages only.

    An embedding takes longer than all the rest together; most messages are clear without it.
    Comes after ``LinearIntents``.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``sure``: from this confidence on the first word stands; ``weight`` of the embedding."""
        return LinearIntents.get_default_config() | {"C": 0.3, "sure": 0.8, "weight": 4.0}

    def process(self, messages: list[Message]) -> list[Message]:
        """Classify anew the messages whose intent is less certain than ``sure``."""
        unsure = [message for message in messages if self._doubts(message)]
        if self._labels:
            super().process(unsure)
        return messages

    def _doubts(self, message: Message) -> bool:
        found = message.get(INTENT) or {}
        return bool(found.get("name")) and found["confidence"] < self._config["sure"]

    def _examples(self, training_data: TrainingData) -> list[Message]:
        # Embeddings of misheard copies teach nothing and double the time.
        return [item for item in super()._examples(training_data) if not item.get(MISHEARD_OF)]

    def _matrix(self, examples: Sequence[Message]) -> csr_matrix:
        vectors = _embed(examples)
        self._arrays["mean"] = vectors.mean(axis=0)
        terms = vstack([sparse_row(example) for example in examples])
        return hstack([terms, csr_matrix(self._centred(vectors))]).tocsr()

    def _row(self, message: Message) -> csr_matrix:
        vector = self._centred(embed_query(message.get(TEXT))[None, :])
        return hstack([sparse_row(message), csr_matrix(vector)]).tocsr()

    def _centred(self, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
        return (vectors - self._arrays["mean"]) * self._config["weight"]


def _embed(examples: Sequence[Message]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Embed examples by intent: who adds examples to one does not wait for all of them again."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        places[example.get(INTENT)].append(place)
    folder = load_settings(os.environ).cache
    vectors: dict[int, Any] = {}
    for own in places.values():
        vectors.update(
            zip(own, embed_cached([examples[place].get(TEXT) for place in own], folder), strict=True)
        )
    return np.stack([vectors[place] for place in range(len(examples))])
