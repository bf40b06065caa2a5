"""What actions share: settings, the policy desk and the words of the domain. Built once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from bot.desk import PolicyDesk
from bot.words import Words, load_words
from core.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Context:
    """Settings and everything that is read from files."""

    settings: Settings
    desk: PolicyDesk
    words: Words


@cache
def context() -> Context:
    """Return the process's context. Raises ``KnowledgeError`` when a file is broken."""
    settings = load_settings(os.environ)
    return Context(settings, PolicyDesk.load(settings.cache, settings.hotline), load_words())
