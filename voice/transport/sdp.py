"""Session descriptions (RFC 4566, RFC 3264) for one G.711 audio stream with telephone-events."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from aiosipua.sdp import MediaDescription, SdpMessage, parse_sdp

from core.errors import BadInput

PCMU, PCMA = 0, 8
DTMF_TYPE = 101
OFFERED = (PCMA, PCMU)  # A-law first: it is what Chinese carriers transport
_NAMES = {PCMU: "PCMU", PCMA: "PCMA"}
_CODECS = {"PCMU": PCMU, "PCMA": PCMA}
_MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class NoCommonCodec(BadInput):
    """The far end's description holds no audio stream that we can talk to."""


@dataclass(frozen=True, slots=True)
class MediaTarget:
    """The far end's audio stream: where it listens and what it understands.

    ``payload_type`` is its number for the codec named ``codec`` (``PCMA``/``PCMU``);
    ``dtmf_type`` its number for telephone-events (``None``: it takes none);
    ``direction`` is stated from its own point of view.
    """

    host: str
    port: int
    payload_type: int
    codec: int
    dtmf_type: int | None
    direction: str = "sendrecv"

    @property
    def held(self) -> bool:
        """Whether the far end does not want to hear us now."""
        return self.direction in {"sendonly", "inactive"}

    @property
    def silent(self) -> bool:
        """Whether the far end announced that it sends nothing now."""
        return self.direction in {"recvonly", "inactive"}


def read_target(text: str, codecs: tuple[int, ...] = OFFERED) -> MediaTarget:
    """Read the far end's description; of its codecs the first one in ``codecs`` is taken.

    Raises:
        NoCommonCodec: malformed, no audio, audio refused (port 0) or none of ``codecs``.
    """
    message = _parse(text)
    audio = _audio(message)
    where = audio.connection or message.connection
    if where is None:
        raise NoCommonCodec("the session description names no media address")
    known = {name: number for name, number in _CODECS.items() if number in codecs}
    chosen = next(
        (c for c in audio.codecs if c.encoding_name.upper() in known and c.clock_rate in {0, 8000}), None
    )
    if chosen is None:
        raise NoCommonCodec("the far end offers no codec of ours")
    dtmf = next((c.payload_type for c in audio.codecs if c.encoding_name.lower() == "telephone-event"), None)
    direction = _direction(message, audio)
    host = where.address.split("/")[0]
    if _address(host).is_unspecified:  # RFC 2543's way of putting a call on hold
        direction = "inactive"
    codec = _CODECS[chosen.encoding_name.upper()]
    return MediaTarget(host, audio.port, chosen.payload_type, codec, dtmf, direction)


def write_offer(host: str, port: int, version: int, direction: str = "sendrecv") -> str:
    """Describe our stream. ``version`` must rise with every change in a call."""
    return _write(host, port, version, _audio_lines(port, OFFERED, DTMF_TYPE, direction))


def write_answer(offer: str, host: str, port: int, version: int, codecs: tuple[int, ...] = OFFERED) -> str:
    """Answer ``offer`` with its first codec that we share; other streams are refused.

    Raises:
        NoCommonCodec: see ``read_target``.
    """
    target = read_target(offer, codecs)
    message = _parse(offer)
    chosen = _audio(message)
    lines: list[str] = []
    for media in message.media:
        if media is chosen:
            number = target.payload_type
            body = [f"m=audio {port} RTP/AVP {number}", f"a=rtpmap:{number} {_NAMES[target.codec]}/8000"]
            if target.dtmf_type is not None:
                body[0] += f" {target.dtmf_type}"
                body += [
                    f"a=rtpmap:{target.dtmf_type} telephone-event/8000",
                    f"a=fmtp:{target.dtmf_type} 0-16",
                ]
            lines += [*body, "a=ptime:20", f"a={_MIRROR[target.direction]}"]
        else:
            lines.append(f"m={media.media} 0 {media.proto} {' '.join(media.formats) or '0'}")
    return _write(host, port, version, lines)


def _audio_lines(port: int, codecs: tuple[int, ...], dtmf: int, direction: str) -> list[str]:
    return [
        f"m=audio {port} RTP/AVP {' '.join(map(str, codecs))} {dtmf}",
        *(f"a=rtpmap:{codec} {_NAMES[codec]}/8000" for codec in codecs),
        f"a=rtpmap:{dtmf} telephone-event/8000",
        f"a=fmtp:{dtmf} 0-16",
        "a=ptime:20",
        f"a={direction}",
    ]


def _write(host: str, port: int, version: int, media: list[str]) -> str:
    family = "IP6" if ":" in host else "IP4"
    head = ["v=0", f"o=nuanye {port} {version} IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0"]
    return "\r\n".join([*head, *media]) + "\r\n"


def _parse(text: str) -> SdpMessage:
    try:
        return parse_sdp(text)
    except (ValueError, IndexError) as error:
        raise NoCommonCodec("the session description is malformed") from error


def _audio(message: SdpMessage) -> MediaDescription:
    for media in message.media:
        if media.media == "audio" and media.port > 0 and media.proto.upper() == "RTP/AVP":
            return media
    raise NoCommonCodec("the session description holds no usable audio stream")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError as error:
        raise NoCommonCodec("the media address is not an IP address") from error


def _direction(message: SdpMessage, audio: MediaDescription) -> str:
    for attributes in (audio.attributes, message.attributes):
        for name in _MIRROR:
            if name in attributes:
                return name
    return "sendrecv"
