"""Learns ``voice.endings`` from our own sentences, at set-up; the result is kept in the cache folder.

Whole: the lines of ``dialogues/turns.yml``, the examples of ``nlu_data``, the sample questions of
``bot/knowledge``. Open: the lines of ``turns.yml`` and every beginning of a whole sentence, with little
weight where the beginning might be a sentence too. Takes about ten seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigError
from core.logs import get_log
from voice.endings import EndingModel, Lexicon, features
from voice.words import VoiceWords, bare, load_words

_LOG = get_log("voice.endings")
_ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = _ROOT / "dialogues" / "turns.yml"
_MIN_FREQUENCY = 20
_OWN_FREQUENCY = {1: 3000}  # of our own words, by length; longer ones:
_OWN_LONG_FREQUENCY = 20_000
_MARKS = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})")
# After a preposition, conjunction, particle, adverb, measure word or number nobody has finished.
_OPEN_TAGS = frozenset({"p", "c", "uj", "ul", "d", "q", "m", "mq"})
_BY_HAND, _SURELY_OPEN, _MAYBE_OPEN = 6.0, 0.1, 0.02
_SMALL = 0.02

_Row = tuple[str, int, float]


def words_with_endings(cache_dir: Path) -> VoiceWords:
    """Return the door's word lists together with the model. Raises ``ConfigError``."""
    return replace(load_words(), endings=load_endings(cache_dir))


def load_endings(cache_dir: Path) -> EndingModel:
    """Return the model, from ``cache_dir`` when it was learnt from the same sentences.

    Raises ``ConfigError`` when the examples cannot be read.
    """
    examples = _examples()
    lexicon = _lexicon(examples)
    whole = sorted({*_pool(), *map(bare, examples["finished"])} - {""})
    path = cache_dir / "endings" / f"{_digest(examples, whole)}.json"
    try:
        return EndingModel(lexicon, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        weights = fit(whole, examples, lexicon)
        _write(path, weights)
        return EndingModel(lexicon, weights)


def fit(whole: list[str], examples: Mapping[str, Any], lexicon: Lexicon) -> dict[str, float]:
    """Return the weight of each feature."""
    known = [(text, 1, 1.0) for text in whole]
    known += [(bare(text), 1, _BY_HAND) for text in examples["finished"]]
    known += [(bare(text), 0, _BY_HAND) for text in examples["unfinished"]]
    cuts = sorted(dict(_beginnings(whole, lexicon)).items())
    return _regression([*known, *((text, 0, weight) for text, weight in cuts)], lexicon)


def _beginnings(whole: list[str], lexicon: Lexicon) -> Iterator[tuple[str, float]]:
    """Yield each beginning of a sentence that is no sentence itself, and how surely it is open."""
    known = set(whole)
    for text in whole:
        borders, place = set(), 0
        for word in lexicon.segment(text):
            place += len(word)
            borders.add(place)
        for cut in range(2, len(text)):
            if text[:cut] in known:
                continue
            last = lexicon.tag(lexicon.segment(text[:cut])[-1])
            surely = cut not in borders or last in _OPEN_TAGS
            yield text[:cut], _SURELY_OPEN if surely else _MAYBE_OPEN


def _regression(rows: list[_Row], lexicon: Lexicon) -> dict[str, float]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    described = [set(features(text, lexicon)) for text, _, _ in rows]
    counts = Counter(feature for each in described for feature in each)
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform(
        [{feature: 1.0 for feature in sorted(each) if counts[feature] > 1} for each in described]
    )
    model = LogisticRegression(C=1.0, solver="liblinear", random_state=0)
    model.fit(matrix, [row[1] for row in rows], sample_weight=[row[2] for row in rows])
    named = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    weights = {name: round(float(weight), 3) for name, weight in named if abs(weight) > _SMALL}
    weights["bias"] = round(weights.get("bias", 0.0) + float(model.intercept_[0]), 3)
    return weights


def _examples() -> Mapping[str, Any]:
    try:
        raw = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{EXAMPLES.name}: cannot be read as YAML ({type(error).__name__})") from error
    lists = ("finished", "unfinished", "wait")
    if not isinstance(raw, dict) or not all(
        isinstance(raw.get(key), list) and all(isinstance(item, str) for item in raw[key]) for key in lists
    ):
        raise ConfigError(f"{EXAMPLES.name}: needs lists of texts under {', '.join(lists)}")
    return raw


def _pool() -> Iterator[str]:
    """Yield the whole sentences that are written for other purposes."""
    for path in sorted((_ROOT / "nlu_data").glob("*.yml")):
        for item in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu", ()):
            for line in str(item.get("examples", "")).splitlines() if "intent" in item else ():
                yield bare(_MARKS.sub(r"\1", line.removeprefix("- ")))
    for path in sorted((_ROOT / "bot" / "knowledge" / "questions").glob("*.yaml")):
        for questions in yaml.safe_load(path.read_text(encoding="utf-8")).values():
            yield from (bare(str(question)) for question in questions)
    foreign = _ROOT / "bot" / "knowledge" / "out_of_scope.txt"
    lines = foreign.read_text(encoding="utf-8").splitlines() if foreign.is_file() else ()
    yield from (bare(line) for line in lines if not line.startswith("#"))


def _lexicon(examples: Mapping[str, Any]) -> Lexicon:
    """Read jieba's dictionary without loading jieba, and put our own words over it."""
    spec = find_spec("jieba")
    if spec is None or spec.origin is None:
        raise ConfigError("the package jieba is missing", hint="make setup")
    frequency: dict[str, int] = {}
    tags: dict[str, str] = {}
    with (Path(spec.origin).parent / "dict.txt").open(encoding="utf-8") as lines:
        for line in lines:
            word, times, *tag = line.split()
            if len(word) == 1 or int(times) >= _MIN_FREQUENCY:
                frequency[word] = int(times)
                tags[word] = tag[0][:2] if tag else "x"
    total = float(sum(frequency.values()))
    for tag_name, words in examples.get("lexicon", {}).items():
        for word in str(words).split():
            least = _OWN_FREQUENCY.get(len(word), _OWN_LONG_FREQUENCY)
            frequency[word] = max(frequency.get(word, 0), least)
            tags[word] = str(tag_name)
    beginnings: Counter[str] = Counter()
    for word, count in frequency.items():
        for cut in range(1, len(word)):
            beginnings[word[:cut]] += count
    return Lexicon(frequency, tags, total, beginnings)


def _digest(examples: Mapping[str, Any], whole: list[str]) -> str:
    """Name what the model depends on: the sentences, and the code that describes and learns them."""
    code = [Path(module).read_bytes() for module in (__file__, str(Path(__file__).with_name("endings.py")))]
    content = json.dumps([examples, whole], ensure_ascii=False, sort_keys=True).encode()
    return hashlib.sha256(b"\0".join([content, *code])).hexdigest()[:16]


def _write(path: Path, weights: Mapping[str, float]) -> None:
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(weights, ensure_ascii=False), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        _LOG.warning("endings_not_kept", error=type(error).__name__)
