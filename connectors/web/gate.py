"""What every route of the web chat goes through: origin, errors as JSON, headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from connectors.texts import Texts
from connectors.web import wire
from connectors.web.guard import Guard, refusal_of
from connectors.web.language import Language, parse_language, written
from core.errors import BadInput, NuanyeError, TooLarge
from core.logs import get_log

_log = get_log("web")

PREFIX = "/api/web"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Gate:
    """Wraps handlers; ``guard`` knows who may call, ``texts`` what a refusal says."""

    guard: Guard
    texts: Texts

    def guarded(self, handler: Handler) -> Handler:
        """Refuse other sites' pages, answer errors as JSON, let allowed sites read the answer."""

        async def inside(request: web.Request) -> web.StreamResponse:
            origin = ""
            try:
                origin = self.guard.check_origin(request)
                response = await handler(request)
            except web.HTTPRequestEntityTooLarge:
                response = self.refuse(request, TooLarge(f"body: more than {wire.MAX_BODY} bytes"))
            except NuanyeError as error:
                response = self.refuse(request, error)
            if not response.prepared:
                response.headers["Cache-Control"] = "no-store"
                if origin:
                    response.headers.update(_cors(origin))
            return response

        return inside

    def refuse(self, request: web.Request, error: NuanyeError, message_id: str = "") -> web.Response:
        """Return the error as an answer, its sentence in the language that was asked for."""
        refusal = refusal_of(error)
        _log.warning("request_refused", path=request.path, code=refusal.code, reason=str(refusal))
        try:
            language = language_of(request)
        except BadInput:
            language = Language.MANDARIN
        text = written(self.texts.notice(refusal.notice), language)
        body = wire.render_error(refusal.code, text, message_id=message_id, detail=str(refusal))
        return json_response(body, refusal.status)


def language_of(request: web.Request) -> Language:
    """Return the language a request asks for. Raises ``BadInput``."""
    return parse_language(request.query.get("lang", ""))


def json_response(body: dict[str, object], status: int = 200) -> web.Response:
    """Return ``body`` as an answer."""
    return web.Response(text=wire.dump(body), status=status, content_type="application/json")


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Vary": "Origin",
    }
