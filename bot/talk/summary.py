"""Two lines of Chinese for whoever takes a conversation over: who asked what; what is known and open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.forms.asking import described
from bot.forms.types import Memo
from bot.talk.memory import Talk
from bot.words import Words
from core.errors import ConfigError

SUMMARY_FILE = Path(__file__).resolve().parents[2] / "dialogues" / "summary.yml"
MAX_LINE = 120
_QUESTIONS, _TITLES = 3, 3


@dataclass(frozen=True, slots=True)
class SummaryWords:
    """The sections of ``dialogues/summary.yml``: name → template or name."""

    sections: Mapping[str, Mapping[str, str]]
    words: Words

    def say(self, section: str, key: str, /, **values: str) -> str:
        """Fill a template in; a name that is not listed stands for itself."""
        template = self.sections[section].get(key, key)
        return template.format(**values) if values else template

    def listed(self, items: Iterable[str]) -> str:
        """Join the items of a list."""
        return self.say("joiners", "list").join(items)


def load_summary_words(words: Words, path: Path = SUMMARY_FILE) -> SummaryWords:
    """Read the templates. Raises ``ConfigError`` when the file is not what it should be."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(raw, dict) or not all(isinstance(section, dict) for section in raw.values()):
        raise ConfigError(f"{path.name}: must hold sections of names and texts")
    return SummaryWords(raw, words)


def two_lines(
    memo: Memo, talk: Talk, *, channel: str, titles: Sequence[str], words: SummaryWords
) -> tuple[str, ...]:
    """Return the two lines, each at most ``MAX_LINE`` characters; none while nothing was said.

    ``titles`` name the policies that were answered, newest last.
    """
    if not (memo.fields or memo.needs_review or talk.questions or talk.told or memo.open_question):
        return ()
    first = words.say("lines", "first", who=_who(memo, channel, words), asked=_asked(memo, talk, words))
    second = words.say("lines", "second", known=_known(memo, titles, words), open=_open(memo, words))
    return (first[:MAX_LINE], second[:MAX_LINE])


def _who(memo: Memo, channel: str, words: SummaryWords) -> str:
    where = words.say("channels", channel)
    if not memo.callee:
        return words.say("who", "unnamed", channel=where)
    kind = "relative" if memo.value("identity") == "relative" else "named"
    return words.say("who", kind, name=memo.callee, channel=where)


def _asked(memo: Memo, talk: Talk, words: SummaryWords) -> str:
    wants = [words.say("reasons", reason) for reason in memo.needs_review]
    parts = [words.say("asked", "wants", wants=want) for want in wants]
    if talk.questions:
        quoted = (words.say("asked", "quoted", text=text) for text in talk.questions[-_QUESTIONS:])
        parts.insert(0, words.say("asked", "questions", questions=words.listed(quoted)))
    return words.say("joiners", "part").join(parts) or words.say("asked", "nothing")


def _known(memo: Memo, titles: Sequence[str], words: SummaryWords) -> str:
    parts = [
        words.say("known", "field", title=title, value=value) for title, value in _values(memo, words).items()
    ]
    if titles:
        parts.append(words.say("known", "answered", titles=words.listed(dict.fromkeys(titles[-_TITLES:]))))
    return words.say("joiners", "part").join(parts) or words.say("known", "nothing")


def _values(memo: Memo, words: SummaryWords) -> dict[str, str]:
    said: dict[str, Any] = {
        name: memo.value(name) for name in words.sections["fields"] if memo.value(name) is not None
    }
    named = words.words.fill(described(said), spoken=False)
    return {words.say("fields", name): named[name] for name in said}


def _open(memo: Memo, words: SummaryWords) -> str:
    if not memo.open_question:
        return words.say("open", "nothing")
    section = "fields" if memo.open_question in words.sections["fields"] else "questions"
    return words.say("open", "question", title=words.say(section, memo.open_question))
