"""The far end of the line: answers SIP calls, for the synthetic resident and for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from aiosipua.dialog import DialogState, create_dialog_from_request
from aiosipua.message import SipRequest

from core.errors import CallError
from core.logs import get_log
from voice.transport.endpoint import SipEndpoint
from voice.transport.leg import SipLeg
from voice.transport.ports import PortRange
from voice.transport.sdp import OFFERED, NoCommonCodec, read_target, write_answer, write_offer
from voice.transport.transactions import ServerTransaction

_log = get_log("sip")

_PORTS = PortRange(32000, 33999)

_REASONS = {
    180: "Ringing",
    183: "Session Progress",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}


class IncomingLeg(SipLeg):
    """One call that came in. Satisfies ``voice.interfaces.Call``, plus what a person can do.

    ``codecs`` are those it agrees to. Until ``answer`` nothing is sent unless ``ring`` or
    ``early_media`` is called. Events: ``answered``, ``dtmf``, ``held``, ``hung_up`` (by ``far``:
    the caller cancelled or said BYE).
    """

    def __init__(self, endpoint: SipEndpoint, invite: ServerTransaction, ports: PortRange) -> None:
        super().__init__(endpoint, "callee", media_timeout_s=0.0)
        self._invite = invite
        self._ports = ports
        self.peer = invite.peer
        self.dialog = create_dialog_from_request(invite.request)
        self.called = self.dialog.local_uri
        self.codecs: tuple[int, ...] = OFFERED
        self._session = ""
        invite.on_cancel = self._on_cancelled
        invite.on_no_ack = self._on_no_ack
        endpoint.attach(self.dialog.call_id, self._on_request)

    def ring(self, reason: str = "") -> None:
        """Send 180 Ringing."""
        self._respond(self._invite, 180, reason or _REASONS[180])

    async def early_media(self) -> None:
        """Send 183 with a session; what is played from now on is heard before the answer.

        Raises ``CallError`` without a free port, ``NoCommonCodec`` when we share no codec.
        """
        await self._open()
        self._respond(self._invite, 183, _REASONS[183], self._session)

    async def answer(self, *, quiet: bool = False, session: str | None = None) -> None:
        """Send 200. ``quiet`` sends no RTP ever; ``session`` replaces our session description.

        Raises ``CallError`` without a free port, ``NoCommonCodec`` (after a 488) without a codec.
        """
        self.media.quiet = quiet
        try:
            await self._open()
        except NoCommonCodec:
            self.decline(488)
            raise
        if self.ended:
            return
        self.answered = True
        self.dialog.confirm()
        self._respond(self._invite, 200, "OK", self._session if session is None else session)
        self._tell("answered", code=200)

    def decline(self, code: int = 603, reason: str = "") -> None:
        """Refuse with a final SIP status (300–699)."""
        if not self.ended and not self.answered:
            self._respond(self._invite, code, reason or _REASONS.get(code, "Declined"))
            self._finish("rejected", by="us", code=code)

    async def press(self, digit: str, *, via_info: bool = False) -> None:
        """Press a key, as RFC 4733 events in RTP or as SIP INFO."""
        if via_info:
            body = f"Signal={digit}\r\nDuration=160\r\n"
            await self._ask(self._request("INFO", {"Content-Type": "application/dtmf-relay"}, body))
        else:
            await self.media.out.press(digit)

    async def hold(self, direction: str = "sendonly") -> int:
        """Send a re-INVITE that holds the caller (``sendrecv`` resumes); return its status, 0: none."""
        self._sdp_version += 1
        host = self.endpoint.local_host(self.peer)
        body = write_offer(host, self.media.port, self._sdp_version, direction)
        invite = self._request("INVITE", {"Content-Type": "application/sdp"}, body)
        response = await self._ask(invite)
        if response is None:
            return 0
        if response.status_code < 300:
            ack = self._request("ACK")
            number = (response.headers.get_first("cseq") or "").split()[0]
            ack.headers.set_single("CSeq", f"{number} ACK")
            self.dialog.local_cseq -= 1
            self.endpoint.send(ack, self._destination())
        self.media.quiet = direction in {"recvonly", "inactive"}
        return response.status_code

    async def bye(self) -> int:
        """Send one more BYE whatever the state is; return its status, 0: unanswered."""
        response = await self._ask(self._request("BYE"))
        return response.status_code if response else 0

    def vanish(self) -> None:
        """Fall silent on every channel without a word, as a dead battery does."""
        self._invite.stop()
        self._finish("hung_up", by="us", reason="vanished")
        self.endpoint.attach(self.dialog.call_id, lambda _: None)

    async def hangup(self) -> None:
        """End the call: BYE, or 603 when it was never answered."""
        if not self.answered and not self.ended:
            self.decline()
        await super().hangup()

    async def close(self) -> None:
        """Hang up, unless it vanished, and free the ports."""
        await self.hangup()
        self._invite.stop()
        self.media.close()
        self.endpoint.detach(self.dialog.call_id)

    async def _open(self) -> None:
        if self.media.started or self.ended:
            return
        request = self._invite.request
        await self.media.bind(self.endpoint.host, self._ports)
        host = self.endpoint.local_host(self.peer)
        if request.body:
            version = self._sdp_version
            self._session = write_answer(request.text, host, self.media.port, version, self.codecs)
            self.media.may_speak = True
            self.media.connect(read_target(request.text, self.codecs))
        else:
            self._session = write_offer(host, self.media.port, self._sdp_version)
            self._invite.on_ack = self._on_session_in_ack

    def _on_session_in_ack(self, ack: SipRequest) -> None:
        self.media.may_speak = True
        self._on_delayed_answer(ack)

    def _on_cancelled(self) -> None:
        self._respond(self._invite, 487, _REASONS[487])
        self._finish("hung_up", by="far", code=487, reason="cancelled")

    def _on_no_ack(self) -> None:
        if self.dialog.state == DialogState.CONFIRMED:
            self._finish("hung_up", say_bye=True, by="us", reason="no ACK")


OnCall = Callable[[IncomingLeg], Awaitable[None]]


class AnsweringTransport:
    """Listens on one SIP address and runs ``on_call`` for every call that comes in::

        async def person(leg: IncomingLeg) -> None:
            leg.ring()
            await asyncio.sleep(2)
            await leg.answer()
            await leg.play(frames)

        async with AnsweringTransport(person) as far:
            ...  # call sip:anyone@{far.host}:{far.port}

    When ``on_call`` returns, its leg is hung up. Leaving the context ends every call.
    """

    def __init__(
        self,
        on_call: OnCall,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        kind: str = "udp",
        ports: PortRange = _PORTS,
    ) -> None:
        self.host = host
        self._on_call = on_call
        self._ports = ports
        self.endpoint = SipEndpoint(kind, host, port)
        self.endpoint.on_invite = self._on_invite
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where we listen, once started."""
        return self.endpoint.port

    @property
    def uri(self) -> str:
        """An address that reaches us."""
        suffix = ";transport=tcp" if self.endpoint.kind == "tcp" else ""
        return f"sip:resident@{self.host}:{self.port}{suffix}"

    async def __aenter__(self) -> AnsweringTransport:
        """Bind. Raises ``CallError``."""
        await self.endpoint.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every call and free the address."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.endpoint.stop()

    def _on_invite(self, transaction: ServerTransaction) -> None:
        task = asyncio.create_task(self._run(IncomingLeg(self.endpoint, transaction, self._ports)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, leg: IncomingLeg) -> None:
        try:
            await self._on_call(leg)
        except CallError as error:
            _log.warning("far_end_failed", error=str(error))
        except Exception:  # noqa: BLE001 - supervised: one call's script must not end the listener
            _log.exception("far_end_script_failed")
        finally:
            await leg.close()
