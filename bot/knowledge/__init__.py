"""What the assistant knows: policy entries, how they are worded, and the answer phrases.

Everything is YAML beside this package; ``load_entries`` and ``load_phrases`` are the only readers.
"""

from __future__ import annotations

from bot.knowledge.entries import Condition, ConditionGroup, PolicyEntry, SourceRef
from bot.knowledge.loader import load_entries
from bot.knowledge.phrases import Phrases, load_phrases

__all__ = [
    "Condition",
    "ConditionGroup",
    "Phrases",
    "PolicyEntry",
    "SourceRef",
    "load_entries",
    "load_phrases",
]
