"""How often a login may fail, per account, per address and per pair of both. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from core.clock import Clock

WINDOW_MS = 15 * 60 * 1000
# The pair is tight; the others are loose, so that one stranger cannot lock an account out and
# one office behind one address cannot lock itself out.
LIMITS = {"pair": 5, "user": 20, "address": 60}
_MAX_KEYS = 50_000


class LoginThrottle:
    """Counts failures within a sliding window of fifteen minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def wait_ms(self, user: str, address: str) -> int:
        """Return how long this login has to wait; 0 when it may be tried."""
        now = self._clock.monotonic_ms()
        waits = [0.0]
        for key in _keys(user, address):
            times = self._failures.get(key, deque())
            while times and now - times[0] >= WINDOW_MS:
                times.popleft()
            if len(times) >= LIMITS[key[0]]:
                waits.append(times[0] + WINDOW_MS - now)
        return round(max(waits))

    def failed(self, user: str, address: str) -> None:
        """Count one failure."""
        now = self._clock.monotonic_ms()
        if len(self._failures) >= _MAX_KEYS:
            self._forget(now)
        for key in _keys(user, address):
            self._failures.setdefault(key, deque(maxlen=LIMITS[key[0]])).append(now)

    def succeeded(self, user: str, address: str) -> None:
        """Forgive this pair, and take back this try; what others tried on the account still counts."""
        for key in _keys(user, address):
            times = self._failures.get(key)
            if times:
                times.pop()
        self._failures.pop(("pair", f"{user}\x1f{address}"), None)

    def _forget(self, now: float) -> None:
        old = [key for key, times in self._failures.items() if not times or now - times[-1] >= WINDOW_MS]
        for key in old:
            del self._failures[key]
        while len(self._failures) >= _MAX_KEYS:
            del self._failures[next(iter(self._failures))]


def _keys(user: str, address: str) -> Iterator[tuple[str, str]]:
    yield "pair", f"{user}\x1f{address}"
    yield "user", user
    yield "address", address
