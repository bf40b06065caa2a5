"""Sparse sentence features from words, characters and their sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT, TEXT_TOKENS
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix

from bot.components.ngrams import Vocabulary, fit, terms_of, vector

_FILE = "vocabulary.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SparseNgrams(Featurizer, GraphComponent):
    """TF-IDF over n-grams; syllables make a misheard word look like the word that was said."""

    def __init__(self, config: dict[str, Any], name: str, storage: ModelStorage, resource: Resource) -> None:
        super().__init__(name, config)
        self._storage = storage
        self._resource = resource
        self._vocabulary = Vocabulary({}, [])

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``minimum_count``: in how many examples a term must occur."""
        return {"minimum_count": 1, "alias": None}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Check ``minimum_count``."""
        if config["minimum_count"] < 1:
            raise InvalidConfigException("minimum_count must be at least 1")

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SparseNgrams:
        """Build an untrained component."""
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SparseNgrams:
        """Build the component from a trained model."""
        component = cls(config, execution_context.node_name, model_storage, resource)
        with model_storage.read_from(resource) as directory:
            data = json.loads((Path(directory) / _FILE).read_text(encoding="utf-8"))
        component._vocabulary = Vocabulary(data["columns"], data["weights"])
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Collect the vocabulary of the intent examples."""
        documents = [_terms(example) for example in training_data.intent_examples if example.get(TEXT)]
        self._vocabulary = fit(documents, minimum=self._config["minimum_count"])
        with self._storage.write_to(self._resource) as directory:
            data = {"columns": self._vocabulary.columns, "weights": self._vocabulary.weights}
            (Path(directory) / _FILE).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Featurize the examples."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add one sentence feature per message."""
        for message in messages:
            if message.get(TEXT):
                columns, values = vector(_terms(message), self._vocabulary)
                row = csr_matrix(
                    (np.array(values), ([0] * len(columns), columns)), shape=(1, self._vocabulary.size)
                )
                message.add_features(Features(row, FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
        return messages


def _terms(message: Message) -> dict[str, list[str]]:
    return terms_of(message.get(TEXT), [token.text for token in message.get(TEXT_TOKENS) or []])
