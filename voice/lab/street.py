"""Pure: a telephone line between a resident and the bot, packet by packet. The same seed, the same damage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import BadInput
from voice.engines.pcm import SPEECH_LEVEL_DBOV, Samples, level_dbov
from voice.interfaces import CALL_RATE_HZ
from voice.lab.line import pink

CODECS = ("alaw8k", "ulaw8k")
_NOISE_S = 20


@dataclass(frozen=True, slots=True)
class Conditions:
    """What every call goes through. ``loss`` is the share of packets that never arrive, ``jitter_ms``
    the most by which one is late, ``noise_db`` the signal-to-noise ratio of street-like noise."""

    codec: str = "alaw8k"
    loss: float = 0.0
    jitter_ms: int = 0
    noise_db: float | None = None

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise BadInput(f"codec {self.codec!r} is not known", hint="one of " + ", ".join(CODECS))
        if not 0 <= self.loss <= 0.5:
            raise BadInput("loss must lie between 0 and 0.5")
        if not 0 <= self.jitter_ms <= 500:
            raise BadInput("jitter must lie between 0 and 500 ms")
        if self.noise_db is not None and not -10 <= self.noise_db <= 60:
            raise BadInput("noise_db must lie between -10 and 60")

    def __str__(self) -> str:
        noise = "" if self.noise_db is None else f", noise {self.noise_db:g} dB"
        jitter = f", jitter {self.jitter_ms} ms" if self.jitter_ms else ""
        return f"{self.codec}, loss {self.loss:g}{jitter}{noise}"


def street_noise(snr_db: float, seed: int) -> Samples:
    """Return some seconds of pink noise, ``snr_db`` below the level at which voices are rendered."""
    noise = pink(_NOISE_S * CALL_RATE_HZ, CALL_RATE_HZ, np.random.default_rng(seed))
    return below_speech(noise, snr_db)


def below_speech(sound: Samples, snr_db: float) -> Samples:
    """Bring a background to ``snr_db`` below the level at which voices are rendered."""
    gain = 10 ** ((SPEECH_LEVEL_DBOV - snr_db - level_dbov(sound)) / 20)
    scaled: Samples = (sound * gain).astype(np.float32)
    return scaled


class StreetLine:
    """``voice.transport.rtp_out.OutgoingLine``: adds backgrounds, loses packets and holds them up."""

    def __init__(self, conditions: Conditions, backgrounds: tuple[Samples, ...], seed: int) -> None:
        self._conditions = conditions
        self._dice = np.random.default_rng(seed)
        self._backgrounds = tuple(self._looped(sound) for sound in backgrounds if sound.size)
        self._at = 0

    def _looped(self, sound: Samples) -> npt.NDArray[np.int32]:
        start = int(self._dice.integers(sound.size))
        return np.roll((sound * 32767).astype(np.int32), -start)

    def sounds(self, pcm: bytes) -> bytes:
        """See ``OutgoingLine``."""
        if not self._backgrounds:
            return pcm
        said = np.frombuffer(pcm, "<i2").astype(np.int32)
        for sound in self._backgrounds:
            said = said + np.take(sound, range(self._at, self._at + said.size), mode="wrap")
        self._at += said.size
        return bytes(np.clip(said, -32768, 32767).astype("<i2").tobytes())

    def delay_s(self) -> float | None:
        """See ``OutgoingLine``; two throws for every packet, so that one setting does not move another."""
        lost, late = self._dice.random(2)
        if lost < self._conditions.loss:
            return None
        return float(late) * self._conditions.jitter_ms / 1000
