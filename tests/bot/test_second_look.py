"""Misheard copies for training, and the second look at what the words leave in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.components.misheard_examples import MISHEARD_OF, MisheardExamples

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

EXAMPLES = {
    "greet": ["你好", "您好啊", "早上好", "喂你好", "晚上好", "大家好"],
    "thanks": ["谢谢", "多谢", "唔该晒", "感谢您", "谢谢啊", "太谢谢了"],
    "job": ["我想找保安工作", "想做保洁", "找份厨师的活", "介绍个工作", "想当司机", "有没有岗位"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUANYE_CACHE_DIR", str(tmp_path))
    return tmp_path


def taught(home: Path) -> tuple[Any, Any, Any]:
    """Return featurizer, first and second classifier, trained on the examples; both by Rasa's own means."""
    from rasa.engine.storage.local_model_storage import LocalModelStorage
    from rasa.engine.storage.resource import Resource
    from rasa.shared.nlu.constants import INTENT, TEXT
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    from bot.components.linear_intents import LinearIntents
    from bot.components.second_look import SecondLook
    from bot.components.sparse_ngrams import SparseNgrams

    messages = [
        Message(data={TEXT: text, INTENT: intent}) for intent, texts in EXAMPLES.items() for text in texts
    ]
    data = MisheardExamples.create(MisheardExamples.get_default_config(), *[None] * 3).process_training_data(  # type: ignore[arg-type]
        TrainingData(training_examples=messages)
    )
    (home / "storage").mkdir(exist_ok=True)
    storage = LocalModelStorage(home / "storage")
    features = SparseNgrams(SparseNgrams.get_default_config(), "f", storage, Resource("f"))
    features.train(data)
    features.process_training_data(data)
    trained = []
    for kind, options in ((LinearIntents, {}), (SecondLook, {"sure": 0.99})):
        config = kind.get_default_config() | options
        component = kind(config, storage, Resource(kind.__name__))
        component.train(data)
        trained.append(kind.load(config, storage, Resource(kind.__name__), None))  # type: ignore[arg-type]
    return features, trained[0], trained[1]


def message(features: Any, text: str) -> Any:
    from rasa.shared.nlu.constants import TEXT
    from rasa.shared.nlu.training_data.message import Message

    return features.process([Message(data={TEXT: text})])[0]


def test_each_example_gets_one_copy_that_names_it(home: Path) -> None:
    """Copies sound like their originals, keep the intent, and are the same in every training."""
    from rasa.shared.nlu.constants import INTENT, TEXT
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    def copies() -> list[tuple[str, str, str]]:
        data = TrainingData(training_examples=[Message(data={TEXT: "我想找工作", INTENT: "job"})])
        component = MisheardExamples(MisheardExamples.get_default_config())
        found = component.process_training_data(data).training_examples
        return [(m.get(TEXT), m.get(INTENT), m.get(MISHEARD_OF)) for m in found if m.get(MISHEARD_OF)]

    assert copies() == copies()
    ((text, intent, original),) = copies()
    assert (intent, original) == ("job", "我想找工作")
    assert text != original


def test_a_sure_message_is_left_and_an_unsure_one_looked_at_again(home: Path) -> None:
    """The second classifier speaks only below ``sure``, and weighs the intents ranked before."""
    features, first, second = taught(home)
    unsure = message(features, "想搵份嘢做")
    ranking = [{"name": name, "confidence": chance} for name, chance in (("greet", 0.4), ("job", 0.35))]
    unsure.set("intent", ranking[0])
    unsure.set("intent_ranking", ranking)
    second.process([unsure])
    assert unsure.get("intent")["name"] == "job"
    assert sum(item["confidence"] for item in unsure.get("intent_ranking")) == pytest.approx(1.0)
    sure = first.process([message(features, "你好")])[0]
    certain = {"name": "greet", "confidence": 0.995}
    sure.set("intent", certain)
    sure.set("intent_ranking", [certain])
    second.process([sure])
    assert sure.get("intent") == certain


def test_what_has_no_intent_gets_none_by_meaning(home: Path) -> None:
    """Words that no example holds stay without an intent: an embedding always has a nearest neighbour."""
    features, first, second = taught(home)
    strange = second.process(first.process([message(features, "สวัสดี")]))[0]
    assert strange.get("intent")["name"] is None


def test_copies_are_not_embedded_and_the_model_loads_as_it_was_saved(home: Path) -> None:
    """The mean is that of the examples themselves, each of which lies in the cache once."""
    _, _, second = taught(home)
    assert second._arrays["mean"].shape == (384,)
    stored = [np.load(path) for path in home.rglob("embeddings/*.npz")]
    assert sum(len(arrays["names"]) for arrays in stored) == sum(map(len, EXAMPLES.values()))
