"""Names of values inside sentences, from ``dialogues/domain/words.yml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.answers.speech import number_words

WORDS_FILE = Path(__file__).resolve().parent.parent / "dialogues" / "domain" / "words.yml"
_WORD = re.compile(r"word_([a-z_]+)(?::(\d+))?(?::(\d+))?")
_FRAME = re.compile(r"word_([a-z_]+)\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Words:
    """``written`` and ``spoken``: name of a value → its wording."""

    written: Mapping[str, str]
    spoken: Mapping[str, str]

    def fill(self, values: Mapping[str, str], *, spoken: bool) -> dict[str, str]:
        """Replace every ``word_<name>[:number[:number]]`` in ``values`` by its wording.

        ``word_<name>[text]`` puts ``text``, itself filled first, into the wording's ``{value}``.
        """
        return {key: self._fill(value, spoken) for key, value in values.items()}

    def _fill(self, text: str, spoken: bool) -> str:
        wording = self.spoken if spoken else self.written
        framed = _FRAME.sub(
            lambda m: wording[m.group(1)].format(value=_WORD.sub(lambda w: self._say(w, spoken), m.group(2))),
            text,
        )
        return _WORD.sub(lambda m: self._say(m, spoken), framed)

    def _say(self, match: re.Match[str], spoken: bool) -> str:
        template = (self.spoken if spoken else self.written)[match.group(1)]
        low, high = (number_words(n) if spoken and n else n or "" for n in match.groups()[1:])
        return template.format(low=low, high=high)


def load_words(path: Path = WORDS_FILE) -> Words:
    """Read the wordings of values from the domain."""
    responses = yaml.safe_load(path.read_text(encoding="utf-8"))["responses"]
    written: dict[str, str] = {}
    spoken: dict[str, str] = {}
    for response, variants in responses.items():
        name = response.removeprefix("utter_word_")
        written[name] = next(v["text"] for v in variants if v.get("channel") != "phone")
        spoken[name] = next((v["text"] for v in variants if v.get("channel") == "phone"), written[name])
    return Words(written, spoken)
