"""Chooses the parts of a phone door from the settings; shared by the worker and ``nuanye call``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from core.clock import Clock, SystemClock
from core.dialogue import HttpDialogue
from core.errors import EngineError
from core.logs import get_log
from core.settings import Settings
from core.types import AudioFrame, CallTask
from voice.clauses import split_clauses
from voice.desk import BlindDesk, BriefedDesk, Desk
from voice.endings_fit import words_with_endings
from voice.engines import vad
from voice.engines.factory import make_recognizer, make_speech
from voice.engines.scripted import silence
from voice.engines.vad import SileroVad
from voice.fixed import fixed_sentences, policy_sentences
from voice.foreground import Foreground
from voice.interfaces import FRAME_MS, CallTransport, Recognizer
from voice.limits import SessionLimits
from voice.prompts import PromptCache, pieces, recording_name
from voice.repair import RepairingRecognizer
from voice.session import Equipment
from voice.speaking import Speech
from voice.transport.sip import SipOptions, SipTransport
from voice.words import VoiceWords

_LOG = get_log("voice")

# The transport ends an unanswered call first and knows why; ours is for one that does not.
_RING_MARGIN_MS = 5_000
_WARM_UP_MS = 1_000
_BUSY_MS = 1_000


def limits_from(settings: Settings) -> SessionLimits:
    """The waits that the settings decide."""
    return SessionLimits(
        ring_ms=settings.ring_timeout_s * 1000 + _RING_MARGIN_MS,
        silence_ms=settings.silence_timeout_ms,
        barge_in_ms=settings.barge_in_ms,
    )


def splitter(recorded: Path) -> Callable[[str], tuple[str, ...]]:
    """Cut replies into the pieces that the cache keeps; a sentence recorded by a person stays whole."""

    def split(text: str) -> tuple[str, ...]:
        parts: list[str] = []
        for sentence in split_clauses(text):
            whole = (recorded / recording_name(sentence)).is_file()
            parts += [sentence] if whole else pieces(sentence)
        return tuple(parts)

    return split


class Speaker:
    """The prompt cache with everything in it that can be known before somebody answers."""

    def __init__(self, prompts: PromptCache, words: VoiceWords, agency: str, hotline: str) -> None:
        self.prompts = prompts
        self._words = words
        self._known = {"agency": agency, "hotline": hotline}

    async def prefetch_fixed(self) -> None:
        """Render what every call may need; takes about a minute the first time, nothing later."""
        texts = [*self._words.emergency.values(), self._words.putting_through, *fixed_sentences(self._known)]
        rendered = await self.prompts.prefetch(texts)
        _LOG.info("prompts_ready", sentences=len(texts), rendered=rendered)

    async def prefetch_policies(self, idle: Callable[[], bool], clock: Clock) -> None:
        """Render the policy answers while ``idle``; a call that needs the voice comes first."""

        async def turn() -> None:
            while not idle():
                await clock.sleep_ms(_BUSY_MS)

        rendered = await self.prompts.prefetch(policy_sentences(), before_each=turn)
        _LOG.info("policy_prompts_ready", rendered=rendered)

    async def prefetch_for(self, task: CallTask) -> None:
        """Render the sentences with the callee's name while it rings."""
        await self.prompts.prefetch(fixed_sentences({**self._known, "name": task.callee.name}, only="name"))


async def warm_up(recognizer: Recognizer, *, lines: int) -> None:
    """Recognise a second of silence, for the first use of a model is slow; load detectors."""
    await asyncio.to_thread(vad.prepare, lines)

    async def quiet() -> AsyncIterator[AudioFrame]:
        for at_ms in range(0, _WARM_UP_MS, FRAME_MS):
            yield silence(at_ms)

    try:
        async for _ in recognizer.transcribe(quiet()):
            continue
    except EngineError as error:
        _LOG.warning("warm_up_failed", code=error.code)


def _label(recognizer: Recognizer) -> str:
    return type(recognizer).__name__.removesuffix("Recognizer").lower()


def _desk(settings: Settings, transport: CallTransport, speech: Speech, clock: Clock) -> Desk | None:
    """People who are briefed, else the hotline, which only a trunk reaches."""
    if settings.staff_desk:
        return BriefedDesk(settings.staff_desk, transport, speech, clock)
    return BlindDesk(settings.hotline) if settings.sip_trunk else None


@asynccontextmanager
async def phone_door(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: CallTransport | None = None,
    recognizer: Recognizer | None = None,
) -> AsyncIterator[tuple[Equipment, Speaker]]:
    """Load engines (but for a ``recognizer`` that is given), bind SIP, and yield what calls are made with.

    Raises:
        ModelError: no usable recogniser or voice.
        CallError: the SIP address cannot be had.
    """
    ears, prompts = await asyncio.to_thread(
        lambda: (recognizer or make_recognizer(settings), make_speech(settings))
    )
    words = await asyncio.to_thread(words_with_endings, settings.cache)
    speaker = Speaker(prompts, words, settings.agency_name, settings.hotline)
    await warm_up(ears, lines=settings.voice_lines)
    async with aiohttp.ClientSession() as http, SipTransport(SipOptions.from_settings(settings)) as sip:
        limits = limits_from(settings)
        yield (
            Equipment(
                transport=transport or sip,
                dialogue=HttpDialogue(http, settings.dialogue_base_url, timeout_ms=limits.dialogue_limit_ms),
                recognizer=RepairingRecognizer(ears),
                speech=prompts,
                make_activity=lambda: Foreground(SileroVad()),
                words=words,
                clock=clock or SystemClock(),
                limits=limits,
                agency=settings.agency_name,
                desk=_desk(settings, transport or sip, prompts, clock or SystemClock()),
                prefetch=speaker.prefetch_for,
                recordings_dir=settings.recordings_dir,
                split=splitter(settings.data_dir / "prompts"),
                labels={"recognizer": _label(ears), "synthesizer": prompts.name},
            ),
            speaker,
        )
