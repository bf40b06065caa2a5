"""A citizen's side of the web chat, for the demonstration and for benchmarks (docs/web-api.md)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from core.errors import NuanyeError
from core.ids import new_id

_POLL_MS = 5_000


class ChatError(NuanyeError):
    """Raised when the chat door refuses or does not answer."""

    code = "chat.failed"


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """All replies to one message, and what the last of them says about the conversation."""

    texts: tuple[str, ...]
    sources: tuple[dict[str, Any], ...]
    policy_ids: tuple[str, ...]
    completed: str

    @property
    def text(self) -> str:
        """The whole answer as one text."""
        return "\n".join(self.texts)


class ChatClient:
    """One conversation over HTTP. Use as an async context manager; entering opens the session."""

    def __init__(self, base_url: str, *, timeout_ms: int = 20_000) -> None:
        self._base_url = base_url.rstrip("/") + "/api/web"
        self._timeout_ms = timeout_ms
        self._cursor = ""
        self.conversation_id = ""

    async def __aenter__(self) -> ChatClient:
        self._http = aiohttp.ClientSession()
        try:
            opened = await self._request("POST", "sessions")
        except BaseException:
            await self._http.close()
            raise
        self.conversation_id = opened["conversation_id"]
        self._cursor = opened["cursor"]
        self._http.headers["Authorization"] = f"Bearer {opened['token']}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def ask(self, text: str) -> ChatAnswer:
        """Send a message and collect its answer. Raises ``ChatError``."""
        message_id = new_id("m")
        body = {"type": "message", "message_id": message_id, "text": text}
        await self._request("POST", "messages", json=body)
        return await self._answer_to(message_id)

    async def _answer_to(self, message_id: str) -> ChatAnswer:
        replies: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                while not replies or len(replies) < replies[0]["of"]:
                    query = {"cursor": self._cursor, "wait_ms": str(_POLL_MS)}
                    page = await self._request("GET", "events", params=query)
                    self._cursor = page["cursor"]
                    replies += [
                        event
                        for event in page["events"]
                        if event["type"] == "reply" and event["message_id"] == message_id
                    ]
        except TimeoutError:
            raise ChatError(f"no answer within {self._timeout_ms} ms", hint="nuanye doctor") from None
        return ChatAnswer(
            texts=tuple(reply["text"] for reply in replies),
            sources=tuple(source for reply in replies for source in reply["sources"]),
            policy_ids=tuple(replies[-1]["policy_ids"]),
            completed=replies[-1]["completed"],
        )

    async def _request(self, method: str, route: str, **options: Any) -> dict[str, Any]:
        try:
            async with self._http.request(method, f"{self._base_url}/{route}", **options) as response:
                body = await response.json()
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise ChatError(f"the chat door was not reached ({type(error).__name__})") from error
        if response.status >= 400:
            raise ChatError(f"the chat door refused ({response.status} {body['error']['code']})")
        return dict(body)
