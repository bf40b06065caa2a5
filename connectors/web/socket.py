"""The streaming connection: messages in, log entries out, resumable at any cursor."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web
from prometheus_client import Gauge

from connectors.channel import OnTurn
from connectors.inbox import Inbox
from connectors.types import Verdict
from connectors.web import wire
from connectors.web.gate import Gate
from connectors.web.guard import Refusal, refusal_of
from connectors.web.language import Language, page_in, parse_language, written
from core.errors import BadInput, NuanyeError, QueueError
from core.logs import get_log
from core.metrics import REGISTRY
from core.tasks import end_tasks

SOCKETS = Gauge("nuanye_chat_sockets", "Open streaming connections of the web chat.", registry=REGISTRY)

HELLO_TIMEOUT_S = 10
HEARTBEAT_S = 20
LOOK_AGAIN_S = 10
MAX_BAD_FRAMES = 20
CLOSE_UNAUTHORISED = 4401

_log = get_log("web")


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection that has said hello."""

    socket: web.WebSocketResponse
    conversation_id: str
    cursor: str
    language: Language


class Sockets:
    """Serves ``/api/web/ws``."""

    def __init__(self, inbox: Inbox, gate: Gate, on_turn: OnTurn) -> None:
        self._inbox = inbox
        self._guard = gate.guard
        self._texts = gate.texts
        self._on_turn = on_turn

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Run one connection to its end."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=wire.MAX_BODY)
        await socket.prepare(request)
        with SOCKETS.track_inprogress():
            try:
                line = await self._hello(socket)
            except Refusal as refusal:
                await self._say_error(_Line(socket, "", "", Language.MANDARIN), refusal)
                await socket.close(code=CLOSE_UNAUTHORISED, message=refusal.code.encode())
                return socket
            writer = asyncio.create_task(self._write(line))
            try:
                await self._read(line)
            finally:
                await end_tasks([writer])
        return socket

    async def _hello(self, socket: web.WebSocketResponse) -> _Line:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                frame = await socket.receive()
            if frame.type is not WSMsgType.TEXT:
                raise BadInput("first frame: must be text")
            hello = wire.parse_hello(frame.data)
            language = parse_language(hello.lang)
        except (TimeoutError, BadInput) as error:
            raise Refusal(401, "session.invalid", "session", str(error) or "no hello") from None
        return _Line(socket, self._guard.session(hello.token), hello.cursor, language)

    async def _read(self, line: _Line) -> None:
        bad = 0
        async for frame in line.socket:
            if frame.type is not WSMsgType.TEXT or not await self._take(line, frame.data):
                bad += 1
            if bad > MAX_BAD_FRAMES:
                await line.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many bad frames")

    async def _take(self, line: _Line, data: str) -> bool:
        try:
            message = wire.parse_message(data)
            turn = wire.to_turn(message, line.conversation_id, self._guard.clock.now())
            verdict = await self._on_turn(turn, line.conversation_id)
            if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
                raise refusal_of(verdict)
        except NuanyeError as error:
            await self._say_error(line, error, wire.peek_message_id(data))
            return not isinstance(error, BadInput)
        await _say(line.socket, wire.render_verdict(message.message_id, verdict))
        return True

    async def _write(self, line: _Line) -> None:
        """Send what follows the cursor, then whatever comes, until the connection or we end."""
        socket, conversation_id, cursor, first = line.socket, line.conversation_id, line.cursor, True
        try:
            async with self._inbox.reader(conversation_id) as ready:
                while not self._inbox.closed and not socket.closed:
                    ready.clear()
                    page = await self._inbox.since(conversation_id, cursor)
                    if page.events or first:
                        await _say(socket, wire.render_page(page_in(page, line.language)))
                    cursor, first = page.cursor, False
                    if not page.events:
                        # Redis tells of news at most once: now and then the log itself is asked.
                        with suppress(TimeoutError):
                            await asyncio.wait_for(ready.wait(), LOOK_AGAIN_S)
        except BadInput as error:
            await self._say_error(line, error)
        except QueueError as error:
            _log.error("stream_failed", code=error.code, reason=str(error))
        with suppress(ConnectionError):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def _say_error(self, line: _Line, error: NuanyeError, message_id: str = "") -> None:
        refusal = refusal_of(error)
        _log.warning("frame_refused", code=refusal.code, reason=str(refusal))
        text = written(self._texts.notice(refusal.notice), line.language)
        body = wire.render_error(refusal.code, text, message_id=message_id, detail=str(refusal))
        await _say(line.socket, body)


async def _say(socket: web.WebSocketResponse, value: dict[str, object]) -> None:
    # A peer that has gone is noticed by the reading side; what it missed stays in the log.
    with suppress(ConnectionError):
        await socket.send_str(wire.dump(value))
