"""The web chat's HTTP routes; ``docs/web-api.md`` is their contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from aiohttp import web

from connectors.channel import OnTurn
from connectors.inbox import Inbox
from connectors.rate import RateLimit
from connectors.store import EventLog
from connectors.texts import Texts
from connectors.types import START_CURSOR, Verdict, reply_events
from connectors.web import wire
from connectors.web.crypto import make_token
from connectors.web.guard import SESSION_MAX_AGE_S, Guard, Refusal, refusal_of
from connectors.web.socket import Sockets
from core.errors import BadInput, NuanyeError, TooLarge
from core.ids import new_id
from core.logs import get_log
from core.types import Answer, Reply, Turn, TurnEvent

_log = get_log("web")
_MAX_WAIT_MS = 25_000
_PREFIX = "/api/web"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebChannel:
    """The door for browsers and programs. One instance per process."""

    name = wire.CHANNEL

    def __init__(self, inbox: Inbox, log: EventLog, guard: Guard, texts: Texts, sessions: RateLimit) -> None:
        self._inbox = inbox
        self._event_log = log
        self._guard = guard
        self._texts = texts
        self._sessions = sessions

    def routes(self, on_turn: OnTurn) -> Iterable[web.AbstractRouteDef]:
        """See ``Channel``."""
        sockets = Sockets(self._inbox, self._guard, self._texts, on_turn)

        async def open_session(request: web.Request) -> web.StreamResponse:
            return await self._open_session(request, on_turn)

        async def message(request: web.Request) -> web.StreamResponse:
            return await self._message(request, on_turn)

        return [
            web.post(f"{_PREFIX}/sessions", self._guarded(open_session)),
            web.post(f"{_PREFIX}/messages", self._guarded(message)),
            web.get(f"{_PREFIX}/events", self._guarded(self._events)),
            web.get(f"{_PREFIX}/ws", self._guarded(sockets.handle)),
            web.options(f"{_PREFIX}/{{route:sessions|messages|events}}", self._guarded(_preflight)),
        ]

    async def send(self, user_id: str, replies: Sequence[Reply]) -> None:
        """Append to the log of conversation ``user_id``; open pages show it at once."""
        now = self._guard.clock.now()
        turn = Turn(user_id, self.name, "", new_id("push"), now)
        await self._event_log.append(user_id, reply_events(turn, Answer(tuple(replies)), now))

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            origin = ""
            try:
                origin = self._guard.check_origin(request)
                response = await handler(request)
            except web.HTTPRequestEntityTooLarge:
                response = self._refuse(request, TooLarge(f"body: more than {wire.MAX_BODY} bytes"))
            except NuanyeError as error:
                response = self._refuse(request, error)
            if not response.prepared:
                response.headers["Cache-Control"] = "no-store"
                if origin:
                    response.headers.update(_cors(origin))
            return response

        return guarded

    def _refuse(self, request: web.Request, error: NuanyeError, message_id: str = "") -> web.Response:
        refusal = refusal_of(error)
        _log.warning("request_refused", path=request.path, code=refusal.code, reason=str(refusal))
        text = self._texts.notice(refusal.notice)
        body = wire.render_error(refusal.code, text, message_id=message_id, detail=str(refusal))
        return _json(body, refusal.status)

    async def _open_session(self, request: web.Request, on_turn: OnTurn) -> web.Response:
        if not await self._sessions.allow(self._guard.caller(request)):
            raise Refusal(429, "session.too_many", "too_many_sessions")
        now = self._guard.clock.now()
        conversation_id = new_id("web")
        turn = Turn(conversation_id, self.name, "", "start", now, event=TurnEvent.SESSION_START)
        verdict = await on_turn(turn, conversation_id)
        if verdict is not Verdict.ACCEPTED:
            raise refusal_of(verdict)
        body = {
            "conversation_id": conversation_id,
            "token": make_token(self._guard.key, conversation_id, now),
            "cursor": START_CURSOR,
            "expires_in_s": SESSION_MAX_AGE_S,
        }
        return _json(body, 201)

    async def _message(self, request: web.Request, on_turn: OnTurn) -> web.Response:
        conversation_id = self._guard.bearer(request)
        body = await request.read()
        try:
            message = wire.parse_message(body)
            turn = wire.to_turn(message, conversation_id, self._guard.clock.now())
            verdict = await on_turn(turn, conversation_id)
            if verdict not in {Verdict.ACCEPTED, Verdict.REPEAT}:
                raise refusal_of(verdict)
        except NuanyeError as error:
            return self._refuse(request, error, wire.peek_message_id(body))
        return _json(wire.render_verdict(message.message_id, verdict), 202)

    async def _events(self, request: web.Request) -> web.Response:
        conversation_id = self._guard.bearer(request)
        wait = request.query.get("wait_ms", "0")
        if not (wait.isascii() and wait.isdigit()):
            raise BadInput("wait_ms: must be a whole number of milliseconds")
        wait_ms = min(int(wait[:6]), _MAX_WAIT_MS)
        cursor = request.query.get("cursor", START_CURSOR)
        return _json(wire.render_page(await self._inbox.since(conversation_id, cursor, wait_ms=wait_ms)))


async def _preflight(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Vary": "Origin",
    }


def _json(body: dict[str, object], status: int = 200) -> web.Response:
    return web.Response(text=wire.dump(body), status=status, content_type="application/json")
