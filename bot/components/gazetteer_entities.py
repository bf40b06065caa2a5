"""Entities from the lookups of the training data, mended by sound where they were misheard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jieba
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT, TEXT_TOKENS
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.chinese.gazetteer import EXACT, Found, Gazetteer

_FILE = "names.json"
_COMMON = 5  # times that jieba's dictionary counts a word before it is more than an accident


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class GazetteerEntities(EntityExtractorMixin, GraphComponent):
    """Every ``lookup`` of the training data is an entity; ``synonym`` entries are its other names.

    Everyday words of a trade (开车, 收钱, 客服) mean the trade only where work is talked about, which the
    intent says: 开车呢不方便接电话 names none. Comes after tokenizer and intent classifiers.
    """

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._gazetteer = Gazetteer({})

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``repair``: the lookups whose names are also found by pronunciation.

        ``loose``: the lookups with everyday words; they count, and are mended, in ``about_work`` and
        without an intent, not at all in ``elsewhere``, and in all other intents where they end in one of
        ``titles`` (保安, 司机).
        """
        return {"repair": ["district"], "loose": [], "about_work": [], "elsewhere": [], "titles": ""}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> GazetteerEntities:
        """Build an untrained component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> GazetteerEntities:
        """Build the component from a trained model."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as directory:
            data = json.loads((Path(directory) / _FILE).read_text(encoding="utf-8"))
        component._gazetteer = Gazetteer(data["names"], tuple(config["repair"]), frozenset(data["words"]))
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Collect names and their other spellings."""
        names: dict[str, dict[str, str]] = {}
        for table in training_data.lookup_tables:
            names[table["name"]] = {element: element for element in table["elements"]}
        for spelling, value in training_data.entity_synonyms.items():
            for spellings in names.values():
                if value in spellings:
                    spellings.setdefault(spelling, value)
        words = Gazetteer(names, tuple(self._config["repair"])).sounds_alike(_dictionary())
        with self._storage.write_to(self._resource) as directory:
            data = json.dumps({"names": names, "words": words}, ensure_ascii=False)
            (Path(directory) / _FILE).write_text(data, encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Add entities; offsets refer to the normalised text."""
        for message in messages:
            text = message.get(TEXT)
            if not text:
                continue
            entities = [
                {
                    "entity": found.kind,
                    "value": found.value,
                    "start": found.start,
                    "end": found.end,
                    "confidence_entity": found.confidence,
                }
                for found in self._names(message)
            ]
            entities = self.add_extractor_name(entities)
            message.set(ENTITIES, message.get(ENTITIES, []) + entities, add_to_output=True)
        return messages

    def _names(self, message: Message) -> list[Found]:
        tokens = message.get(TEXT_TOKENS)
        edges = {edge for token in tokens for edge in (token.start, token.end)} if tokens else None
        text, intent = message.get(TEXT), (message.get(INTENT) or {}).get("name")
        found = self._gazetteer.find(text, boundaries=edges)
        loose = self._config["loose"]
        if intent is None or intent in self._config["about_work"]:
            # Beside a word cut in two (是机 in 是机会), nothing was misheard.
            return [item for item in found if item.kind not in loose or _is_whole(item, edges)]
        titles = "" if intent in self._config["elsewhere"] else self._config["titles"]
        return [item for item in found if item.kind not in loose or _is_title(item, text, titles)]


def _is_whole(found: Found, edges: set[int] | None) -> bool:
    return found.confidence == EXACT or edges is None or {found.start, found.end} <= edges


def _is_title(found: Found, text: str, titles: str) -> bool:
    return found.confidence == EXACT and text[found.end - 1] in titles


def _dictionary() -> list[str]:
    """Return the words in common use of jieba's own dictionary."""
    words = jieba.Tokenizer()
    words.initialize()
    return [word for word, count in words.FREQ.items() if count >= _COMMON]
