"""Several trunks: whom a number is dialled through, and through whom when that one fails. Pure.

A trunk has failed when it does not answer, cannot be reached or says 503 (RFC 3263 4.3). It is asked last for
a while; when all have failed, all are tried again, so that an outage ends by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiosipua.utils import format_addr

from core.errors import CallError
from core.types import Disposition
from voice.transport.addresses import Target, parse_hostport, resolve
from voice.transport.auth import Credentials

ASIDE_S = 60.0
_CALLER = re.compile(r"\+?[0-9]{3,20}")
_USER = re.compile(r"[A-Za-z0-9._~-]{1,64}")


@dataclass(frozen=True, slots=True)
class Trunk:
    """``address`` is ``host[:port]``; the credentials are ours there."""

    address: str
    credentials: Credentials

    @property
    def place(self) -> tuple[str, int]:
        """Host and port. Raises ``CallError``."""
        return parse_hostport(self.address)


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a callee. Without ``trunk`` it is called directly; then nobody may challenge us."""

    target: Target
    from_uri: str = ""
    credentials: Credentials | None = None
    trunk: str = ""


def read_trunks(value: str, default: Credentials, passwords: str = "") -> tuple[Trunk, ...]:
    """Read ``[user@]host[:port], …`` in the order of preference.

    ``passwords`` holds ``host[:port]=password`` separated by spaces, for those that differ from the default.

    Raises:
        CallError: a trunk is no address, or a password belongs to none.
    """
    own = dict(_password(item) for item in passwords.split())
    trunks = tuple(_trunk(item.strip(), default, own) for item in value.split(",") if item.strip())
    unknown = set(own) - {trunk.address for trunk in trunks}
    if unknown:
        raise _bad("NUANYE_SIP_TRUNK_PASSWORDS names a host that is no trunk")
    return trunks


class TrunkPool:
    """Knows which trunks work. ``now_s`` is monotonic."""

    def __init__(self, trunks: tuple[Trunk, ...], now_s: Callable[[], float]) -> None:
        self.trunks = trunks
        self._now_s = now_s
        self._aside_until: dict[str, float] = {}

    def routes(self, address: str, caller: str = "") -> tuple[Route, ...]:
        """Return the ways to ``address``, the best first; never empty.

        ``caller`` is the number to show, if it is one.
        Raises ``CallError``: the address is malformed, or a number and no trunk.
        """
        if not self.trunks:
            return (Route(resolve(address)),)
        if address.strip().lower().startswith("sip:"):
            return (self._direct(address),)
        return tuple(self._through(trunk, address, caller) for trunk in self._by_health())

    def failed(self, trunk: str) -> None:
        """Ask this one last for a while."""
        self._aside_until[trunk] = self._now_s() + ASIDE_S

    def works(self, trunk: str) -> None:
        """It answered: it is as good as the others."""
        self._aside_until.pop(trunk, None)

    def aside(self) -> tuple[str, ...]:
        """Return the trunks that are asked last now."""
        now = self._now_s()
        return tuple(trunk for trunk, until in self._aside_until.items() if until > now)

    def _by_health(self) -> tuple[Trunk, ...]:
        aside = self.aside()
        return tuple(sorted(self.trunks, key=lambda trunk: trunk.address in aside))

    def _direct(self, address: str) -> Route:
        target = resolve(address)
        for trunk in self.trunks:
            if (target.host, target.port) == trunk.place:
                return self._via(trunk, target, "")
        return Route(target, trunk=self.trunks[0].address)

    def _through(self, trunk: Trunk, address: str, caller: str) -> Route:
        return self._via(trunk, resolve(address, trunk.address), caller)

    def _via(self, trunk: Trunk, target: Target, caller: str) -> Route:
        user = caller if _CALLER.fullmatch(caller) else trunk.credentials.user
        from_uri = f"sip:{user}@{format_addr(*trunk.place)}"
        return Route(target, from_uri, trunk.credentials, trunk.address)


def _trunk(item: str, default: Credentials, passwords: Mapping[str, str]) -> Trunk:
    user, at, address = item.rpartition("@")
    if at and not _USER.fullmatch(user):
        raise _bad("a trunk's user is malformed")
    parse_hostport(address)
    password = passwords.get(address, default.password)
    return Trunk(address, Credentials(user or default.user, password))


def _password(item: str) -> tuple[str, str]:
    address, equals, password = item.partition("=")
    if not equals or not address or not password:
        raise _bad("NUANYE_SIP_TRUNK_PASSWORDS is not host=password")
    return address, password


def _bad(message: str) -> CallError:
    return CallError(
        message,
        disposition=Disposition.FAILED,
        hint="e.g. NUANYE_SIP_TRUNK='gw1.example.cn:5060, agency@gw2.example.cn'",
    )
