"""SIP transactions (RFC 3261 section 17): what is repeated until somebody answers, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiosipua.message import SipRequest, SipResponse

from voice.transport.wire import Peer, Wire

T1_S = 0.5
T2_S = 4.0
LINGER_S = 32.0  # copies of a message may still arrive for 64 x T1

OnResponse = Callable[["SipResponse | None"], None]


class Repeater:
    """Calls ``again`` after T1, doubling up to ``cap_s``, and ``gave_up`` after ``limit_s``."""

    def __init__(self, again: Callable[[], None], gave_up: Callable[[], None], limit_s: float) -> None:
        self._again, self._gave_up = again, gave_up
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._limit = self._loop.call_later(limit_s, self._end)

    def start(self, cap_s: float) -> None:
        """Begin repeating."""
        self._schedule(T1_S, cap_s)

    def stop_repeating(self) -> None:
        """Repeat no more, but still give up at the limit."""
        if self._timer is not None:
            self._timer.cancel()

    def stop(self) -> None:
        """Do nothing more."""
        self.stop_repeating()
        self._limit.cancel()

    def extend(self, limit_s: float) -> None:
        """Give up later: the far end is alive."""
        self._limit.cancel()
        self._limit = self._loop.call_later(limit_s, self._end)

    def _schedule(self, wait_s: float, cap_s: float) -> None:
        def fire() -> None:
            self._again()
            self._schedule(min(wait_s * 2, cap_s), cap_s)

        self._timer = self._loop.call_later(wait_s, fire)

    def _end(self) -> None:
        self.stop_repeating()
        self._gave_up()


class ClientTransaction:
    """One request of ours. ``on_response`` gets every answer, and ``None`` when none came."""

    def __init__(self, wire: Wire, request: SipRequest, peer: Peer, on_response: OnResponse) -> None:
        self.wire, self.request, self.peer = wire, request, peer
        self.finished_s: float | None = None
        self._on_response = on_response
        self._repeater: Repeater | None = None
        self._ack: SipRequest | None = None

    @property
    def is_invite(self) -> bool:
        """Whether this is an INVITE, which is acknowledged and may ring for long."""
        return self.request.method == "INVITE"

    def start(self, timeout_s: float) -> None:
        """Send; without any answer for ``timeout_s`` the transaction has failed."""
        self.wire.send(self.request, self.peer)
        self._repeater = Repeater(self._again, self._gave_up, timeout_s)
        if not self.wire.reliable:
            self._repeater.start(cap_s=timeout_s if self.is_invite else T2_S)

    def receive(self, response: SipResponse) -> None:
        """Take an answer that the endpoint matched to this request."""
        status = response.status_code
        if self.finished_s is not None:
            if self._ack is not None and status >= 300:
                self.wire.send(self._ack, self.peer)  # our ACK was lost
            elif self.is_invite and 200 <= status < 300:
                self._on_response(response)  # a copy, or a second phone that answered
            return
        if status < 200:
            if self._repeater is not None and self.is_invite:
                self._repeater.stop()
            self._on_response(response)
            return
        self.finish()
        if self.is_invite and status >= 300:
            self._ack = _ack_for(self.request, response)
            self.wire.send(self._ack, self.peer)
        self._on_response(response)

    def finish(self) -> None:
        """Send nothing more by itself; late copies are still answered."""
        if self._repeater is not None:
            self._repeater.stop()
        self.finished_s = asyncio.get_running_loop().time()

    def _again(self) -> None:
        self.wire.send(self.request, self.peer)

    def _gave_up(self) -> None:
        if self.finished_s is None:
            self.finish()
            self._on_response(None)


def _ack_for(invite: SipRequest, response: SipResponse) -> SipRequest:
    """Acknowledge a refusal (RFC 3261 17.1.1.3): the INVITE's own branch, the response's To."""
    ack = SipRequest(method="ACK", uri=invite.uri)
    ack.headers.append("Via", invite.headers.get("via")[0])
    for name in ("From", "Call-ID"):
        ack.headers.set_single(name, invite.headers.get_first(name) or "")
    ack.headers.set_single("To", response.headers.get_first("to") or invite.headers.get_first("to") or "")
    number = (invite.headers.get_first("cseq") or "1").split()[0]
    ack.headers.set_single("CSeq", f"{number} ACK")
    ack.headers.set_single("Max-Forwards", "70")
    for route in invite.headers.get("route"):
        ack.headers.append("Route", route)
    return ack


class ServerTransaction:
    """One request of theirs: answers it, repeats the answer to its copies and until its ACK."""

    def __init__(self, wire: Wire, request: SipRequest, peer: Peer) -> None:
        self.wire, self.request, self.peer = wire, request, peer
        self.started_s = asyncio.get_running_loop().time()
        self.response: SipResponse | None = None
        self.on_cancel: Callable[[], None] | None = None
        self.on_ack: Callable[[SipRequest], None] | None = None
        self.on_no_ack: Callable[[], None] | None = None
        self._repeater: Repeater | None = None

    @property
    def final(self) -> bool:
        """Whether a final answer was sent."""
        return self.response is not None and self.response.status_code >= 200

    def respond(self, response: SipResponse) -> None:
        """Send an answer; a final one to an INVITE is repeated until acknowledged."""
        if self.final:
            return
        self.response = response
        self.repeat()
        if self.request.method == "INVITE" and response.status_code >= 200:
            self._repeater = Repeater(self.repeat, self._unacknowledged, LINGER_S)
            if not self.wire.reliable:
                self._repeater.start(cap_s=T2_S)

    def repeat(self) -> None:
        """Send the last answer once more; a connection that is gone needs none."""
        if self.response is None:
            return
        try:
            self.wire.answer(self.response, self.peer)
        except RuntimeError:
            self.stop()

    def acknowledged(self, ack: SipRequest) -> None:
        """Take the ACK; copies of it change nothing."""
        if self._repeater is None:
            return
        self.stop()
        if self.on_ack is not None:
            self.on_ack(ack)

    def stop(self) -> None:
        """Repeat nothing more."""
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None

    def _unacknowledged(self) -> None:
        self._repeater = None
        if self.on_no_ack is not None:
            self.on_no_ack()
