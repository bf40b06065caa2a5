"""Who may call the web chat's routes, and how a refusal looks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from connectors.types import Verdict
from connectors.web.crypto import read_token
from connectors.web.wire import EmptyText
from core.clock import Clock
from core.errors import BadInput, NuanyeError, QueueError, TooLarge

SESSION_MAX_AGE_S = 24 * 3600


class Refusal(NuanyeError):
    """A request that is answered with an error: HTTP ``status`` and the ``notice`` a citizen reads."""

    def __init__(self, status: int, code: str, notice: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.notice = notice


_OF_VERDICT = {
    Verdict.RATE_LIMITED: (429, "rate_limited"),
    Verdict.CROWDED: (429, "crowded"),
    Verdict.BUSY: (503, "busy"),
}
_OF_ERROR: tuple[tuple[type[NuanyeError], int, str], ...] = (
    (TooLarge, 413, "too_large"),
    (EmptyText, 400, "empty"),
    (BadInput, 400, "invalid"),
    (QueueError, 503, "storage"),
)


def refusal_of(problem: NuanyeError | Verdict) -> Refusal:
    """Return how an error of ours, or a verdict that is not a success, is answered."""
    if isinstance(problem, Refusal):
        return problem
    if isinstance(problem, Verdict):
        status, notice = _OF_VERDICT[problem]
        return Refusal(status, f"inbox.{problem}", notice)
    for kind, status, notice in _OF_ERROR:
        if isinstance(problem, kind):
            return Refusal(status, problem.code, notice, str(problem))
    return Refusal(500, problem.code, "failed", str(problem))


@dataclass(frozen=True, slots=True)
class Guard:
    """``key`` signs sessions; ``origins`` are pages besides our own that may call us."""

    key: bytes
    origins: frozenset[str]
    clock: Clock
    trust_proxy: bool = False

    def check_origin(self, request: web.Request) -> str:
        """Return the foreign origin to allow, or an empty string for our own page and for programs.

        Raises:
            Refusal: 403, the request comes from another site's page.
        """
        origin = request.headers.get("Origin", "")
        if not origin or urlsplit(origin).netloc == request.host:
            return ""
        if origin in self.origins:
            return origin
        raise Refusal(403, "origin.refused", "invalid", "see public_chat_origins")

    def session(self, token: str) -> str:
        """Return the conversation of a session token. Raises ``Refusal`` 401."""
        try:
            return read_token(self.key, token, self.clock.now(), max_age_s=SESSION_MAX_AGE_S)
        except BadInput as error:
            raise Refusal(401, "session.invalid", "session", str(error)) from None

    def bearer(self, request: web.Request) -> str:
        """Return the conversation of the ``Authorization`` header. Raises ``Refusal`` 401."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.session(token.strip() if scheme.lower() == "bearer" else "")

    def caller(self, request: web.Request) -> str:
        """Return a digest of the caller's address, for counting; the address itself is not kept."""
        address = request.remote or ""
        if self.trust_proxy:
            address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
        return hashlib.blake2b(address.encode(), key=self.key, digest_size=12).hexdigest()


def parse_origins(value: str) -> frozenset[str]:
    """Split the setting ``public_chat_origins``."""
    return frozenset(item.strip().rstrip("/") for item in value.split(",") if item.strip())
