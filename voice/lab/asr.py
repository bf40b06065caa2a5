"""`nuanye eval asr`: how many characters a recogniser gets wrong, and how long it takes."""

from __future__ import annotations

import asyncio
import io
import json
import time
import wave
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from core.errors import BadInput
from core.hearing import SPEECH_RATE_HZ
from voice.engines import guards
from voice.engines.pcm import Samples, from_pcm, to_pcm
from voice.interfaces import Recognizer
from voice.lab.line import Line, carry
from voice.reading import speakable
from voice.transcripts import Transcriber

MAX_MANIFEST_BYTES = 50_000_000
MAX_AUDIO_BYTES = 100_000_000
MAX_AUDIO_S = 60
WORST = 10  # lines shown


@dataclass(frozen=True, slots=True)
class Recording:
    """A manifest line: a sound file, what is said in it, and the group it counts to."""

    audio: Path
    text: str
    group: str = "all"


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one recording; ``edits`` of ``characters``, seconds of work and of audio."""

    recording: Recording
    text: str
    edits: int
    characters: int
    work_s: float
    audio_s: float


def read_manifest(path: Path) -> tuple[Recording, ...]:
    """Read JSON lines of ``audio`` (relative to the manifest), ``text`` and, if wanted, ``set``.

    Raises:
        BadInput: unreadable, empty, or a line without audio and words; names the line.
    """
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BadInput(f"{path.name}: larger than {MAX_MANIFEST_BYTES // 1_000_000} MB", hint="split it")
        rows = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read ({type(error).__name__})") from None
    found = tuple(_recording(path, number, row) for number, row in enumerate(rows, start=1) if row.strip())
    if not found:
        raise BadInput(f"{path.name}: no lines")
    return found


def _recording(manifest: Path, number: int, row: str) -> Recording:
    try:
        raw = json.loads(row)
        audio, text, group = raw["audio"], raw["text"], raw.get("set", "all")
    except (ValueError, KeyError, TypeError, AttributeError):
        audio, text, group = None, None, None
    if not all(isinstance(value, str) for value in (audio, text, group)) or not comparable(str(text)):
        raise BadInput(f"{manifest.name}, line {number}: not an object with audio and the words said in text")
    return Recording(manifest.parent / str(audio), str(text), str(group) or "all")


def read_audio(path: Path) -> Samples:
    """Decode a sound file (wav, flac and what else ffmpeg reads, any rate) to mono at ``SPEECH_RATE_HZ``.

    Raises:
        BadInput: missing, too large, too long, without sound, or no audio; names the file.
    """
    from pydub import AudioSegment
    from pydub.exceptions import CouldntDecodeError

    try:
        if path.stat().st_size > MAX_AUDIO_BYTES:
            raise BadInput(f"{path.name}: larger than {MAX_AUDIO_BYTES // 1_000_000} MB")
        sound = AudioSegment.from_file(path, duration=MAX_AUDIO_S + 1)
    except (CouldntDecodeError, IndexError, KeyError, OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path.name}: cannot be read as audio ({type(error).__name__})") from None
    if not 0 < len(sound) <= MAX_AUDIO_S * 1000:
        raise BadInput(f"{path.name}: must hold between 0 and {MAX_AUDIO_S} s of sound")
    plain = sound.set_channels(1).set_frame_rate(SPEECH_RATE_HZ).set_sample_width(2)
    return from_pcm(bytes(plain.raw_data))


def comparable(text: str) -> str:
    """Return what counts for the error rate: simplified, numbers as said, no signs, small letters."""
    said = guards.bare(speakable(guards.tidy(text))).lower()
    return said.replace("幺", "一").replace("两", "二")


async def hear_all(
    recordings: Sequence[Recording],
    recognizer: Recognizer,
    line: Line,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Heard, ...]:
    """Hear every recording after ``line``, one at a time; every file is read before the first is heard."""
    transcriber = Transcriber(recognizer)
    for recording in recordings:
        await asyncio.to_thread(read_audio, recording.audio)
    heard = []
    for number, recording in enumerate(recordings):
        samples = carry(read_audio(recording.audio), SPEECH_RATE_HZ, line, seed=number)
        started = time.perf_counter()
        found = await transcriber.hear(_wav(samples))
        work_s = time.perf_counter() - started
        said, got = comparable(recording.text), comparable(found.text)
        edits = Levenshtein.distance(said, got)
        heard.append(Heard(recording, found.text, edits, len(said), work_s, samples.size / SPEECH_RATE_HZ))
        progress(number + 1, len(recordings))
    return tuple(heard)


def summarise_asr(heard: Sequence[Heard], engine: str, line: Line) -> dict[str, Any]:
    """Return the error rate over all characters (not the mean of lines), overall and by set."""
    groups: dict[str, list[Heard]] = defaultdict(list)
    for item in heard:
        groups[item.recording.group].append(item)
    return {
        "n": len(heard),
        "cer": _cer(heard),
        "rtf": round(sum(item.work_s for item in heard) / sum(item.audio_s for item in heard), 3),
        "by_set": {name: {"n": len(own), "cer": _cer(own)} for name, own in sorted(groups.items())},
        "engine": engine,
        "condition": str(line),
        "worst": _worst(heard),
    }


def _worst(heard: Sequence[Heard]) -> list[dict[str, Any]]:
    wrong = sorted((item for item in heard if item.edits), key=lambda item: -item.edits / item.characters)
    return [
        {
            "audio": item.recording.audio.name,
            "said": item.recording.text,
            "heard": item.text,
            "cer": _cer([item]),
        }
        for item in wrong[:WORST]
    ]


def _cer(heard: Iterable[Heard]) -> float:
    own = list(heard)
    return round(sum(item.edits for item in own) / sum(item.characters for item in own), 4)


def _wav(samples: Samples) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SPEECH_RATE_HZ)
        out.writeframes(to_pcm(samples))
    return target.getvalue()
