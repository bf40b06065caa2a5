"""Checks that a recogniser understands a resident: every line spoken over a telephone line and heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from core.settings import Settings
from core.types import AudioFrame
from voice.engines.factory import make_recognizer
from voice.interfaces import Recognizer
from voice.lab.asr import comparable
from voice.lab.line import over_a_law
from voice.resident.choosing import sounds
from voice.resident.persona import Persona
from voice.resident.serve import voice_of


@dataclass(frozen=True, slots=True)
class Heard:
    """One line: ``cer`` is the character error rate, ``sound_error`` the same over toneless syllables."""

    user: str
    said: str
    heard: str
    confidence: float
    cer: float
    sound_error: float


async def audition(
    personas: Sequence[Persona], settings: Settings, recognizer: Recognizer | None = None
) -> list[Heard]:
    """Speak and hear every sentence of ``personas`` at 8 kHz, A-law. Raises ``ModelError``."""
    ears = recognizer if recognizer is not None else await asyncio.to_thread(make_recognizer, settings)
    rows: list[Heard] = []
    for persona in personas:
        voice = voice_of(persona, settings)
        for sentence in persona.sentences():
            frames = [over_a_law(frame) for frame in await voice.render(sentence)]
            text, confidence = await _hear(ears, frames)
            said, heard = comparable(sentence), comparable(text)
            rows.append(
                Heard(
                    persona.user,
                    sentence,
                    text,
                    confidence,
                    round(Levenshtein.distance(said, heard) / max(1, len(said)), 2),
                    round(Levenshtein.distance(sounds(said), sounds(heard)) / max(1, len(sounds(said))), 2),
                )
            )
    return rows


async def _hear(recognizer: Recognizer, frames: Sequence[AudioFrame]) -> tuple[str, float]:
    async def stream() -> AsyncIterator[AudioFrame]:
        for frame in frames:
            yield frame

    text, confidence = "", 0.0
    async for transcript in recognizer.transcribe(stream()):
        text, confidence = transcript.text, transcript.confidence
    return text, confidence


def report(rows: Sequence[Heard]) -> str:
    """A readable table, the worst lines marked."""
    lines = [
        f"{'!' if row.sound_error > 0.2 else ' '} {row.cer:4.0%} {row.sound_error:4.0%} {row.user:16}"
        f" {row.said}  →  {row.heard}"
        for row in rows
    ]
    total = sum(row.cer for row in rows) / max(1, len(rows))
    return "\n".join([*lines, f"平均字错率 {total:.1%}，共 {len(rows)} 句"])
