"""What the system has seen: training examples and the questions of the knowledge files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.evaluation.files import Question, Utterance
from bot.knowledge import PolicyEntry
from bot.knowledge.loader import load_entries, load_out_of_scope

_NLU = Path(__file__).resolve().parents[2] / "nlu_data"


def training_examples(folder: Path = _NLU) -> tuple[tuple[str, str], ...]:
    """Return (text, intent) of every example under ``folder``, lookups and synonyms left out."""
    examples = []
    for path in sorted(folder.glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            if "intent" in block:
                lines = block["examples"].splitlines()
                examples += [
                    (line.removeprefix("- ").strip(), block["intent"]) for line in lines if line.strip()
                ]
    return tuple(examples)


def known_texts() -> tuple[str, ...]:
    """Return everything a test line must not repeat. Raises ``KnowledgeError``."""
    questions = [text for entry in load_entries() for text in (*entry.questions, entry.title)]
    return (*(text for text, _ in training_examples()), *questions, *load_out_of_scope())


def lookup_kinds(folder: Path = _NLU / "lookups") -> frozenset[str]:
    """Return the types of names that lookups list."""
    blocks = [
        block for path in folder.glob("*.yml") for block in yaml.safe_load(path.read_text("utf-8"))["nlu"]
    ]
    return frozenset(block["lookup"] for block in blocks if "lookup" in block)


def unknown_names(lines: Sequence[Utterance]) -> dict[str, Any]:
    """Count intents and entity types of ``lines`` that the model cannot give; they stay in the figures."""
    intents = {intent for _, intent in training_examples()}
    kinds = lookup_kinds()
    return {
        "unknown_intents": _counted(item.intent for item in lines if item.intent not in intents),
        "unknown_entities": _counted(k for item in lines for k, _ in item.entities if k not in kinds),
    }


def unknown_policies(questions: Sequence[Question], entries: Sequence[PolicyEntry]) -> dict[str, Any]:
    """Count the policy ids of ``questions`` that no knowledge file has; they stay in the figures."""
    known = {entry.id for entry in entries}
    return {"unknown_policies": _counted(i for item in questions for i in item.policy_ids if i not in known)}


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
