"""One SIP address: matches answers to our requests and hands requests to the call they belong to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiosipua.headers import Via, stringify_via
from aiosipua.message import SipRequest, SipResponse, missing_required_headers
from aiosipua.utils import format_addr, generate_branch, generate_tag

from core.errors import CallError
from core.logs import get_log
from core.types import Disposition
from voice.transport.transactions import LINGER_S, ClientTransaction, OnResponse, ServerTransaction
from voice.transport.wire import Peer, Wire, make_wire

_log = get_log("sip")

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY"
USER_AGENT = "Nuanye"
REPLY_S = 6.0  # a request inside a call that nobody answers for so long has failed

Handler = Callable[[ServerTransaction], None]


class SipEndpoint:
    """Starts with ``start``; after ``stop`` neither socket nor timer is left."""

    def __init__(self, kind: str, host: str, port: int) -> None:
        self.kind, self.host = kind, host
        self._wire: Wire = make_wire(kind, host, port)
        self._wire.on_message = self._on_message
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[tuple[str, str, str], ServerTransaction] = {}
        self._unacknowledged: dict[tuple[str, str], ServerTransaction] = {}
        self._dialogs: dict[str, Handler] = {}
        self.on_invite: Handler | None = None

    async def start(self) -> None:
        """Bind. Raises ``CallError`` when the address cannot be had."""
        try:
            await self._wire.start()
        except OSError as error:
            raise CallError(
                "the SIP address cannot be bound",
                disposition=Disposition.FAILED,
                hint="check NUANYE_SIP_HOST and NUANYE_SIP_PORT (0: any free port)",
            ) from error

    async def stop(self) -> None:
        """Cancel every timer and close the sockets."""
        for client in self._clients.values():
            client.finish()
        for server in self._servers.values():
            server.stop()
        self._clients.clear()
        self._servers.clear()
        self._unacknowledged.clear()
        self._dialogs.clear()
        await self._wire.stop()

    @property
    def port(self) -> int:
        """The port that we listen on."""
        return self._wire.local_addr[1]

    def local_host(self, peer: Peer) -> str:
        """Return the address that ``peer`` can reach us at, also when bound to all addresses."""
        if self.host not in {"0.0.0.0", "::", ""}:  # noqa: S104 - asks, does not bind
            return self.host
        with socket.socket(socket.AF_INET6 if ":" in peer[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(peer)
            return str(probe.getsockname()[0])

    def contact(self, peer: Peer, user: str) -> str:
        """Return our Contact header towards ``peer``."""
        suffix = ";transport=tcp" if self.kind == "tcp" else ""
        return f"<sip:{user}@{format_addr(self.local_host(peer), self.port)}{suffix}>"

    async def reach(self, host: str, port: int) -> Peer:
        """Resolve a host and, over TCP, connect. Raises ``CallError`` (unreachable)."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            peer = (str(found[0][4][0]), int(found[0][4][1]))
            await self._wire.reach(peer)
        except (OSError, TimeoutError, UnicodeError) as error:
            raise CallError(
                f"the SIP peer cannot be reached ({type(error).__name__})",
                disposition=Disposition.UNREACHABLE,
                hint="check the address, the trunk and the network",
            ) from error
        return peer

    def stamp(self, request: SipRequest, peer: Peer) -> None:
        """Put our Via on top, with a new branch; the valueless rport asks for symmetric routing."""
        via = Via(
            transport=self.kind.upper(),
            host=self.local_host(peer),
            port=self.port,
            params={"branch": generate_branch(), "rport": None},
        )
        request.headers.set_single("Via", stringify_via(via))

    def send(self, request: SipRequest, peer: Peer) -> None:
        """Send without a transaction (an ACK)."""
        self._quietly(lambda: self._wire.send(request, peer))

    def begin(
        self, request: SipRequest, peer: Peer, on_response: OnResponse, timeout_s: float = REPLY_S
    ) -> ClientTransaction:
        """Send a request that was stamped; ``on_response`` gets its answers."""
        self._prune()
        transaction = ClientTransaction(self._wire, request, peer, on_response)
        self._clients[(request.via[0].branch or "", request.method)] = transaction
        try:
            transaction.start(timeout_s)
        except RuntimeError:  # the TCP connection is gone
            transaction.finish()
            asyncio.get_running_loop().call_soon(on_response, None)
        return transaction

    async def ask(self, request: SipRequest, peer: Peer, timeout_s: float = REPLY_S) -> SipResponse | None:
        """Send a request that was stamped and return its final answer, ``None`` if none came."""
        result: asyncio.Future[SipResponse | None] = asyncio.get_running_loop().create_future()

        def on_response(response: SipResponse | None) -> None:
            if not result.done() and (response is None or response.status_code >= 200):
                result.set_result(response)

        self.begin(request, peer, on_response, timeout_s)
        return await result

    def attach(self, call_id: str, handler: Handler) -> None:
        """Hand requests with this Call-ID to ``handler``."""
        self._dialogs[call_id] = handler

    def detach(self, call_id: str) -> None:
        """The call is over: its requests get a 481 from now on."""
        self._dialogs.pop(call_id, None)

    def reply(self, transaction: ServerTransaction, code: int, reason: str) -> None:
        """Answer a request that belongs to no call."""
        request = transaction.request
        response = SipResponse(status_code=code, reason_phrase=reason)
        for via in request.headers.get("via"):
            response.headers.append("Via", via)
        for name in ("From", "Call-ID", "CSeq"):
            response.headers.set_single(name, request.headers.get_first(name) or "")
        to = request.headers.get_first("to") or ""
        response.headers.set_single("To", to if ";tag=" in to else f"{to};tag={generate_tag()}")
        response.headers.set_single("Allow", ALLOW)
        response.headers.set_single("Server", USER_AGENT)
        transaction.respond(response)

    def _on_message(self, message: SipRequest | SipResponse, peer: Peer) -> None:
        if isinstance(message, SipResponse):
            method = message.cseq.method if message.cseq else ""
            client = self._clients.get((message.via[0].branch or "", method)) if message.via else None
            if client is not None:
                client.receive(message)
        elif missing_required_headers(message) or _malformed(message):
            if message.headers.get("via") and message.method != "ACK":
                self.reply(ServerTransaction(self._wire, message, peer), 400, "Bad Request")
        elif message.method == "ACK":
            self._on_ack(message)
        else:
            self._on_request(message, peer)

    def _on_ack(self, ack: SipRequest) -> None:
        transaction = self._unacknowledged.pop(_ack_key(ack), None)
        if transaction is not None:
            transaction.acknowledged(ack)

    def _on_request(self, request: SipRequest, peer: Peer) -> None:
        via = request.via[0]
        key = (via.branch or "", f"{via.host}:{via.port}", request.method)
        known = self._servers.get(key)
        if known is not None:
            known.repeat()
            return
        self._prune()
        transaction = ServerTransaction(self._wire, request, peer)
        self._servers[key] = transaction
        if request.method == "INVITE":
            self._unacknowledged[_ack_key(request)] = transaction
        if request.method == "CANCEL":
            self._on_cancel(transaction, self._servers.get((key[0], key[1], "INVITE")))
        else:
            self._route(transaction)

    def _on_cancel(self, transaction: ServerTransaction, invite: ServerTransaction | None) -> None:
        if invite is None:
            self.reply(transaction, 481, "Call/Transaction Does Not Exist")
            return
        self.reply(transaction, 200, "OK")
        if not invite.final and invite.on_cancel is not None:
            invite.on_cancel()

    def _route(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        handler = self._dialogs.get(request.call_id or "")
        outside = not (request.to_addr and request.to_addr.tag)
        if handler is not None:
            handler(transaction)
        elif request.method == "OPTIONS":
            self.reply(transaction, 200, "OK")
        elif request.method == "INVITE" and outside:
            if self.on_invite is not None:
                self.reply(transaction, 100, "Trying")
                self.on_invite(transaction)
            else:
                self.reply(transaction, 480, "Temporarily Unavailable")
        elif request.method in ALLOW.split(", "):
            self.reply(transaction, 481, "Call/Transaction Does Not Exist")
        else:
            self.reply(transaction, 405, "Method Not Allowed")

    def _quietly(self, send: Callable[[], None]) -> None:
        try:
            send()
        except RuntimeError:
            _log.info("sip_connection_gone")

    def _prune(self) -> None:
        """Forget what is too old for copies to arrive."""
        now = asyncio.get_running_loop().time()
        for key, client in list(self._clients.items()):
            if client.finished_s is not None and now - client.finished_s > LINGER_S:
                del self._clients[key]
        for server_key, server in list(self._servers.items()):
            ringing = server.request.method == "INVITE" and not server.final
            if now - server.started_s > LINGER_S and not ringing:
                del self._servers[server_key]
                self._unacknowledged.pop(_ack_key(server.request), None)


def _malformed(request: SipRequest) -> bool:
    """Whether a header that every handler relies on cannot be read (RFC 3261 8.1.1, 8.2.1)."""
    try:
        cseq, _, _, _ = request.cseq, request.from_addr, request.to_addr, request.contact
    except (ValueError, IndexError):
        return True
    return cseq is None or cseq.method != request.method or not 0 <= cseq.seq < 2**31


def _ack_key(message: SipRequest) -> tuple[str, str]:
    number = (message.headers.get_first("cseq") or "").split(maxsplit=1)
    return message.call_id or "", number[0] if number else ""
