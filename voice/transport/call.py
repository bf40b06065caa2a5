"""A call that we place, from INVITE to its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from aiosipua.dialog import Dialog
from aiosipua.message import SipRequest, SipResponse
from aiosipua.utils import format_addr, generate_call_id, generate_tag

from core.errors import CallError
from core.tasks import end_tasks
from core.types import Disposition
from voice.interfaces import Call
from voice.transport.addresses import Target, resolve
from voice.transport.auth import challenged
from voice.transport.causes import disposition_for
from voice.transport.endpoint import ALLOW, USER_AGENT, SipEndpoint
from voice.transport.leg import BYE_S, SipLeg, contact_uri
from voice.transport.ports import PortRange
from voice.transport.refer import in_place_of_us
from voice.transport.sdp import NoCommonCodec, read_target, write_offer
from voice.transport.transactions import ClientTransaction, ServerTransaction
from voice.transport.trunks import Route, TrunkPool

ANY_ANSWER_S = 10.0  # an INVITE that draws not even a 100 for so long has nobody at the other end
NEXT_ROUTE_S = 4.0  # … and when there is another way to the callee
_TRUNK_FAILED = 503


class SipCall(SipLeg):
    """``voice.interfaces.Call`` over SIP. ``place`` starts it; ``close`` leaves nothing behind."""

    def __init__(
        self, endpoint: SipEndpoint, user: str, media_timeout_s: float, ring_timeout_s: float
    ) -> None:
        super().__init__(endpoint, user, media_timeout_s)
        self._ring_timeout_s = ring_timeout_s
        self._ring_timer: asyncio.TimerHandle | None = None
        self._routes: deque[Route] = deque()
        self._route = Route(Target("", "", 0))
        self._pool = TrunkPool((), self._loop.time)
        self._rerouting: asyncio.Task[None] | None = None
        self._invite: ClientTransaction | None = None
        self._sent = SipRequest(method="INVITE")
        self._proceeding = self._rang = False
        self._cancelling = False
        self._settled = asyncio.Event()
        self._ack: SipRequest | None = None

    async def place(self, routes: Sequence[Route], ports: PortRange, pool: TrunkPool) -> None:
        """Take a port pair and send the INVITE, by the next of ``routes`` when one fails.

        Raises ``CallError`` when the last one cannot even be reached.
        """
        self._routes, self._pool = deque(routes), pool
        await self.media.bind(self.endpoint.host, ports)
        self._ring_timer = self._loop.call_later(self._ring_timeout_s, self._on_ring_timeout)
        await self._invite_next()

    async def _invite_next(self) -> None:
        """Send the INVITE by the first route that can be reached."""
        while True:
            self._route = route = self._routes.popleft()
            try:
                self.peer = await self.endpoint.reach(route.target.host, route.target.port)
                break
            except CallError:
                self._pool.failed(route.trunk)
                if not self._routes:
                    raise
        self.credentials = route.credentials
        self._sent = self._first_invite(route)
        self._proceeding = False
        self._invite = self.endpoint.begin(self._sent, self.peer, self._on_response, self._patience_s())

    def _patience_s(self) -> float:
        return NEXT_ROUTE_S if self._routes else ANY_ANSWER_S

    def _first_invite(self, route: Route) -> SipRequest:
        """A call id of its own for each route: what the last one may still say concerns nobody."""
        host = self.endpoint.local_host(self.peer)
        self.endpoint.detach(self.dialog.call_id)
        self.dialog = Dialog(
            call_id=generate_call_id(host),
            local_tag=generate_tag(),
            local_uri=route.from_uri or f"sip:{self.user}@{format_addr(host, self.endpoint.port)}",
            remote_uri=route.target.uri,
            remote_target=route.target.uri,
        )
        self.endpoint.attach(self.dialog.call_id, self._on_early_request)
        invite = self.dialog.create_request("INVITE")
        invite.headers.set_single("Contact", self.endpoint.contact(self.peer, self.user))
        invite.headers.set_single("Allow", ALLOW)
        invite.headers.set_single("User-Agent", USER_AGENT)
        self.session.offer(invite)
        invite.headers.set_single("Content-Type", "application/sdp")
        invite.text = write_offer(host, self.media.port, self._sdp_version)
        self.endpoint.stamp(invite, self.peer)
        return invite

    def _turned_away(self, code: int) -> bool:
        """Whether the route failed, not the callee, and another one is tried instead."""
        if code not in (0, _TRUNK_FAILED) or not self._route.trunk:
            return False
        self._pool.failed(self._route.trunk)
        if not self._routes or self._cancelling or self.ended or self._rang:
            return False
        self._tell("rerouted", code=code)
        self._rerouting = self._loop.create_task(self._reroute())
        return True

    async def _reroute(self) -> None:
        try:
            await self._invite_next()
        except CallError as error:
            self._settled.set()
            self._finish("failed", by="us", reason="no route", disposition=error.disposition)

    async def transfer(self, to: str, replacing: Call | None = None) -> bool:
        """See ``voice.interfaces.Call``; telephone numbers go through the trunk."""
        if isinstance(replacing, SipCall):
            return (
                replacing.answered
                and not replacing.ended
                and await self.refer(in_place_of_us(replacing.dialog))
            )
        try:
            return await self.refer(resolve(to, self._route.trunk).uri)
        except CallError:
            return False

    async def hangup(self) -> None:
        """Cancel while it rings, say BYE afterwards."""
        if not self.answered and not self.ended:
            self._cancel()
            self._finish("hung_up", by="us", code=487, reason="cancelled")
        await super().hangup()

    async def close(self) -> None:
        """Hang up and wait, for a bounded time, until the far end agreed."""
        try:
            await self.hangup()
            if self._invite is not None:
                await asyncio.wait_for(self._settled.wait(), BYE_S)
        except TimeoutError:
            return
        finally:
            if self._ring_timer is not None:
                self._ring_timer.cancel()
            if self._rerouting is not None:
                await end_tasks([self._rerouting])
            if self._invite is not None:
                self._invite.finish()  # a late answer is still acknowledged and hung up
            self.media.close()
            self.endpoint.detach(self.dialog.call_id)

    def _on_response(self, response: SipResponse | None) -> None:
        if response is None:
            if self._turned_away(0):
                return
            self._settled.set()
            self._finish(
                "failed", by="us", code=408, reason="no response", disposition=Disposition.UNREACHABLE
            )
        elif response.status_code < 200:
            self._on_provisional(response)
        elif response.status_code < 300:
            self._on_accepted(response)
        else:
            self._on_refused(response)

    def _on_provisional(self, response: SipResponse) -> None:
        self._proceeding = True
        self._pool.works(self._route.trunk)
        if self._cancelling:
            self._send_cancel()
            return
        if self.ended:
            return
        self._rang = self._rang or response.status_code > 100
        if response.status_code == 180:
            self._tell("ringing", code=180)
        if response.body:
            self._hear_early(response)

    def _hear_early(self, response: SipResponse) -> None:
        try:
            target = read_target(response.text)
        except NoCommonCodec:
            return  # it may still answer with something usable
        if not self.media.started:
            self._tell("early_media", code=response.status_code)
        if target != self.media.target:
            self.media.connect(target)

    def _on_accepted(self, response: SipResponse) -> None:
        tag = response.to_addr.tag if response.to_addr else ""
        if self._ack is not None:
            if tag == self.dialog.remote_tag:
                self.endpoint.send(self._ack, self._destination())  # a copy: our ACK was lost
            return
        self._settled.set()
        if self._ring_timer is not None:
            self._ring_timer.cancel()
        self.dialog.remote_tag = tag or ""
        self.dialog.route_set = list(reversed(response.headers.get("record-route")))
        if response.headers.get("contact"):
            self.dialog.remote_target = contact_uri(response)
        self.dialog.confirm()
        self.answered = True
        self._acknowledge()
        if self.ended:  # answered in the moment in which we cancelled
            self._say_bye()
            return
        self.endpoint.attach(self.dialog.call_id, self._on_request)
        self.session.agree(response)
        self._open_media(response)

    def _open_media(self, response: SipResponse) -> None:
        try:
            if response.body or self.media.target is None:
                self.media.connect(read_target(response.text))
        except NoCommonCodec:
            self._finish(
                "failed",
                say_bye=True,
                by="us",
                code=488,
                reason="no common codec",
                disposition=Disposition.MEDIA_FAILED,
            )
            return
        self.media.may_speak = True
        self.media.watch(self._media_timeout_s)
        self._tell("answered", code=response.status_code)

    def _acknowledge(self) -> None:
        """ACK a 2xx: the INVITE's number, a branch of its own (13.2.2.4)."""
        number = (self._sent.headers.get_first("cseq") or "1").split()[0]
        counted = self.dialog.local_cseq
        self._ack = self._request("ACK")
        self._ack.headers.set_single("CSeq", f"{number} ACK")
        self.dialog.local_cseq = counted
        self.endpoint.send(self._ack, self._destination())

    def _on_refused(self, response: SipResponse) -> None:
        if challenged(response) and not self.ended:
            again = self._authorized(self._sent, response)
            if again is not None:
                self._proceeding = False
                self._sent = again
                self._invite = self.endpoint.begin(again, self.peer, self._on_response, self._patience_s())
                return
        code = response.status_code
        if self._turned_away(code):
            return
        if self.session.too_short(response) and not self.ended:
            self._sent = self._first_invite(self._route)
            self._invite = self.endpoint.begin(self._sent, self.peer, self._on_response, self._patience_s())
            return
        self._settled.set()
        self._finish(
            "rejected",
            by="far",
            code=code,
            reason=response.reason_phrase[:80],
            disposition=disposition_for(code, response.headers.get("reason")),
        )

    def _on_ring_timeout(self) -> None:
        if not self.answered and not self.ended:
            self._cancel()
            self._finish(
                "failed", by="us", code=487, reason="ring timeout", disposition=Disposition.NO_ANSWER
            )

    def _cancel(self) -> None:
        self._cancelling = True
        if self._proceeding:
            self._send_cancel()

    def _send_cancel(self) -> None:
        """CANCEL carries the INVITE's own Via, To and number (9.1); it waits for a first 1xx."""
        self._cancelling = False
        invite = self._sent
        cancel = SipRequest(method="CANCEL", uri=invite.uri)
        cancel.headers.append("Via", invite.headers.get("via")[0])
        for name in ("From", "To", "Call-ID"):
            cancel.headers.set_single(name, invite.headers.get_first(name) or "")
        number = (invite.headers.get_first("cseq") or "1").split()[0]
        cancel.headers.set_single("CSeq", f"{number} CANCEL")
        cancel.headers.set_single("Max-Forwards", "70")
        self.endpoint.begin(cancel, self.peer, lambda _: None, BYE_S)

    def _on_early_request(self, transaction: ServerTransaction) -> None:
        """Before the answer only the far end's UPDATE or BYE could come; neither is ours to follow."""
        self.endpoint.reply(transaction, 481, "Call/Transaction Does Not Exist")
