"""Logging in and out, and changing one's own password."""

from __future__ import annotations

import asyncio
import re
from functools import cache

from aiohttp import web
from aiohttp_jinja2 import render_template
from aiohttp_session import get_session, new_session

from casework.staff import MIN_PASSWORD_CHARS, hash_password, verify_password
from casework.types import StaffMember
from console.context import context
from console.security import login_of
from console.sessions import csrf_token, start_session
from core.errors import BadInput
from core.logs import get_log

_log = get_log("auth")
_MAX_FIELD_CHARS = 256
_NOTICES = {"form_expired", "logged_out", "password_changed"}
_SAFE_NEXT = re.compile(r"/(calls|intentions|handovers)([/?][\w/?=&.%:+-]*)?", re.ASCII)


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get("/login", show_login),
        web.post("/login", log_in),
        web.post("/logout", log_out),
        web.get("/password", show_password),
        web.post("/password", change_password),
    ]


async def show_login(request: web.Request) -> web.Response:
    """The login form."""
    if request["login"] is not None:
        raise web.HTTPFound("/calls")
    notice = request.query.get("notice", "")
    message = context(request).texts.message(notice) if notice in _NOTICES else ""
    return await _login_page(request, message, request.query.get("next", ""), error=notice == "form_expired")


async def log_in(request: web.Request) -> web.Response:
    """Check name and password; one answer for everything that can be wrong with them."""
    parts = context(request)
    form = await request.post()
    username = str(form.get("username", "")).strip().lower()[:_MAX_FIELD_CHARS]
    password, wanted = str(form.get("password", "")), str(form.get("next", ""))
    address = client_address(request)
    wait_ms = parts.throttle.wait_ms(username, address)
    if wait_ms:
        _log.warning("login_throttled", wait_ms=wait_ms)
        message = parts.texts.message("login_failed")
        page = await _login_page(request, message, wanted, error=True, status=429)
        page.headers["Retry-After"] = str(-(-wait_ms // 1000))
        return page
    # Counted before the slow check, so that many tries at once cannot slip through together.
    parts.throttle.failed(username, address)
    member = await _verified(request, username, password)
    if member is None:
        _log.warning("login_failed")
        message = parts.texts.message("login_failed")
        return await _login_page(request, message, wanted, error=True, status=401)
    parts.throttle.succeeded(username, address)
    start_session(await new_session(request), member.username, parts.clock.now())
    await parts.store.log_access(member.username, "login", "")
    raise web.HTTPFound(wanted if _SAFE_NEXT.fullmatch(wanted) else "/calls")


async def log_out(request: web.Request) -> web.Response:
    """End the session here and everywhere its cookie was copied to."""
    login = login_of(request)
    await context(request).ended.end(login.session_id)
    await context(request).store.log_access(login.member.username, "logout", "")
    (await get_session(request)).invalidate()
    raise web.HTTPFound("/login?notice=logged_out")


async def show_password(request: web.Request) -> web.Response:
    """The form for one's own password."""
    return _password_page(request, "")


async def change_password(request: web.Request) -> web.Response:
    """Set a new password; every session of the account ends."""
    parts, login, form = context(request), login_of(request), await request.post()
    old, new = str(form.get("old", "")), str(form.get("new", ""))
    name, address = login.member.username, client_address(request)
    if parts.throttle.wait_ms(name, address):
        return _password_page(request, "too_many", status=429)
    if new != str(form.get("again", "")):
        return _password_page(request, "password_mismatch", status=400)
    if new == old:
        return _password_page(request, "password_same", status=400)
    parts.throttle.failed(name, address)
    if len(new) > _MAX_FIELD_CHARS or await _verified(request, name, old) is None:
        return _password_page(request, "password_wrong", status=400)
    try:
        hashed = await asyncio.to_thread(hash_password, new)
    except BadInput:
        return _password_page(request, "password_wrong", status=400)
    parts.throttle.succeeded(name, address)
    await parts.store.set_password(name, hashed)
    await parts.store.log_access(name, "change_password", "")
    await parts.ended.end(login.session_id)
    (await get_session(request)).invalidate()
    raise web.HTTPFound("/login?notice=password_changed")


def client_address(request: web.Request) -> str:
    """Return who asks; behind our own HTTPS proxy that is the last address the proxy added."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if context(request).settings.console_https and forwarded:
        return forwarded.rsplit(",", 1)[-1].strip()[:64]
    return request.remote or ""


async def _verified(request: web.Request, username: str, password: str) -> StaffMember | None:
    member = await context(request).store.get_staff(username) if username else None
    # An unknown name costs as much time as a wrong password: names cannot be probed by the clock.
    hashed = member.password_hash if member else await asyncio.to_thread(_nobodys_hash)
    right = len(password) <= _MAX_FIELD_CHARS and await asyncio.to_thread(verify_password, hashed, password)
    return member if right and member is not None and not member.disabled else None


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody has this password")


async def _login_page(
    request: web.Request, message: str, wanted: str, *, error: bool = False, status: int = 200
) -> web.Response:
    values = {
        "csrf": csrf_token(await get_session(request)),
        "message": message,
        "error": error,
        "next": wanted if _SAFE_NEXT.fullmatch(wanted) else "",
        "login": None,
    }
    return render_template("login.html", request, values, status=status)


def _password_page(request: web.Request, key: str, status: int = 200) -> web.Response:
    values = {
        "login": login_of(request),
        "message": context(request).texts.message(key) if key else "",
        "min_chars": MIN_PASSWORD_CHARS,
    }
    return render_template("password.html", request, values, status=status)
