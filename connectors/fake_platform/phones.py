"""What the users of the fake platform see on their phones, and what the account may still send them."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.clock import Clock

_HOUR_MS = 3_600_000
_GRANTS = {"message": (5, 48 * _HOUR_MS), "click": (3, 60_000), "follow": (3, 60_000), "scan": (3, 60_000)}


@dataclass(frozen=True, slots=True)
class Shown:
    """One line on a phone. ``how``: ``reply`` (passive), ``sent`` (by the API), ``fault`` (its own)."""

    how: str
    text: str
    message_key: str = ""


@dataclass(slots=True)
class Phone:
    """One user. ``quota`` holds, per act, how many messages are left until when (ms of the clock)."""

    following: bool = True
    blocked: bool = False
    screen: list[Shown] = field(default_factory=list)
    quota: dict[str, tuple[int, float]] = field(default_factory=dict)
    wrote_ms: float | None = None


class Phones:
    """All users of one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._phones: dict[str, Phone] = {}

    def of(self, user: str) -> Phone:
        """Return a user's phone; a new user follows the account."""
        return self._phones.setdefault(user, Phone())

    def allow(self, user: str, act: str) -> None:
        """The user did something that lets the account write to them."""
        phone, now = self.of(user), self._clock.monotonic_ms()
        count, lasts = _GRANTS[act]
        phone.quota[act] = (count, now + lasts)
        if act == "message":
            phone.wrote_ms = now

    def refusal(self, user: str) -> int:
        """Return the error number for a message to ``user`` now, 0 when it is allowed."""
        phone, now = self._phones.get(user), self._clock.monotonic_ms()
        if phone is None:
            return 40003
        if not phone.following:
            return 43004
        if phone.blocked:
            return 43019
        open_grants = {act: left for act, (left, until) in phone.quota.items() if until > now}
        if not open_grants:
            return 45015
        return 0 if any(open_grants.values()) else 45047

    def use(self, user: str) -> None:
        """One message was sent: it counts against the grant that ends first."""
        phone, now = self.of(user), self._clock.monotonic_ms()
        usable = [(until, act) for act, (left, until) in phone.quota.items() if left and until > now]
        until, act = min(usable)
        phone.quota[act] = (phone.quota[act][0] - 1, until)

    def show(self, user: str, shown: Shown) -> None:
        """Put a line on a user's screen."""
        self.of(user).screen.append(shown)
