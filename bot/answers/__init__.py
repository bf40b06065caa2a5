"""Turn a policy entry into what a citizen reads and hears. Pure: no I/O, no clock of its own.

The answering rules of ``bot/knowledge/README.md`` are kept here: every answer names the document it
rests on, its as-of date and its source; ``verify``, ``expired`` and ``snapshot`` entries say so.
"""

from __future__ import annotations

from bot.answers.facets import FACETS, detect_facet, opening_facet
from bot.answers.policy import MAX_CHOICES, answer_policy, ask_choices, ask_district, ask_one, unknown

__all__ = [
    "FACETS",
    "MAX_CHOICES",
    "answer_policy",
    "ask_choices",
    "ask_district",
    "ask_one",
    "detect_facet",
    "opening_facet",
    "unknown",
]
