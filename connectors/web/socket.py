"""The streaming connection: messages in, log entries out, resumable at any cursor."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web
from prometheus_client import Gauge

from connectors.channel import OnTurn
from connectors.inbox import Inbox
from connectors.texts import Texts
from connectors.types import Verdict
from connectors.web import wire
from connectors.web.guard import Guard, Refusal, refusal_of
from core.errors import BadInput, NuanyeError, QueueError
from core.logs import get_log
from core.metrics import REGISTRY
from core.tasks import end_tasks

SOCKETS = Gauge("nuanye_chat_sockets", "Open streaming connections of the web chat.", registry=REGISTRY)

HELLO_TIMEOUT_S = 10
HEARTBEAT_S = 20
LOOK_AGAIN_S = 5
MAX_BAD_FRAMES = 20
CLOSE_UNAUTHORISED = 4401

_log = get_log("web")


class Sockets:
    """Serves ``/api/web/ws``."""

    def __init__(self, inbox: Inbox, guard: Guard, texts: Texts, on_turn: OnTurn) -> None:
        self._inbox = inbox
        self._guard = guard
        self._texts = texts
        self._on_turn = on_turn

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Run one connection to its end."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=wire.MAX_BODY)
        await socket.prepare(request)
        with SOCKETS.track_inprogress():
            try:
                conversation_id, cursor = await self._hello(socket)
            except Refusal as refusal:
                await self._say_error(socket, refusal)
                await socket.close(code=CLOSE_UNAUTHORISED, message=refusal.code.encode())
                return socket
            writer = asyncio.create_task(self._write(socket, conversation_id, cursor))
            try:
                await self._read(socket, conversation_id)
            finally:
                await end_tasks([writer])
        return socket

    async def _hello(self, socket: web.WebSocketResponse) -> tuple[str, str]:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                frame = await socket.receive()
            if frame.type is not WSMsgType.TEXT:
                raise BadInput("first frame: must be text")
            hello = wire.parse_hello(frame.data)
        except (TimeoutError, BadInput) as error:
            raise Refusal(401, "session.invalid", "session", str(error) or "no hello") from None
        return self._guard.session(hello.token), hello.cursor

    async def _read(self, socket: web.WebSocketResponse, conversation_id: str) -> None:
        bad = 0
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT or not await self._take(socket, conversation_id, frame.data):
                bad += 1
            if bad > MAX_BAD_FRAMES:
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many bad frames")

    async def _take(self, socket: web.WebSocketResponse, conversation_id: str, data: str) -> bool:
        try:
            message = wire.parse_message(data)
            turn = wire.to_turn(message, conversation_id, self._guard.clock.now())
            verdict = await self._on_turn(turn, conversation_id)
            if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
                raise refusal_of(verdict)
        except NuanyeError as error:
            await self._say_error(socket, error, wire.peek_message_id(data))
            return not isinstance(error, BadInput)
        await _say(socket, wire.render_verdict(message.message_id, verdict))
        return True

    async def _write(self, socket: web.WebSocketResponse, conversation_id: str, cursor: str) -> None:
        """Send what follows the cursor, then whatever comes, until the connection or we end."""
        first = True
        try:
            async with self._inbox.reader(conversation_id) as ready:
                while not self._inbox.closed and not socket.closed:
                    ready.clear()
                    page = await self._inbox.since(conversation_id, cursor)
                    if page.events or first:
                        await _say(socket, wire.render_page(page))
                    cursor, first = page.cursor, False
                    if not page.events:
                        # Redis tells of news at most once: now and then the log itself is asked.
                        with suppress(TimeoutError):
                            await asyncio.wait_for(ready.wait(), LOOK_AGAIN_S)
        except BadInput as error:
            await self._say_error(socket, error)
        except QueueError as error:
            _log.error("stream_failed", code=error.code, reason=str(error))
        with suppress(ConnectionError):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def _say_error(
        self, socket: web.WebSocketResponse, error: NuanyeError, message_id: str = ""
    ) -> None:
        refusal = refusal_of(error)
        _log.warning("frame_refused", code=refusal.code, reason=str(refusal))
        text = self._texts.notice(refusal.notice)
        await _say(socket, wire.render_error(refusal.code, text, message_id=message_id, detail=str(refusal)))


async def _say(socket: web.WebSocketResponse, value: dict[str, object]) -> None:
    # A peer that has gone is noticed by the reading side; what it missed stays in the log.
    with suppress(ConnectionError):
        await socket.send_str(wire.dump(value))
