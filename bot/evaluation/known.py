"""What the system has seen: training examples and the questions of the knowledge files."""

from __future__ import annotations

from pathlib import Path

import yaml

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
