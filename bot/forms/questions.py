"""The questions as data: which field each fills, which keys it offers, what may be skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

YES_NO = MappingProxyType({"1": True, "2": False})


@dataclass(frozen=True, slots=True)
class Question:
    """``keys`` maps DTMF digits to values; an ``optional`` one is left open after four tries."""

    id: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = True

    @property
    def field(self) -> str:
        """The field that an answer fills."""
        return {"confirm_summary": "summary_confirmed", "confirm_known": "known_confirmed"}.get(
            self.id, self.id
        )


STATUSES = (
    "employed",
    "self_employed",
    "flexible",
    "unemployed",
    "not_looking",
    "studying",
    "retired",
    "unable",
)
WORKING = frozenset(STATUSES[:3])

_ALL = (
    Question("identity", MappingProxyType({"1": "self", "2": "no"}), optional=False),
    Question("convenient", YES_NO, optional=False),
    Question("callback_time"),
    Question("employment_status", {str(n): status for n, status in enumerate(STATUSES, 1)}, optional=False),
    Question("current_work"),
    Question("work_since"),
    Question("social_insurance", {"1": "yes", "2": "no", "3": "unknown"}),
    Question("confirm_known", YES_NO),
    Question("wanted_jobs"),
    Question("district"),
    Question("expected_pay"),
    Question("working_time", {"1": "full_time", "2": "part_time", "3": "any"}),
    Question("contact_consent", YES_NO),
    Question("training_wish", YES_NO),
    Question("training_topic"),
    Question("hardship", {"1": ["other"], "2": []}),
    Question("confirm_summary", YES_NO, optional=False),
)
QUESTIONS: Mapping[str, Question] = MappingProxyType({question.id: question for question in _ALL})
RELATION_KEYS: Mapping[str, str] = MappingProxyType({"1": "relative", "2": "wrong"})

INTENTION = ("wanted_jobs", "district", "expected_pay", "working_time", "contact_consent")
KNOWABLE = INTENTION[:4]
EMPLOYED = ("current_work", "work_since", "social_insurance")
