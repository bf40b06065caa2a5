"""The outer shell of every answer: headers, error pages, the login gate and the CSRF check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web
from aiohttp_jinja2 import render_template
from aiohttp_session import get_session

from console.context import CONTEXT, context
from console.sessions import Login, csrf_matches, csrf_token, is_current
from core.errors import BadInput, StorageError
from core.logs import get_log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = get_log("console")

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_OPEN = {"/login", "/health", "/metrics"}
_WITH_ONE_TIME_PASSWORD = _OPEN | {"/password", "/logout"}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Harden the answer; personal data is kept by nobody on the way. A signal: streams pass it too."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    if request.app[CONTEXT].settings.console_https:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


@web.middleware
async def friendly_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in Chinese, without internals."""
    try:
        return await handler(request)
    except StorageError as error:
        _log.error("storage_unavailable", code=error.code, error=str(error))
        return error_page(request, 503, "unavailable")
    except BadInput:
        return error_page(request, 400, "bad_request")
    except web.HTTPException as error:
        if error.status < 400:
            raise
        key = {404: "not_found", 403: "form_expired", 401: "session_ended", 429: "too_many"}
        return error_page(request, error.status, key.get(error.status, "bad_request"))


@web.middleware
async def login_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only logged-in staff past, except to the login page, its files and the probes."""
    login = None if request.path.startswith("/static/") else await _find_login(request)
    request["login"] = login
    if login is None and request.path not in _OPEN and not request.path.startswith("/static/"):
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPFound(f"/login?next={quote(request.path_qs, safe='')}")
        raise web.HTTPUnauthorized
    if (
        login is not None
        and login.member.must_change_password
        and request.path not in _WITH_ONE_TIME_PASSWORD
    ):
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPFound("/password")
        return error_page(request, 403, "own_password_first")
    return await handler(request)


@web.middleware
async def csrf_check(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse every change that does not carry the session's token."""
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        session = await get_session(request)
        given = request.headers.get("X-CSRF-Token") or (await request.post()).get("csrf")
        if not csrf_matches(session, given):
            if request.path == "/login":
                raise web.HTTPFound("/login?notice=form_expired")
            raise web.HTTPForbidden
    return await handler(request)


async def _find_login(request: web.Request) -> Login | None:
    session = await get_session(request)
    username, session_id = session.get("user"), session.get("id")
    if not isinstance(username, str) or not isinstance(session_id, str):
        return None
    parts = context(request)
    if await parts.ended.has_ended(session_id):
        return None
    member = await parts.store.get_staff(username)
    if member is None or member.disabled:
        return None
    if not is_current(session, member, parts.clock, parts.settings.console_session_hours):
        return None
    return Login(member, session_id, csrf_token(session))


def login_of(request: web.Request) -> Login:
    """Return who asks; only for views behind the gate."""
    login = request["login"]
    if not isinstance(login, Login):
        raise web.HTTPUnauthorized
    return login


def error_page(request: web.Request, status: int, key: str) -> web.Response:
    """Return an error as a page, or as one line of text to a script."""
    message = context(request).texts.message(key)
    if "text/html" not in request.headers.get("Accept", ""):
        return web.Response(status=status, text=message)
    values = {"message": message, "status": status, "login": request.get("login")}
    return render_template("error.html", request, values, status=status)
