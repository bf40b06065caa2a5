"""Hears the voice messages of a platform before their turns reach the dialogue core."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from connectors.heard import Unheard, words_of
from connectors.platform_texts import PlatformTexts
from connectors.prepare import NotReady, Unusable
from connectors.tencent.errors import PlatformError, PlatformUnavailable, TokenRejected
from core.clock import Clock
from core.errors import BadInput, TooLarge
from core.hearing import Hearing
from core.logs import get_log
from core.types import Turn

_log = get_log("listening")

VOICE = "voice"
"""Key of ``Turn.metadata`` that holds the platform's id of a voice message."""

Download = Callable[[str], Awaitable[tuple[bytes, str]]]


@dataclass(frozen=True, slots=True)
class Listener:
    """``prepare`` of a channel whose ``download`` gives the file of a media id."""

    download: Download
    hearing: Hearing
    texts: PlatformTexts
    clock: Clock

    async def prepare(self, turn: Turn) -> Turn:
        """Return the turn with what was said in it. Raises ``Unusable`` or ``NotReady``."""
        media_id = turn.metadata.get(VOICE)
        if not isinstance(media_id, str):
            return turn
        try:
            data, _ = await self.download(media_id)
            text = await words_of(data, self.hearing, self.clock)
        except (PlatformUnavailable, TokenRejected) as error:
            raise NotReady(f"a voice message cannot be fetched ({error.code})") from None
        except TooLarge:
            raise self._unusable("voice_long") from None
        except (PlatformError, BadInput) as error:
            _log.warning("voice_not_usable", code=error.code, reason=str(error))
            raise self._unusable("voice_unclear") from None
        except Unheard as error:
            raise self._unusable(error.notice) from None
        rest = {name: value for name, value in turn.metadata.items() if name != VOICE}
        return replace(turn, text=text, metadata=rest)

    def _unusable(self, notice: str) -> Unusable:
        return Unusable(notice, self.texts.notices[notice])
