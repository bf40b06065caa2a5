"""The web chat's HTTP routes; ``docs/web-api.md`` is their contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web

from connectors.channel import OnTurn
from connectors.inbox import Inbox
from connectors.rate import RateLimit
from connectors.store import EventLog
from connectors.types import START_CURSOR, Verdict, reply_events
from connectors.web import wire
from connectors.web.aloud import AloudRoute
from connectors.web.crypto import make_token
from connectors.web.gate import PREFIX, Gate, json_response, language_of
from connectors.web.guard import SESSION_MAX_AGE_S, Refusal, refusal_of
from connectors.web.language import page_in
from connectors.web.socket import Sockets
from connectors.web.voice import VoiceRoute
from core.errors import BadInput, NuanyeError
from core.ids import new_id
from core.types import Answer, Reply, Turn, TurnEvent

_MAX_WAIT_MS = 25_000


@dataclass(frozen=True, slots=True)
class Speech:
    """What of speech this installation has."""

    voice: VoiceRoute | None = None
    aloud: AloudRoute | None = None


class WebChannel:
    """The door for browsers and programs. One instance per process."""

    name = wire.CHANNEL

    def __init__(
        self, inbox: Inbox, log: EventLog, gate: Gate, sessions: RateLimit, speech: Speech = Speech()
    ) -> None:
        self._inbox = inbox
        self._event_log = log
        self._gate = gate
        self._sessions = sessions
        self._speech = speech

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        """See ``Channel``."""
        sockets = Sockets(self._inbox, self._gate, on_turn)

        async def open_session(request: web.Request) -> web.StreamResponse:
            return await self._open_session(request, on_turn)

        async def message(request: web.Request) -> web.StreamResponse:
            return await self._message(request, on_turn)

        return [
            web.post(f"{PREFIX}/sessions", self._gate.guarded(open_session)),
            web.post(f"{PREFIX}/messages", self._gate.guarded(message)),
            web.get(f"{PREFIX}/events", self._gate.guarded(self._events)),
            web.get(f"{PREFIX}/ws", self._gate.guarded(sockets.handle)),
            web.post(f"{PREFIX}/transcripts", self._gate.guarded(self._transcript)),
            web.get(f"{PREFIX}/speech", self._gate.guarded(self._aloud)),
            web.options(
                f"{PREFIX}/{{_:sessions|messages|events|transcripts|speech}}",
                self._gate.guarded(_preflight),
            ),
        ]

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        """Append to the log of conversation ``user_id``; open pages show it at once."""
        now = self._gate.guard.clock.now()
        turn = Turn(user_id, self.name, "", new_id("push"), now)
        await self._event_log.append(user_id, reply_events(turn, Answer(tuple(replies)), now))

    async def _open_session(self, request: web.Request, on_turn: OnTurn) -> web.Response:
        if not await self._sessions.allow(self._gate.guard.caller(request)):
            raise Refusal(429, "session.too_many", "too_many_sessions")
        now = self._gate.guard.clock.now()
        conversation_id = new_id("web")
        turn = Turn(conversation_id, self.name, "", "start", now, event=TurnEvent.SESSION_START)
        verdict = await on_turn(turn, conversation_id)
        if verdict is not Verdict.ACCEPTED:
            raise refusal_of(verdict)
        body = {
            "conversation_id": conversation_id,
            "token": make_token(self._gate.guard.key, conversation_id, now),
            "cursor": START_CURSOR,
            "expires_in_s": SESSION_MAX_AGE_S,
        }
        return json_response(body, 201)

    async def _message(self, request: web.Request, on_turn: OnTurn) -> web.Response:
        conversation_id = self._gate.guard.bearer(request)
        body = await request.read()
        try:
            message = wire.parse_message(body)
            turn = wire.to_turn(message, conversation_id, self._gate.guard.clock.now())
            verdict = await on_turn(turn, conversation_id)
            if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
                raise refusal_of(verdict)
        except NuanyeError as error:
            return self._gate.refuse(request, error, wire.peek_message_id(body))
        return json_response(wire.render_verdict(message.message_id, verdict), 202)

    async def _events(self, request: web.Request) -> web.Response:
        conversation_id = self._gate.guard.bearer(request)
        wait = request.query.get("wait_ms", "0")
        if not (wait.isascii() and wait.isdigit()):
            raise BadInput("wait_ms: must be a whole number of milliseconds")
        wait_ms = min(int(wait[:6]), _MAX_WAIT_MS)
        cursor = request.query.get("cursor", START_CURSOR)
        language = language_of(request)
        page = await self._inbox.since(conversation_id, cursor, wait_ms=wait_ms)
        return json_response(wire.render_page(page_in(page, language)))

    async def _transcript(self, request: web.Request) -> web.StreamResponse:
        if self._speech.voice is None:
            raise Refusal(503, "voice.away", "voice_away")
        return await self._speech.voice.handle(self._gate, request)

    async def _aloud(self, request: web.Request) -> web.StreamResponse:
        if self._speech.aloud is None:
            raise Refusal(503, "speech.away", "failed")
        return await self._speech.aloud.handle(self._gate, request)


async def _preflight(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)
