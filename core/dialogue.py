"""``Dialogue`` over HTTP, and the scripted fake that satisfies the same contract."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from core.codec import from_json, to_json
from core.errors import BadInput, DialogueError, DialogueUnavailable
from core.types import Answer, Turn


class HttpDialogue:
    """Client of ``bot.server``'s ``POST /v1/turns``."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, timeout_ms: int = 10_000) -> None:
        self._session = session
        self._url = f"{base_url.rstrip('/')}/v1/turns"
        self._timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000)

    async def respond(self, turn: Turn) -> Answer:
        """See ``core.interfaces.Dialogue``."""
        return await self._post(turn, self._url)

    async def prepare(self, turn: Turn) -> Answer:
        """See ``core.interfaces.ForesightedDialogue``."""
        return await self._post(turn, f"{self._url}?speculative=1")

    async def _post(self, turn: Turn, url: str) -> Answer:
        try:
            async with self._session.post(
                url,
                data=to_json(turn),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
            ) as response:
                body = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise DialogueUnavailable(
                f"dialogue core not reached ({type(error).__name__})", hint="nuanye doctor"
            ) from error
        if response.status == 503:
            raise DialogueUnavailable("dialogue core is starting or stopping")
        if 400 <= response.status < 500:
            raise BadInput(f"dialogue core refused the turn ({response.status})")
        if response.status != 200:
            raise DialogueError(f"dialogue core failed ({response.status})")
        return _parse(body)


def _parse(body: bytes) -> Answer:
    try:
        answer = from_json(body, Answer)
    except BadInput as error:
        raise DialogueError(f"dialogue core's answer cannot be read: {error}") from None
    if not answer.replies:
        raise DialogueError("dialogue core gave an empty answer")
    return answer


class ScriptedDialogue:
    """A dialogue whose answers a test writes down; remembers the turns it was given."""

    def __init__(
        self, script: Callable[[Turn], Answer], foresee: Callable[[Turn], Answer] | None = None
    ) -> None:
        self._script = script
        self._foresee = foresee
        self.turns: list[Turn] = []
        self.prepared: list[Turn] = []

    async def respond(self, turn: Turn) -> Answer:
        """Answer from the script; a repeated message id gets the first answer again."""
        self.turns.append(turn)
        return self._script(turn)

    async def prepare(self, turn: Turn) -> Answer:
        """Answer from ``foresee``; the script goes on only with turns in earnest."""
        self.prepared.append(turn)
        if self._foresee is None:
            raise DialogueUnavailable("this script foresees nothing")
        return self._foresee(turn)
