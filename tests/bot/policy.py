"""The real policy knowledge and index, loaded once for all tests that need them."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from bot.answers import answer_policy
from bot.knowledge import Phrases, PolicyEntry, load_entries, load_phrases
from bot.retrieval import PolicyIndex
from core.settings import load_settings
from core.types import Reply

TODAY = date(2026, 11, 22)
HOTLINE = "12333"
EVAL_FILES = [
    Path(__file__).parents[1] / "data" / "eval" / f"{name}.jsonl"
    for name in ("policy", "policy_asked", "out_of_scope")
]
EVAL_FILE = EVAL_FILES[0]


@cache
def entries() -> tuple[PolicyEntry, ...]:
    return load_entries()


@cache
def phrases() -> Phrases:
    return load_phrases()


@cache
def index() -> PolicyIndex:
    # Embeddings are cached by content, so the user's cache is as good as a fresh one and quicker.
    return PolicyIndex.load(entries(), load_settings({}).cache)


def entry(policy_id: str) -> PolicyEntry:
    return next(item for item in entries() if item.id == policy_id)


def answer(item: PolicyEntry, facet: str | None = None, channel: str = "web", today: date = TODAY) -> Reply:
    return answer_policy(item, facet=facet, channel=channel, today=today, phrases=phrases(), hotline=HOTLINE)
