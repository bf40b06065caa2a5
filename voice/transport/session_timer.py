"""Session timers (RFC 4028): the side agreed on refreshes the call, and a call nobody refreshes is ended."""

from __future__ import annotations

from collections.abc import Callable

from aiosipua.message import SipRequest, SipResponse
from aiosipua.session_timer import (
    DEFAULT_MIN_SE,
    DEFAULT_SESSION_EXPIRES,
    SessionTimer,
    parse_session_expires,
    peer_allows_update,
)


class Session:
    """Our side of one call's timer. ``refresh`` sends an UPDATE, ``expire`` ends the call."""

    def __init__(self, refresh: Callable[[], None], expire: Callable[[], None]) -> None:
        self._refresh, self._expire = refresh, expire
        self._timer: SessionTimer | None = None
        self._wanted_s = DEFAULT_SESSION_EXPIRES
        self._agreed = ""

    def offer(self, invite: SipRequest) -> None:
        """Ask for a timer in an INVITE; the far end chooses who refreshes."""
        invite.headers.set_single("Supported", "timer")
        invite.headers.set_single("Session-Expires", str(self._wanted_s))
        invite.headers.set_single("Min-SE", str(DEFAULT_MIN_SE))

    def too_short(self, refusal: SipResponse) -> bool:
        """Read a 422; ``True``: ask again, the next offer is as long as the far end wants."""
        least = refusal.headers.get_first("min-se") or ""
        least_s = int(least.split(";")[0]) if least.split(";")[0].strip().isdigit() else 0
        if refusal.status_code != 422 or not self._wanted_s < least_s <= 86_400:
            return False
        self._wanted_s = least_s
        return True

    def agree(self, answer: SipResponse) -> None:
        """Start the timer that the far end's 2xx agrees to, if it does."""
        interval_s, refresher = parse_session_expires(answer.headers.get_first("session-expires") or "")
        if interval_s < DEFAULT_MIN_SE:
            return
        allowed = [name for value in answer.headers.get("allow") for name in value.split(",")]
        ours = refresher == "uac"
        if ours and not peer_allows_update(allowed):
            return  # our calls are shorter than the interval we ask for
        self._agreed = f"{interval_s};refresher={refresher or 'uas'}"
        self._timer = SessionTimer(interval_s, we_refresh=ours, refresh=self._refresh, expire=self._expire)
        self._timer.start()

    def refreshed(self, response: SipResponse | None = None) -> None:
        """A request of the far end's refreshed the session: say so in the answer to it."""
        if self._timer is None:
            return
        self._timer.refreshed()
        if response is not None:
            response.headers.set_single("Session-Expires", self._agreed)
            response.headers.set_single("Require", "timer")

    def stamp(self, update: SipRequest) -> None:
        """Mark an UPDATE of ours as a refresh."""
        update.headers.set_single("Supported", "timer")
        update.headers.set_single("Session-Expires", self._agreed)

    def stop(self) -> None:
        """The call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
