"""``CallTransport`` over SIP and RTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

from core.errors import CallError
from core.logs import get_log
from core.settings import Settings
from core.types import CallTask
from voice.transport.auth import Credentials
from voice.transport.call import SipCall
from voice.transport.endpoint import SipEndpoint
from voice.transport.ports import PortRange
from voice.transport.register import Registrar
from voice.transport.trunks import TrunkPool, read_trunks

_LOG = get_log("sip")


@dataclass(frozen=True, slots=True)
class SipOptions:
    """How we call. ``trunk`` and ``trunk_passwords`` as in ``read_trunks``; times are seconds."""

    host: str = "127.0.0.1"
    port: int = 0
    kind: str = "udp"
    trunk: str = ""
    trunk_passwords: str = ""
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
            trunk_passwords=settings.sip_trunk_passwords,
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
        self._registrars: list[Registrar] = []
        trunks = read_trunks(options.trunk, options.credentials, options.trunk_passwords)
        self.pool = TrunkPool(trunks, lambda: asyncio.get_running_loop().time())

    @property
    def address(self) -> tuple[str, int]:
        """Our SIP host and port, once started."""
        return self._options.host, self._endpoint.port

    async def __aenter__(self) -> SipTransport:
        """Bind and, if wanted, register. Raises ``CallError`` when no trunk takes the registration."""
        await self._endpoint.start()
        if self._options.register:
            try:
                await self._register()
            except BaseException:
                await self._leave()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unregister and free the address."""
        await self._leave()

    @asynccontextmanager
    async def dial(self, task: CallTask) -> AsyncIterator[SipCall]:
        """Ring ``task.callee``; see ``voice.interfaces.CallTransport``."""
        options = self._options
        routes = self.pool.routes(task.callee.address, task.caller)
        call = SipCall(
            self._endpoint, options.credentials.user, options.media_timeout_s, options.ring_timeout_s
        )
        try:
            await call.place(routes, options.ports, self.pool)
            yield call
        finally:
            await call.close()

    async def _register(self) -> None:
        refused: list[CallError] = []
        for trunk in self.pool.trunks:
            registrar = Registrar(self._endpoint, *trunk.place, trunk.credentials)
            try:
                await registrar.start()
            except CallError as error:
                _LOG.warning("sip_register_failed", trunk=trunk.address)
                self.pool.failed(trunk.address)
                refused.append(error)
                registrar.retry()
            self._registrars.append(registrar)
        if refused and len(refused) == len(self.pool.trunks):
            raise refused[0]

    async def _leave(self) -> None:
        for registrar in self._registrars:
            await registrar.stop()
        self._registrars.clear()
        await self._endpoint.stop()
