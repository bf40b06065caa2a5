"""The platforms' HTTP API: JSON both ways, an access token in the query, errors as numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from connectors.tencent.errors import (
    MEANINGS,
    Meaning,
    PlatformError,
    PlatformUnavailable,
    SendRefused,
    TokenRejected,
    error_of,
)
from connectors.tencent.tokens import TokenStore
from core.clock import Clock
from core.logs import get_log

_log = get_log("platform")

MAX_ANSWER = 1024 * 1024
_TOKEN_CHANCES = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard a call is tried: ``tries`` times, first ``pause_ms`` apart, then twice as long each time."""

    tries: int = 3
    pause_ms: int = 200
    timeout_ms: int = 5_000


class PlatformClient:
    """One account's API at ``base_url``. Every method raises ``PlatformError``s and ``QueueError``."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base_url: str,
        clock: Clock,
        effort: Effort | None = None,
        meanings: Mapping[int, Meaning] = MEANINGS,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._effort = effort or Effort()
        self._meanings = meanings
        self.tokens: TokenStore | None = None

    async def call(
        self, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """POST ``body`` (GET without one) with the access token and return the answer's object.

        A token that is refused is replaced once; an answer that says "busy" is asked again.
        """
        data = await self._with_token(path, body, query or {}, MAX_ANSWER)
        return _checked(data[0], path)

    async def call_bare(
        self, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Call without an access token, as the calls that fetch one do."""
        data, _ = await self._persist(path, body, query or {}, MAX_ANSWER)
        return _checked(data, path)

    async def download(self, path: str, query: Mapping[str, str], max_bytes: int) -> tuple[bytes, str]:
        """Return a file and its content type. Raises ``SendRefused`` when it is larger than ``max_bytes``."""
        return await self._with_token(path, None, query, max_bytes)

    async def _with_token(
        self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], max_bytes: int
    ) -> tuple[bytes, str]:
        if self.tokens is None:
            raise PlatformError(f"{path}: the client has no access tokens")
        for chance in range(_TOKEN_CHANCES):
            token = await self.tokens.get()
            try:
                return await self._persist(path, body, {**query, "access_token": token}, max_bytes)
            except TokenRejected:
                await self.tokens.drop(token)
                if chance == _TOKEN_CHANCES - 1:
                    raise
        raise PlatformError(f"{path}: no access token is accepted")

    async def _persist(
        self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], max_bytes: int
    ) -> tuple[bytes, str]:
        pause = self._effort.pause_ms
        for attempt in range(1, self._effort.tries + 1):
            try:
                return await self._once(path, body, query, max_bytes)
            except PlatformUnavailable as error:
                _log.warning("platform_unavailable", api=path, errcode=error.errcode, attempt=attempt)
                if attempt == self._effort.tries:
                    raise
            await self._clock.sleep_ms(pause)
            pause *= 2
        raise PlatformUnavailable(f"{path}: not tried")

    async def _once(
        self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], max_bytes: int
    ) -> tuple[bytes, str]:
        # Some characters that are written as \uXXXX reach the user as that.
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        timeout = aiohttp.ClientTimeout(total=self._effort.timeout_ms / 1000)
        try:
            async with self._http.request(
                "GET" if data is None else "POST",
                f"{self._base_url}{path}",
                params=dict(query),
                data=data,
                headers={"Content-Type": "application/json"} if data is not None else {},
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _read(response, max_bytes, path)
                kind = response.content_type
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The exception's own words may hold the address, and with it the token.
            raise PlatformUnavailable(f"{path}: not reached ({type(error).__name__})") from None
        if status >= 500:
            raise PlatformUnavailable(f"{path}: HTTP {status}", errcode=status)
        if status != 200:
            raise PlatformError(f"{path}: HTTP {status}", errcode=status)
        errcode = _errcode(content, kind)
        if errcode:
            raise error_of(errcode, path, self._meanings)
        return content, kind


async def _read(response: aiohttp.ClientResponse, max_bytes: int, path: str) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > max_bytes:
            raise SendRefused(f"{path}: more than {max_bytes} bytes")
    return bytes(content)


def _errcode(content: bytes, kind: str) -> int:
    """Return the error number of an answer; files come with another content type, their errors as JSON."""
    if kind not in {"application/json", "text/plain", "text/html"} or not content.lstrip().startswith(b"{"):
        return 0
    try:
        code = json.loads(content).get("errcode", 0)
    except ValueError:
        return 0
    return code if isinstance(code, int) else 0


def _checked(content: bytes, path: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise PlatformUnavailable(f"{path}: the answer is not a JSON object")
    return answer
