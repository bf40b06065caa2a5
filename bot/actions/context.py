"""What actions share: settings, the policy desk, the sentences and words of the domain."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bot.desk import PolicyDesk
from bot.knowledge.store import KnowledgeStore
from bot.sentences import Responses, load_responses
from bot.talk.summary import SummaryWords, load_summary_words
from bot.words import Words, load_words
from core.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Context:
    """Settings and everything that is read from files."""

    settings: Settings
    desk: PolicyDesk
    words: Words
    responses: Responses
    summary: SummaryWords


class _Holder:
    """The context in force. It is replaced as a whole, between turns."""

    now: Context | None = None


def context() -> Context:
    """Return the process's context. Raises ``KnowledgeError`` when a file is broken."""
    if _Holder.now is None:
        _Holder.now = build_context(load_settings(os.environ))
    return _Holder.now


def build_context(settings: Settings) -> Context:
    """Read the live knowledge and the sentences; takes seconds and changes nothing that is served.

    Raises:
        KnowledgeError, ConfigError: a file is broken.
    """
    store = KnowledgeStore(settings.data_dir / "knowledge")
    live = store.live()
    words = load_words()
    desk = PolicyDesk.load(settings.cache, settings.hotline, live.folder, live.name)
    return Context(settings, desk, words, load_responses(), load_summary_words(words))


def put_in_force(fresh: Context) -> None:
    """Serve ``fresh`` from the next action on. Called on the event loop: no action is half done."""
    _Holder.now = fresh
