"""Test files: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """Any of ``policy_ids`` is right, none means out of scope; ``context`` was asked before it."""

    question: str
    policy_ids: tuple[str, ...]
    variety: str
    context: tuple[str, ...]
    channel: str
    intent: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """A message with its intent; ``entities`` are (type, usual form), ``surfaces`` as they were said."""

    text: str
    intent: str
    entities: tuple[tuple[str, str], ...]
    surfaces: tuple[str, ...]
    variety: str


def read_questions(paths: Sequence[Path]) -> tuple[Question, ...]:
    """Read policy questions. Raises ``BadInput`` naming file and line."""
    return _read(paths, _question)


def read_utterances(paths: Sequence[Path]) -> tuple[Utterance, ...]:
    """Read messages with intents. Raises ``BadInput`` naming file and line."""
    return _read(paths, _utterance)


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line numbers (from 1) and objects, skipping empty lines.

    Raises:
        BadInput: the file cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read ({type(error).__name__})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
        except ValueError:
            raw = None
        if not isinstance(raw, dict):
            raise BadInput(f"{path.name}, line {number}: not a JSON object")
        yield number, raw


def _read(paths: Sequence[Path], build: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    items = []
    for path in paths:
        for number, raw in read_lines(path):
            try:
                items.append(build(raw))
            except (KeyError, TypeError, ValueError) as error:
                raise BadInput(f"{path.name}, line {number}: {_reason(error)}") from None
    if not items:
        raise BadInput("no lines in " + ", ".join(path.name for path in paths))
    return tuple(items)


def _question(raw: Mapping[str, Any]) -> Question:
    ids = _texts(raw["policy_ids"], "policy_ids")
    return Question(
        question=_text(raw, "question"),
        policy_ids=ids,
        variety=str(raw.get("variety", "unspecified")),
        context=_texts(raw.get("context", []), "context"),
        channel=str(raw.get("channel", "web")),
        intent=str(raw.get("intent", "ask_policy" if ids else "out_of_scope")),
    )


def _utterance(raw: Mapping[str, Any]) -> Utterance:
    text, entities, surfaces = _text(raw, "text"), [], []
    found = raw.get("entities", [])
    if not isinstance(found, list):
        raise ValueError("entities must be a list")
    for item in found:
        start, end = item["start"], item["end"]
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
            raise ValueError("an entity's start and end lie outside the text")
        entities.append((_text(item, "type"), _text(item, "value")))
        surfaces.append(text[start:end])
    variety = str(raw.get("variety", "unspecified"))
    return Utterance(text, _text(raw, "intent"), tuple(entities), tuple(surfaces), variety)


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} must be text")
    return value


def _texts(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} must be a list of texts")
    return tuple(value)


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
