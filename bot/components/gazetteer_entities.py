"""Entities from the lookups of the training data, mended by sound where they were misheard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.chinese.gazetteer import Gazetteer

_FILE = "names.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class GazetteerEntities(EntityExtractorMixin, GraphComponent):
    """Every ``lookup`` of the training data is an entity; ``synonym`` entries are its other names."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._gazetteer = Gazetteer({})

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``repair``: the lookups whose names are also found by pronunciation."""
        return {"repair": ["district"]}

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
            names = json.loads((Path(directory) / _FILE).read_text(encoding="utf-8"))
        component._gazetteer = Gazetteer(names, tuple(config["repair"]))
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
        with self._storage.write_to(self._resource) as directory:
            (Path(directory) / _FILE).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
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
                for found in self._gazetteer.find(text)
            ]
            entities = self.add_extractor_name(entities)
            message.set(ENTITIES, message.get(ENTITIES, []) + entities, add_to_output=True)
        return messages
