"""``CallTransport`` over SIP and RTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

from aiosipua.utils import format_addr

from core.settings import Settings
from core.types import CallTask
from voice.transport.addresses import parse_hostport, resolve
from voice.transport.auth import Credentials
from voice.transport.call import SipCall
from voice.transport.endpoint import SipEndpoint
from voice.transport.ports import PortRange
from voice.transport.register import Registrar

_CALLER = re.compile(r"\+?[0-9]{3,20}")


@dataclass(frozen=True, slots=True)
class SipOptions:
    """How we call. ``trunk`` is ``host[:port]`` or empty; times are seconds."""

    host: str = "127.0.0.1"
    port: int = 0
    kind: str = "udp"
    trunk: str = ""
    credentials: Credentials = Credentials("nuanye", "")
    register: bool = False
    ports: PortRange = PortRange(30000, 31999)
    ring_timeout_s: float = 45.0
    media_timeout_s: float = 10.0

    @staticmethod
    def from_settings(settings: Settings) -> SipOptions:
        """Read the ``sip_…``, ``rtp_…`` and time-out settings."""
        return SipOptions(
            host=settings.sip_host,
            port=settings.sip_port,
            kind=settings.sip_transport,
            trunk=settings.sip_trunk,
            credentials=Credentials(settings.sip_user, settings.sip_password),
            register=settings.sip_register,
            ports=PortRange(settings.rtp_port_min, settings.rtp_port_max),
            ring_timeout_s=settings.ring_timeout_s,
            media_timeout_s=settings.media_timeout_s,
        )


class SipTransport:
    """Places calls from one SIP address::

    async with SipTransport(SipOptions.from_settings(settings)) as transport:
        async with transport.dial(task) as call:
            ...
    """

    def __init__(self, options: SipOptions) -> None:
        self._options = options
        self._endpoint = SipEndpoint(options.kind, options.host, options.port)
        self._registrar: Registrar | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Our SIP host and port, once started."""
        return self._options.host, self._endpoint.port

    async def __aenter__(self) -> SipTransport:
        """Bind and, if wanted, register. Raises ``CallError``."""
        await self._endpoint.start()
        if self._options.register and self._options.trunk:
            registrar = Registrar(
                self._endpoint, *parse_hostport(self._options.trunk), self._options.credentials
            )
            try:
                await registrar.start()
            except BaseException:
                await self._endpoint.stop()
                raise
            self._registrar = registrar
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unregister and free the address."""
        if self._registrar is not None:
            await self._registrar.stop()
            self._registrar = None
        await self._endpoint.stop()

    @asynccontextmanager
    async def dial(self, task: CallTask) -> AsyncIterator[SipCall]:
        """Ring ``task.callee``; see ``voice.interfaces.CallTransport``."""
        options = self._options
        target = resolve(task.callee.address, options.trunk)
        from_uri = ""
        ours = True
        if options.trunk:
            host, port = parse_hostport(options.trunk)
            # Only the trunk may challenge us: a stranger could try passwords on the answer offline.
            ours = (target.host, target.port) == (host, port)
            user = task.caller if _CALLER.fullmatch(task.caller) else options.credentials.user
            from_uri = f"sip:{user}@{format_addr(host, port)}" if ours else ""
        call = SipCall(
            self._endpoint, options.credentials.user, options.media_timeout_s, options.ring_timeout_s
        )
        call.credentials = options.credentials if ours else None
        call.trunk = options.trunk
        try:
            await call.place(target, from_uri, options.ports)
            yield call
        finally:
            await call.close()
