"""Adds what a recogniser might have made of each example, so that the intents are learnt by sound too."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.chinese.noise import noisy

MISHEARD_OF = "misheard_of"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class MisheardExamples(GraphComponent):
    """Works on examples only; a resident's message passes untouched.

    Each copy names its original under ``MISHEARD_OF``: a copy must never be held back to judge a
    model that has learnt the original.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._rate: float = config["rate"]
        self._seed: int = config["seed"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``rate``: share of the characters that change; ``seed``: same seed, same copies."""
        return {"rate": 0.15, "seed": 101}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> MisheardExamples:
        """Build the component."""
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Leave messages as they are."""
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Return the examples and one misheard copy of each that sounds different from it."""
        copies = []
        for example in training_data.intent_examples:
            text = example.get(TEXT)
            heard = noisy(text, seed=self._seed, rate=self._rate) if text else ""
            if heard and heard != text:
                copies.append(Message(data={TEXT: heard, INTENT: example.get(INTENT), MISHEARD_OF: text}))
        return training_data.merge(TrainingData(training_examples=copies))
