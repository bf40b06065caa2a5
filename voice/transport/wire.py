"""SIP sockets. They differ from aiosipua's where a call centre must not fail (see each method)."""

from __future__ import annotations

import asyncio
from typing import Any

from aiosipua.message import SipMessage, SipRequest, SipResponse
from aiosipua.transport import SipTransport as _BaseWire
from aiosipua.transport import TcpSipTransport, UdpSipTransport, _stamp_via_received

from core.logs import get_log

_log = get_log("sip")

Peer = tuple[str, int]
_CONNECT_S = 5.0


class _Guarded(_BaseWire):
    """Parses without logging what it could not parse: SIP lines carry telephone numbers."""

    def _dispatch(self, data: bytes, addr: Peer) -> None:
        if not data.strip(b"\r\n\0 "):
            return  # keep-alive (RFC 5626)
        try:
            message = SipMessage.parse(data)
            if isinstance(message, SipRequest):
                _stamp_via_received(message, addr)
            if self.on_message is not None:
                self.on_message(message, addr)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            # Whatever a stranger sends must not end the reading loop.
            _log.warning("sip_unreadable", size=len(data), error=type(error).__name__)


class _UdpProtocol(asyncio.DatagramProtocol):
    def __init__(self, owner: UdpWire) -> None:
        self._owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # aiosipua asserts a base class here that uvloop's transports do not have.
        self._owner._udp_transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._owner._dispatch(data, (str(addr[0]), int(addr[1])))


class UdpWire(_Guarded, UdpSipTransport):
    """SIP over UDP."""

    async def start(self) -> None:
        """Bind; ``local_addr`` then holds the real port."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _UdpProtocol(self), local_addr=self.local_addr
        )
        self.local_addr = transport.get_extra_info("sockname")[:2]

    async def reach(self, peer: Peer) -> None:
        """Nothing to prepare: datagrams need no connection."""

    def answer(self, response: SipResponse, peer: Peer) -> None:
        """Send a response where its Via says (RFC 3261 18.2.2, RFC 3581)."""
        self.send_reply(response)


class TcpWire(_Guarded, TcpSipTransport):
    """SIP over TCP; one connection per peer, opened when it is first needed."""

    async def start(self) -> None:
        """Listen; ``local_addr`` then holds the real port."""
        self._serving: set[asyncio.Task[None]] = set()
        await super().start()
        if self._server is not None:
            self.local_addr = self._server.sockets[0].getsockname()[:2]

    async def reach(self, peer: Peer) -> None:
        """Connect if no connection is open. Raises ``OSError``/``TimeoutError``."""
        if peer not in self._connections:
            await asyncio.wait_for(self.connect(peer), _CONNECT_S)

    def answer(self, response: SipResponse, peer: Peer) -> None:
        """Answer on the connection that the request came by (RFC 3261 18.2.2)."""
        self.send(response, peer)

    async def stop(self) -> None:
        """Close every connection and wait until they are gone."""
        writers = [writer for _, writer in self._connections.values()]
        await super().stop()
        for writer in writers:
            writer.close()  # aiosipua forgets the connections whose readers it cancels
            try:
                await asyncio.wait_for(writer.wait_closed(), _CONNECT_S)
            except (OSError, TimeoutError):
                continue
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        await super()._handle_connection(reader, writer)


Wire = UdpWire | TcpWire


def make_wire(kind: str, host: str, port: int) -> Wire:
    """Build the socket for ``udp`` or ``tcp``; ``start`` binds it."""
    return (TcpWire if kind == "tcp" else UdpWire)(local_addr=(host, port))
