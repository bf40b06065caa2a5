"""Registration at the trunk (RFC 3261 section 10): bound while we run, unbound when we stop."""

from __future__ import annotations

import asyncio

from aiosipua.message import SipRequest, SipResponse
from aiosipua.utils import format_addr, generate_call_id, generate_tag

from core.errors import CallError
from core.logs import get_log
from core.types import Disposition
from voice.transport.auth import Credentials, authorize, challenged
from voice.transport.endpoint import USER_AGENT, SipEndpoint

_log = get_log("sip")

EXPIRES_S = 300
_RENEW_AT = 0.8
_RETRY_S = 30.0


class Registrar:
    """Keeps one address bound at ``host:port``; ``start`` fails if the first attempt does."""

    def __init__(self, endpoint: SipEndpoint, host: str, port: int, credentials: Credentials) -> None:
        self._endpoint, self._host, self._port = endpoint, host, port
        self._credentials = credentials
        self._call_id = generate_call_id("nuanye")
        self._tag = generate_tag()
        self._cseq = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Register and keep renewing. Raises ``CallError`` when the registrar refuses."""
        granted = await self._register(EXPIRES_S)
        self._task = asyncio.create_task(self._renew(granted))

    def retry(self) -> None:
        """Keep trying after a first attempt that failed."""
        self._task = asyncio.create_task(self._renew(round(_RETRY_S / _RENEW_AT)))

    async def stop(self) -> None:
        """Take the binding back; a registrar that does not answer is left alone."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            await self._register(0)
        except CallError:
            _log.info("sip_unregister_failed")

    async def _renew(self, granted_s: int) -> None:
        while True:
            await asyncio.sleep(granted_s * _RENEW_AT)
            try:
                granted_s = await self._register(EXPIRES_S)
            except CallError:
                _log.warning("sip_register_failed", retry_s=_RETRY_S)
                granted_s = round(_RETRY_S / _RENEW_AT)

    async def _register(self, expires_s: int) -> int:
        peer = await self._endpoint.reach(self._host, self._port)
        request = self._build(expires_s)
        self._endpoint.stamp(request, peer)
        request.headers.set_single("Contact", self._endpoint.contact(peer, self._credentials.user))
        answer = await self._endpoint.ask(request, peer)
        if challenged(answer) and answer is not None:
            self._cseq += 1
            again = authorize(request, answer, self._credentials, self._cseq)
            if again is not None:
                self._endpoint.stamp(again, peer)
                answer = await self._endpoint.ask(again, peer)
        if answer is None or not 200 <= answer.status_code < 300:
            code = answer.status_code if answer else 408
            raise CallError(
                f"the trunk refused the registration ({code})",
                disposition=Disposition.FAILED,
                hint="check NUANYE_SIP_TRUNK, NUANYE_SIP_USER and NUANYE_SIP_PASSWORD",
            )
        return _granted(answer, expires_s)

    def _build(self, expires_s: int) -> SipRequest:
        self._cseq += 1
        at = format_addr(self._host, self._port)
        address = f"<sip:{self._credentials.user}@{at}>"
        request = SipRequest(method="REGISTER", uri=f"sip:{at}")
        for name, value in (
            ("From", f"{address};tag={self._tag}"),
            ("To", address),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Max-Forwards", "70"),
            ("Expires", str(expires_s)),
            ("User-Agent", USER_AGENT),
        ):
            request.headers.set_single(name, value)
        return request


def _granted(answer: SipResponse, asked_s: int) -> int:
    values = [contact.params.get("expires") for contact in answer.contact]
    values.append(answer.headers.get_first("expires"))
    granted = [int(value) for value in values if value and value.isdigit()]
    return max(10, granted[0]) if granted else asked_s
