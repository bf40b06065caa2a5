"""`nuanye eval answered`: how well persons, machines and announcements are told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.types import Disposition
from voice.answering import AnsweredBy, Answering, Judgement
from voice.lab.rows import read_rows

# An announcement is labelled with what it says about the number.
LABELS = frozenset(
    {each.value for each in AnsweredBy if each not in {AnsweredBy.NETWORK, AnsweredBy.FAX}}
    | {
        each.value
        for each in (
            Disposition.EMPTY_NUMBER,
            Disposition.POWERED_OFF,
            Disposition.SUSPENDED,
            Disposition.BUSY,
            Disposition.UNREACHABLE,
            Disposition.NO_ANSWER,
        )
    }
)
_NEEDS = f"text and label ({', '.join(sorted(LABELS))})"


@dataclass(frozen=True, slots=True)
class FirstWords:
    """What was heard first; ``answered``: after the answer, otherwise while it rang."""

    text: str
    label: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One line's outcome."""

    line: FirstWords
    found: str


def read_first_words(paths: Sequence[Path]) -> tuple[FirstWords, ...]:
    """Read JSON lines of ``text``, ``label`` and, if wanted, ``answered``. Raises ``BadInput``."""
    return tuple(_first_words(where, row) for where, row in read_rows(paths, _NEEDS))


def tell_all(lines: Sequence[FirstWords], answering: Answering) -> Iterator[Told]:
    """Judge every line."""
    for line in lines:
        yield Told(line, label_of(answering.judge(line.text, answered=line.answered)))


def label_of(judgement: Judgement) -> str:
    """Return the label that means this judgement."""
    if judgement.by is AnsweredBy.NETWORK and judgement.disposition is not None:
        return judgement.disposition.value
    return judgement.by.value


def summarise_answered(told: Sequence[Told]) -> dict[str, Any]:
    """Return accuracy, the share of each label that was told rightly, and persons taken for machines."""
    labels = sorted({item.line.label for item in told})
    machines = [item for item in told if item.line.label != AnsweredBy.PERSON.value]
    persons = [item for item in told if item.line.label == AnsweredBy.PERSON.value]
    return {
        "n": len(told),
        "announcements": _share([item.found == item.line.label for item in machines]),
        "persons": len(persons),
        "persons_taken_for_machines": sum(item.found != item.line.label for item in persons),
        "by_label": {
            label: _share([item.found == label for item in told if item.line.label == label])
            for label in labels
        },
    }


def _first_words(where: str, row: Mapping[str, Any]) -> FirstWords:
    text, label = row.get("text"), row.get("label")
    answered = row.get("answered", label in {each.value for each in AnsweredBy})
    if not isinstance(text, str) or label not in LABELS or not isinstance(answered, bool):
        raise BadInput(f"{where}: not an object with {_NEEDS}")
    return FirstWords(text, label, answered)


def _share(right: Sequence[bool]) -> float | None:
    return round(sum(right) / len(right), 3) if right else None
