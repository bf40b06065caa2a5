"""Who is logged in: an encrypted cookie, checked against expiry, log-out and the account's state."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from redis.asyncio import Redis
from redis.exceptions import RedisError

from casework.types import StaffMember
from core.clock import Clock
from core.logs import get_log
from core.secret import derive_key, load_ring
from core.settings import Settings

COOKIE_NAME = "nuanye_console"
_ENDED_KEY = "nuanye:console:ended:"
_log = get_log("sessions")


@dataclass(frozen=True, slots=True)
class Login:
    """A valid login of this request."""

    member: StaffMember
    session_id: str
    csrf: str


class EndedSessions:
    """Sessions that were logged out before they expired; shared over Redis between consoles.

    Without Redis the memory of this process stands in, so that logging out always works here.
    """

    def __init__(self, redis: Redis | None, lifetime_s: int) -> None:
        self._redis = redis
        self._lifetime_s = lifetime_s
        self._here: set[str] = set()

    async def end(self, session_id: str) -> None:
        """Make the session's cookie worthless."""
        self._here.add(session_id)
        if self._redis is None:
            return
        try:
            await self._redis.set(_ENDED_KEY + session_id, b"1", ex=self._lifetime_s)
        except (RedisError, OSError) as error:
            _log.warning("logout_not_shared", error=type(error).__name__)

    async def has_ended(self, session_id: str) -> bool:
        """Return whether the session was logged out."""
        if session_id in self._here or self._redis is None:
            return session_id in self._here
        try:
            return bool(await self._redis.exists(_ENDED_KEY + session_id))
        except (RedisError, OSError) as error:
            _log.warning("logout_not_checked", error=type(error).__name__)
            return False


def cookie_storage(settings: Settings) -> EncryptedCookieStorage:
    """Return the storage: AES and HMAC (Fernet), HttpOnly, SameSite=Lax, Secure behind HTTPS."""
    return EncryptedCookieStorage(
        derive_key(load_ring(settings).newest, "console-session"),
        cookie_name=COOKIE_NAME,
        max_age=settings.console_session_hours * 3600,
        httponly=True,
        samesite="Lax",
        secure=settings.console_https,
    )


def start_session(session: Session, username: str, now: datetime) -> None:
    """Fill a new session after the password was right."""
    session["user"] = username
    session["id"] = secrets.token_hex(16)
    session["at"] = now.isoformat()
    session["csrf"] = secrets.token_urlsafe(32)


def csrf_token(session: Session) -> str:
    """Return the session's token, made on first use."""
    token = session.get("csrf")
    if not isinstance(token, str) or not token:
        token = secrets.token_urlsafe(32)
        session["csrf"] = token
    return token


def csrf_matches(session: Session, given: object) -> bool:
    """Return whether a form or header carries this session's token."""
    token = session.get("csrf")
    if not isinstance(token, str) or not token or not isinstance(given, str):
        return False
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))


def is_current(session: Session, member: StaffMember, clock: Clock, hours: int) -> bool:
    """Return whether the session is young enough, and begun after the password was last set."""
    try:
        begun = datetime.fromisoformat(str(session.get("at")))
    except ValueError:
        return False
    age = clock.now() - begun
    return timedelta(0) <= age < timedelta(hours=hours) and begun >= member.password_set_at
