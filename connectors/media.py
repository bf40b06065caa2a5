"""Voice messages: whatever a platform stores them as, to the WAV that the recogniser hears."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass

from pydub import AudioSegment
from pydub.exceptions import CouldntDecodeError

from core.errors import BadInput, EngineError, TooLarge
from core.hearing import MAX_SPEECH_MS, SPEECH_RATE_HZ

_DECODE_S = 20.0
# What a file begins with, and the name that ffmpeg has for it. Anything else is not handed to ffmpeg at all.
_KINDS = (
    (b"#!AMR", "amr"),
    (b"RIFF", "wav"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\xff\xf2", "mp3"),
    (b"OggS", "ogg"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\xff\xf1", "aac"),
    (b"\xff\xf9", "aac"),
)
# Browsers of Apple's record MP4; its first box, of any length, is called ftyp.
_MP4 = (4, b"ftyp", "mp4")
# What is kept of a recording is small whatever rate and channels it claims.
_PLAIN = ["-ac", "1", "-ar", str(SPEECH_RATE_HZ)]


@dataclass(frozen=True, slots=True)
class Speech:
    """Mono 16-bit WAV at ``SPEECH_RATE_HZ``."""

    wav: bytes
    duration_ms: int


async def to_speech(data: bytes) -> Speech:
    """Decode a voice message.

    Raises:
        TooLarge: longer than ``MAX_SPEECH_MS``.
        BadInput: not audio.
        EngineError: the decoder is missing or hangs.
    """
    try:
        async with asyncio.timeout(_DECODE_S):
            return await asyncio.to_thread(_decode, data)
    except TimeoutError:
        raise EngineError("a voice message took too long to decode") from None


def _decode(data: bytes) -> Speech:
    kind = _kind(data)
    if not kind:
        raise BadInput("a voice message is not in a known audio format")
    try:
        # A second more than allowed is enough to know that it is too long, however long it is.
        limit_s = MAX_SPEECH_MS / 1000 + 1
        sound = AudioSegment.from_file(io.BytesIO(data), format=kind, duration=limit_s, parameters=_PLAIN)
    except FileNotFoundError as error:
        raise EngineError("ffmpeg was not found", hint="install ffmpeg") from error
    except (CouldntDecodeError, IndexError, KeyError, OSError, ValueError, EOFError):
        # pydub reports some broken files by the errors of its own parsing.
        raise BadInput("a voice message cannot be decoded") from None
    if len(sound) > MAX_SPEECH_MS + 200:
        raise TooLarge("a voice message is longer than a minute")
    if len(sound) == 0:
        raise BadInput("a voice message holds no sound")
    plain = sound.set_channels(1).set_frame_rate(SPEECH_RATE_HZ).set_sample_width(2)
    wav = io.BytesIO()
    plain.export(wav, format="wav")
    return Speech(wav.getvalue(), len(sound))


def _kind(data: bytes) -> str:
    at, mark, name = _MP4
    if data[at : at + len(mark)] == mark:
        return name
    return next((name for head, name in _KINDS if data.startswith(head)), "")
