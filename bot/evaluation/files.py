"""Test files: one JSON object a line. Files of others are read as they come: a byte-order mark, empty
lines, missing or null optional keys, names marked without place or usual form, context as texts or turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadInput

T = TypeVar("T")

# How files of others name a turn's speaker and words.
_SPEAKER = ("role", "speaker", "sender", "from")
_SAID = ("text", "content", "question", "message", "user")
_RESIDENT = ("user", "resident", "human", "citizen", "customer", "居民", "用户", "市民")


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
    """A message with its intent; ``entities`` are (type, usual form), ``surfaces`` their words."""

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
        lines = path.read_text(encoding="utf-8-sig").split("\n")
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
    ids = _texts(raw["policy_ids"] or [], "policy_ids")
    return Question(
        question=_text(raw, "question"),
        policy_ids=ids,
        variety=str(raw.get("variety") or "unspecified"),
        context=_asked_before(raw.get("context") or []),
        channel=str(raw.get("channel") or "web"),
        intent=str(raw.get("intent") or ("ask_policy" if ids else "out_of_scope")),
    )


def _asked_before(context: Any) -> tuple[str, ...]:
    """Return what the resident said: of turns with a speaker, the resident's own."""
    asked = []
    for turn in [context] if isinstance(context, str | dict) else context:
        if isinstance(turn, dict):
            speaker = str(next((turn[key] for key in _SPEAKER if turn.get(key)), "user")).lower()
            turn = next((turn[key] for key in _SAID if turn.get(key)), None)
            if speaker not in _RESIDENT:
                continue
        if not isinstance(turn, str):
            raise ValueError("context must be a list of texts, or of turns with role and text")
        asked.append(turn)
    return tuple(asked)


def _utterance(raw: Mapping[str, Any]) -> Utterance:
    text = _text(raw, "text")
    found = raw.get("entities") or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError("entities must be a list of objects")
    marks = [_mark(item, text) for item in found]
    return Utterance(
        text,
        _text(raw, "intent"),
        tuple((kind, value) for kind, value, _ in marks),
        tuple(said for _, _, said in marks),
        str(raw.get("variety") or "unspecified"),
    )


def _mark(item: Mapping[str, Any], text: str) -> tuple[str, str, str]:
    """Return type, usual form and words of a marked name; either of the last two stands for the other."""
    kind = next((item[key] for key in ("type", "entity") if isinstance(item.get(key), str)), None)
    if not kind:
        raise ValueError("an entity's type is missing")
    start, end = item.get("start"), item.get("end")
    if start is None or end is None:
        value = _text(item, "value")
        return kind, value, value
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
        raise ValueError("an entity's start and end lie outside the text")
    said = text[start:end]
    return kind, str(item.get("value") or said), said


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
