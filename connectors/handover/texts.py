"""What residents read around a handover, and the few words the door listens for. Pure but for the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from connectors.texts import fill_names
from core.clock import CHINA
from core.errors import KnowledgeError

HANDOVER_FILE = Path(__file__).resolve().parents[2] / "dialogues" / "handover.yml"

NOTICES = frozenset(
    {
        "waiting", "back_in_queue", "staff_here", "staff_done", "staff_later", "withdrawn", "nobody_came",
        "after_hours", "about", "name", "phone", "phone_again", "taken", "kept", "not_taken",
    }
)  # fmt: skip
_WORDS = frozenset({"no_waiting", "no_message", "no_answer", "name_before"})
_END = re.compile(r"[\s，。！？!?,.~～…]*[了吧呢啊喇啦呀]{0,2}[\s，。！？!?,.~～…]*$")


@dataclass(frozen=True, slots=True)
class HandoverTexts:
    """The file ``dialogues/handover.yml``."""

    notices: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    day: str
    weekdays: str
    card: Mapping[str, Any]

    def day_text(self, at: datetime) -> str:
        """Return a moment as a resident reads it, to the hour."""
        local = at.astimezone(CHINA)
        weekday = self.weekdays[local.weekday()]
        return self.day.format(month=local.month, day=local.day, weekday=weekday, hour=local.hour)

    def means(self, word: str, text: str) -> bool:
        """Tell whether ``text`` is one of the words of that name and nothing else."""
        return _END.sub("", unicodedata.normalize("NFKC", text).strip()) in self.words[word]


def load_handover_texts(names: Mapping[str, str], path: Path = HANDOVER_FILE) -> HandoverTexts:
    """Read the file and fill ``{agency}`` and ``{hotline}`` in. Raises ``KnowledgeError``."""
    try:
        raw = fill_names(yaml.safe_load(path.read_text(encoding="utf-8")), names, path.name)
        texts = HandoverTexts(
            notices=raw["notices"],
            words={name: tuple(listed) for name, listed in raw["words"].items()},
            day=raw["day"],
            weekdays=raw["weekdays"],
            card=raw["card"],
        )
        odd = (NOTICES ^ set(texts.notices)) | (_WORDS ^ set(texts.words))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise KnowledgeError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    if odd:
        raise KnowledgeError(f"{path.name}: missing or unknown: {', '.join(sorted(odd))}")
    return texts
