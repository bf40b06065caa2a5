"""From what a campaign list holds (a SIP URI or a telephone number) to where an INVITE is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import CallError
from core.types import Disposition

DEFAULT_SIP_PORT = 5060

_NUMBER = re.compile(r"\+?[0-9*#]{2,20}")
_URI = re.compile(
    r"sip:(?:(?P<user>[A-Za-z0-9._~!$&'()*+=%#-]{1,64})@)?"
    r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
    r"(?P<params>;[A-Za-z0-9.;=_-]{1,128})?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """``uri`` names the callee; ``host`` and ``port`` say where the request is sent."""

    uri: str
    host: str
    port: int


def _bad(message: str, hint: str) -> CallError:
    return CallError(message, disposition=Disposition.FAILED, hint=hint)


def parse_hostport(value: str) -> tuple[str, int]:
    """Split ``host[:port]``; IPv6 addresses stand in brackets, which are removed.

    Raises:
        CallError: the value is no address.
    """
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?", value.strip())
    if match is None or int(match.group(2) or 1) not in range(1, 65536):
        raise _bad("the SIP trunk is not host:port", "set NUANYE_SIP_TRUNK, e.g. sip.example.cn:5060")
    return match.group(1).strip("[]"), int(match.group(2) or DEFAULT_SIP_PORT)


def resolve(address: str, trunk: str = "") -> Target:
    """Turn a SIP URI or telephone number into a target.

    Numbers may hold spaces, hyphens and brackets; they are dialled through ``trunk``
    (``host[:port]``) as ``sip:number@trunk``.

    Raises:
        CallError: neither a SIP URI nor a number, or a number without a trunk. The message
            never repeats the address.
    """
    text = address.strip()
    if text.lower().startswith("sips:"):
        raise _bad("sips: addresses are not supported", "use a sip: address")
    if text.lower().startswith("sip:"):
        match = _URI.fullmatch("sip:" + text[4:])
        port = int(match.group("port") or DEFAULT_SIP_PORT) if match else 0
        if match is None or not 0 < port < 65536:
            raise _bad("the callee's SIP address is malformed", "write it as sip:user@host:port")
        return Target("sip:" + text[4:], match.group("host").strip("[]"), port)
    number = re.sub(r"[\s()（）-]", "", text.lower().removeprefix("tel:"))
    if not _NUMBER.fullmatch(number):
        raise _bad("the callee's address is neither a SIP address nor a telephone number", "check the list")
    if not trunk:
        raise _bad("a telephone number needs a SIP trunk", "set NUANYE_SIP_TRUNK to host:port")
    host, port = parse_hostport(trunk)
    shown = f"[{host}]" if ":" in host else host
    at = shown if port == DEFAULT_SIP_PORT else f"{shown}:{port}"
    return Target(f"sip:{number.replace('#', '%23')}@{at}", host, port)
