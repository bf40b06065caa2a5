"""What both ends of a SIP call share once they know each other: dialogue, media, events, ending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from aiosipua.dialog import Dialog, dialog_matches, remote_cseq_valid
from aiosipua.headers import parse_uri
from aiosipua.message import SipRequest, SipResponse

from core.types import AudioFrame, CallEvent, Disposition
from voice.interfaces import AudioTap
from voice.transport.addresses import DEFAULT_SIP_PORT
from voice.transport.auth import Credentials, authorize, challenged
from voice.transport.endpoint import ALLOW, REPLY_S, USER_AGENT, SipEndpoint
from voice.transport.feed import EventLog
from voice.transport.keys import digit_from_info
from voice.transport.media import RtpMedia
from voice.transport.sdp import MediaTarget, NoCommonCodec, read_target, write_answer, write_offer
from voice.transport.session_timer import Session
from voice.transport.transactions import ServerTransaction
from voice.transport.wire import Peer

BYE_S = 4.0  # how long a farewell may stay unanswered
_TRANSFER_S = 30.0


class SipLeg:
    """One end of a call. Subclasses bring it to an answer; this brings it to its end."""

    def __init__(self, endpoint: SipEndpoint, user: str, media_timeout_s: float) -> None:
        self.endpoint = endpoint
        self.user = user
        self.dialog = Dialog()
        self.peer: Peer = ("", 0)
        self.answered = False
        self.log = EventLog()
        self.credentials: Credentials | None = None
        self._loop = asyncio.get_running_loop()
        self._origin_s = self._loop.time()
        self._media_timeout_s = media_timeout_s
        self.media = RtpMedia(self._origin_s, self._on_key, self._on_media_lost)
        self.session = Session(self._refresh_session, self._on_session_expired)
        self._sdp_version = 1
        self._held = False
        self._farewell: asyncio.Event | None = None
        self._transfer: asyncio.Future[bool] | None = None

    @property
    def tap(self) -> AudioTap | None:
        """Who listens to both legs."""
        return self.media.tap

    @tap.setter
    def tap(self, tap: AudioTap | None) -> None:
        self.media.tap = tap

    @property
    def ended(self) -> bool:
        """Whether the final event has been written."""
        return self.log.closed

    def frames(self) -> AsyncIterator[AudioFrame]:
        """See ``voice.interfaces.Call``."""
        return self.media.frames()

    def events(self) -> AsyncIterator[CallEvent]:
        """See ``voice.interfaces.Call``; every reader starts at the first event."""
        return self.log.follow()

    async def play(self, frames: Iterable[AudioFrame]) -> int:
        """See ``voice.interfaces.Call``."""
        return await self.media.out.speech.play(frames)

    def clear(self) -> None:
        """See ``voice.interfaces.Call``."""
        self.media.out.speech.clear()

    def pause(self, paused: bool) -> None:
        """See ``voice.interfaces.Pausable``."""
        self.media.out.speech.paused = paused

    async def refer(self, to: str) -> bool:
        """Hand the far end over to the SIP URI ``to`` (REFER, RFC 3515)."""
        if not self.answered or self.ended:
            return False
        refer = self._request("REFER", {"Refer-To": f"<{to}>", "Referred-By": f"<{self.dialog.local_uri}>"})
        self._transfer = self._loop.create_future()
        answer = await self._ask(refer)
        if answer is None or not 200 <= answer.status_code < 300:
            self._transfer = None
            return False
        try:
            return await asyncio.wait_for(self._transfer, _TRANSFER_S)
        except TimeoutError:
            return False
        finally:
            self._transfer = None

    async def hangup(self) -> None:
        """End the call from our side; harmless when it is over. Waits a little for the far end."""
        if not self.ended:
            self._finish("hung_up", by="us", reason="hangup", say_bye=True)
        if self._farewell is not None:
            await self._farewell.wait()

    def _now_ms(self) -> int:
        return round((self._loop.time() - self._origin_s) * 1000)

    def _tell(self, kind: str, **detail: object) -> None:
        self.log.add(CallEvent(kind, self._now_ms(), detail))

    def _finish(self, kind: str, *, say_bye: bool = False, **detail: object) -> None:
        """Write the final event, free the media and, if wanted, say BYE without waiting."""
        if self.ended:
            return
        detail.setdefault("code", 0)
        if self.answered and (fault := self.media.audible.verdict(self.media.inp.received)):
            detail["audio"] = fault
        self.session.stop()
        self._tell(kind, **{k: str(v) if isinstance(v, Disposition) else v for k, v in detail.items()})
        self.media.close()
        if self._transfer is not None and not self._transfer.done():
            self._transfer.set_result(detail.get("by") == "far")
        if say_bye and self.answered:
            self._say_bye()
        else:
            self.endpoint.detach(self.dialog.call_id)

    def _say_bye(self) -> None:
        farewell = self._farewell = asyncio.Event()
        first = self._request("BYE")

        def answered(response: SipResponse | None) -> None:
            if response is not None and response.status_code < 200:
                return
            again = self._authorized(first, response) if challenged(response) else None
            if again is not None and response is not None:
                self.endpoint.begin(again, self._destination(), lambda _: farewell.set(), BYE_S)
                return
            farewell.set()

        self.endpoint.begin(first, self._destination(), answered, BYE_S)
        self.endpoint.detach(self.dialog.call_id)

    def _request(self, method: str, headers: dict[str, str] | None = None, body: str = "") -> SipRequest:
        peer = self._destination()
        request = self.dialog.create_request(method)
        self.endpoint.stamp(request, peer)
        request.headers.set_single("Contact", self.endpoint.contact(peer, self.user))
        request.headers.set_single("User-Agent", USER_AGENT)
        for name, value in (headers or {}).items():
            request.headers.set_single(name, value)
        request.text = body
        return request

    async def _ask(self, request: SipRequest) -> SipResponse | None:
        answer = await self.endpoint.ask(request, self._destination(), REPLY_S)
        again = self._authorized(request, answer) if challenged(answer) else None
        return await self.endpoint.ask(again, self._destination(), REPLY_S) if again else answer

    def _authorized(self, request: SipRequest, response: SipResponse | None) -> SipRequest | None:
        if response is None:
            return None
        again = authorize(request, response, self.credentials, self.dialog.local_cseq + 1)
        if again is not None:
            self.dialog.next_cseq()
            self.endpoint.stamp(again, self._destination())
        return again

    def _destination(self) -> Peer:
        """Where requests inside the call go: first route, else the far end's contact (12.2.1.1)."""
        if self.endpoint.kind == "tcp":
            return self.peer  # the open connection
        routes = self.dialog.route_set
        uri = parse_uri(routes[0].strip("<>").split(">")[0] if routes else self.dialog.remote_target)
        host = uri.host.strip("[]")
        numeric = bool(host) and all(c in "0123456789abcdefABCDEF:." for c in host)
        return (host, uri.port or DEFAULT_SIP_PORT) if numeric else self.peer

    def _respond(self, transaction: ServerTransaction, code: int, reason: str, body: str = "") -> None:
        contact = self.endpoint.contact(transaction.peer, self.user)
        response = self.dialog.create_response(transaction.request, code, reason, contact=contact)
        response.headers.set_single("Allow", ALLOW)
        response.headers.set_single("Server", USER_AGENT)
        for route in transaction.request.headers.get("record-route"):
            response.headers.append("Record-Route", route)
        if body:
            response.text = body
            response.headers.set_single("Content-Type", "application/sdp")
        if code < 300 and transaction.request.method in {"INVITE", "UPDATE"}:
            self.session.refreshed(response)
        transaction.respond(response)

    def _on_request(self, transaction: ServerTransaction) -> None:
        """Answer a request inside this call."""
        request = transaction.request
        if not dialog_matches(self.dialog, request):
            self.endpoint.reply(transaction, 481, "Call/Transaction Does Not Exist")
        elif not remote_cseq_valid(self.dialog, request):
            self._respond(transaction, 500, "Server Internal Error")
        elif request.method == "BYE":
            self._respond(transaction, 200, "OK")
            self._finish("hung_up", by="far", reason="bye")
        elif request.method in {"INVITE", "UPDATE"}:
            self._renegotiate(transaction)
        elif request.method == "INFO":
            self._respond(transaction, 200, "OK")
            digit = digit_from_info(request.content_type or "", request.text)
            if digit:
                self._on_key(digit)
        elif request.method == "NOTIFY":
            self._respond(transaction, 200, "OK")
            self._on_notify(request)
        elif request.method == "OPTIONS":
            self._respond(transaction, 200, "OK")
        elif request.method == "REFER":
            self._respond(transaction, 603, "Decline")
        else:
            self._respond(transaction, 405, "Method Not Allowed")

    def _refresh_session(self) -> None:
        update = self._request("UPDATE")
        self.session.stamp(update)

        def answered(response: SipResponse | None) -> None:
            if response is None or response.status_code in {408, 481}:
                self._on_session_expired()

        self.endpoint.begin(update, self._destination(), answered)

    def _on_session_expired(self) -> None:
        self._finish("hung_up", say_bye=True, by="us", reason="session expired")

    def _on_notify(self, request: SipRequest) -> None:
        status = _reported_status(request.text)
        if status >= 200 and self._transfer is not None and not self._transfer.done():
            self._transfer.set_result(status < 300)

    def _renegotiate(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.contact:
            self.dialog.remote_target = contact_uri(request)
        host, port = self.endpoint.local_host(transaction.peer), self.media.port
        self._sdp_version += 1
        if not request.body:
            refresh_only = request.method == "UPDATE"
            body = "" if refresh_only else write_offer(host, port, self._sdp_version)
            transaction.on_ack = self._on_delayed_answer
            self._respond(transaction, 200, "OK", body)
            return
        try:
            body = write_answer(request.text, host, port, self._sdp_version)
            target = read_target(request.text)
        except NoCommonCodec:
            self._respond(transaction, 488, "Not Acceptable Here")
            return
        self._respond(transaction, 200, "OK", body)
        self._retarget(target)

    def _on_delayed_answer(self, ack: SipRequest) -> None:
        if ack.body:
            try:
                self._retarget(read_target(ack.text))
            except NoCommonCodec:
                return

    def _retarget(self, target: MediaTarget) -> None:
        self.media.connect(target)
        if target.held != self._held:
            self._held = target.held
            self._tell("held" if target.held else "resumed")

    def _on_key(self, digit: str) -> None:
        self._tell("dtmf", digit=digit)

    def _on_media_lost(self) -> None:
        self._tell("media_lost")
        never = {} if self.media.inp.received else {"disposition": Disposition.MEDIA_FAILED}
        self._finish("hung_up", say_bye=True, by="us", reason="media lost", **never)


def _reported_status(sipfrag: str) -> int:
    """Read the status line of a transfer's report (RFC 3420), 0 for anything else."""
    words = sipfrag.split(maxsplit=2)
    return int(words[1]) if len(words) > 1 and words[0] == "SIP/2.0" and words[1].isdigit() else 0


def contact_uri(message: SipRequest | SipResponse) -> str:
    """Return the first Contact of a message without its brackets."""
    value = message.headers.get("contact")[0]
    start, end = value.find("<"), value.find(">")
    return value[start + 1 : end] if 0 <= start < end else value.split(";")[0].strip()
