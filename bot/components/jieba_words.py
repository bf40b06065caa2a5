"""Word segmentation with jieba, our dictionaries, and no whitespace tokens."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import jieba
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

_FILE = "words.txt"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class JiebaWords(Tokenizer):
    """Like Rasa's JiebaTokenizer, but each model has its own dictionary and blanks are dropped.

    Whitespace tokens break featurizers, and jieba's global dictionary would leak from one loaded
    model into the next.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``dictionary_path``: a folder whose ``*.txt`` files are all loaded."""
        return {
            "dictionary_path": None,
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        super().__init__(config)
        self._storage = storage
        self._resource = resource
        jieba.setLogLevel(logging.WARNING)
        self._words = jieba.Tokenizer()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> JiebaWords:
        """Build an untrained component with the dictionaries of ``dictionary_path``."""
        component = cls(config, model_storage, resource)
        folder = config.get("dictionary_path")
        for path in sorted(Path(folder).glob("*.txt")) if folder else []:
            component._words.load_userdict(str(path))
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Keep the dictionaries in the model, so that it runs without the repository."""
        folder = self._config.get("dictionary_path")
        if folder:
            lines = [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.txt"))]
            with self._storage.write_to(self._resource) as directory:
                (Path(directory) / _FILE).write_text("\n".join(lines), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> JiebaWords:
        """Build the component from a trained model."""
        component = cls(config, model_storage, resource)
        if config.get("dictionary_path"):
            with model_storage.read_from(resource) as directory:
                component._words.load_userdict(str(Path(directory) / _FILE))
        component._words.initialize()
        return component

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Cut the text into words; offsets refer to the normalised text."""
        found = self._words.tokenize(message.get(attribute))
        return [Token(word, start) for word, start, _ in found if word.strip()]
