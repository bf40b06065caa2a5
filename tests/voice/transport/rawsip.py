"""A SIP peer made of strings: says exactly what a test writes, shares no code with the product."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP {codecs}\r\na=sendrecv\r\n"
)


@dataclass
class RawPeer(asyncio.DatagramProtocol):
    """``script`` gets every request and returns what to send back, ready for the wire."""

    script: Callable[[str], list[str]]
    got: list[str] = field(default_factory=list)
    port: int = 0
    sender: tuple[str, int] = ("", 0)
    wire: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        self.got.append(text)
        self.sender = addr
        for message in self.script(text):
            self.say(message)

    def say(self, message: str) -> None:
        assert self.wire is not None
        self.wire.sendto(message.encode(), self.sender)

    def requests(self, method: str) -> list[str]:
        return [text for text in self.got if text.startswith(method + " ")]


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", message, flags=re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else ""


def reply(request: str, status: str, extra: str = "", body: str = "", tag: str = "far") -> str:
    """A response with the request's own headers; ``extra`` holds whole header lines."""
    lines = [f"SIP/2.0 {status}"]
    lines += [f"{name}: {header(request, name)}" for name in ("Via", "From", "Call-ID", "CSeq")]
    to = header(request, "To")
    lines.append(f"To: {to}" if ";tag=" in to else f"To: {to};tag={tag}")
    lines += [line for line in extra.split("\r\n") if line]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])


@asynccontextmanager
async def raw_peer(script: Callable[[str], list[str]]) -> AsyncIterator[RawPeer]:
    peer = RawPeer(script)
    wire, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, local_addr=("127.0.0.1", 0)
    )
    peer.wire = wire
    peer.port = wire.get_extra_info("sockname")[1]
    try:
        yield peer
    finally:
        wire.close()
