"""A recording as a citizen sent it to the words in it: decoded, then asked of the voice process."""

from __future__ import annotations

from connectors.media import to_speech
from core.clock import Clock
from core.errors import BadInput, EngineError, NuanyeError, TooLarge
from core.hearing import Hearing
from core.logs import get_log

_log = get_log("heard")

_TRIES = 3
_PAUSE_MS = 1_000
_MAX_CHARS = 2_000


class Unheard(NuanyeError):
    """Raised when a recording gives no words; ``notice`` names the sentence that its sender reads."""

    code = "voice.unheard"

    def __init__(self, notice: str) -> None:
        super().__init__(notice)
        self.notice = notice


async def words_of(data: bytes, hearing: Hearing, clock: Clock) -> str:
    """Return what is said in an audio file of any known kind, at most 2,000 characters.

    Raises:
        Unheard: ``voice_long`` (over a minute), ``voice_unclear`` (not audio, or nothing said) or
            ``voice_away`` (no decoder, no recogniser).
    """
    try:
        speech = await to_speech(data)
    except TooLarge:
        raise Unheard("voice_long") from None
    except EngineError as error:
        _log.error("voice_not_decoded", code=error.code, reason=str(error), hint=error.hint)
        raise Unheard("voice_away") from None
    except BadInput as error:
        _log.warning("voice_not_usable", code=error.code, reason=str(error))
        raise Unheard("voice_unclear") from None
    text = await _asked(speech.wav, hearing, clock)
    if not text:
        raise Unheard("voice_unclear")
    return text[:_MAX_CHARS]


async def _asked(wav: bytes, hearing: Hearing, clock: Clock) -> str:
    for attempt in range(1, _TRIES + 1):
        try:
            return (await hearing.transcribe(wav)).text.strip()
        except BadInput:
            return ""
        except EngineError as error:
            _log.warning("voice_not_heard", code=error.code, reason=str(error), attempt=attempt)
            if attempt < _TRIES:
                await clock.sleep_ms(_PAUSE_MS)
    raise Unheard("voice_away")
