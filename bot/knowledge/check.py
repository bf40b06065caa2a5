"""Everything ``nuanye knowledge check`` reports, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bot.knowledge.contradictions import contradictions
from bot.knowledge.dates import end_date
from bot.knowledge.districts import load_districts
from bot.knowledge.loader import KNOWLEDGE_DIR, load_out_of_scope, read_files, read_mapping, read_questions
from bot.knowledge.phrases import load_phrases
from bot.knowledge.rules import cross_problems, question_problems, spoken_problems, wording_number_problems
from core.errors import KnowledgeError

WARN_DAYS = 60


@dataclass(frozen=True, slots=True)
class Expiring:
    """An entry whose text says that it ends on ``ends``; ``days`` may be negative."""

    id: str
    ends: date
    days: int


@dataclass(frozen=True, slots=True)
class Report:
    """``errors`` stop a release; the rest is work for the people who keep the knowledge."""

    entries: int
    by_status: dict[str, int]
    errors: tuple[str, ...]
    verify: tuple[str, ...]
    expired: tuple[str, ...]
    expiring: tuple[Expiring, ...]
    contradicting: tuple[str, ...] = ()


def check_knowledge(today: date, folder: Path = KNOWLEDGE_DIR) -> Report:
    """Check every file under ``folder``; never raises for what is wrong in them."""
    errors, files = read_files(folder)
    wording: dict[str, Any] = {}
    try:
        spoken, wording = read_mapping(folder / "spoken.yaml"), read_mapping(folder / "wording.yaml")
        cross = [
            *cross_problems(files, spoken, wording),
            *question_problems(files, read_questions(folder)),
        ]
        errors += cross + list(spoken_problems(files, spoken))
        if not cross:
            errors += wording_number_problems(files, wording)
        load_phrases(folder / "phrases.yaml")
        load_districts(folder, {raw["id"] for items in files.values() for raw in items})
        load_out_of_scope(folder)
    except KnowledgeError as error:
        errors.append(str(error))
    entries = [raw for items in files.values() for raw in items]
    status = {name: [raw["id"] for raw in entries if raw["status"] == name] for name in _STATUSES}
    return Report(
        entries=len(entries),
        by_status={name: len(ids) for name, ids in status.items()},
        errors=tuple(errors),
        verify=tuple(status["verify"]),
        expired=tuple(status["expired"]),
        expiring=tuple(
            Expiring(raw["id"], ends, (ends - today).days)
            for raw in entries
            if raw["status"] == "current"
            and (ends := end_date(raw["deadline_or_period"])) is not None
            and ends <= today + timedelta(days=WARN_DAYS)
        ),
        contradicting=() if errors else tuple(contradictions(files, _titles(entries, wording))),
    )


def _titles(entries: list[dict[str, Any]], wording: dict[str, Any]) -> dict[str, str]:
    return {raw["id"]: str((wording.get(raw["id"]) or {}).get("title") or raw["title"]) for raw in entries}


_STATUSES = ("current", "verify", "expired", "snapshot")
