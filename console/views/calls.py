"""The list of calls and the page of one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from aiohttp import web
from aiohttp_jinja2 import render_template

from casework.reading import CallFilter
from casework.types import CallSummary
from console.context import context
from console.days import DAY_PATTERN, parse_day, recent_days
from console.present import call_view
from console.security import login_of
from console.views.audio import has_recording
from console.views.lookup import CALL_ID, find_call
from core.clock import CHINA
from core.types import Disposition

_PAGE = 50
_FILTERS = ("disposition", "district", "review", "since", "until")


@dataclass(frozen=True, slots=True)
class CallLine:
    """One row of the list."""

    call: CallSummary
    reasons: tuple[str, ...]


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get("/", _home),
        web.get("/calls", show_calls),
        web.get(f"/calls/{CALL_ID}", show_call),
        web.post(f"/calls/{CALL_ID}/reveal", reveal_phone),
    ]


async def _home(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/calls")


async def show_calls(request: web.Request) -> web.Response:
    """The newest calls that match; with ``part=rows`` only the part that changes."""
    parts = context(request)
    wanted = parse_filter(request.query)
    page = await parts.store.search_calls(wanted, _PAGE, request.query.get("before", ""))
    lines = [
        CallLine(call, tuple(dict.fromkeys(parts.texts.reason(code) for code in call.needs_review)))
        for call in page.calls
    ]
    today = datetime.combine(parts.clock.now().astimezone(CHINA).date(), time(), CHINA)
    chosen = {name: request.query[name] for name in _FILTERS if request.query.get(name)}
    values = {
        "lines": lines,
        "counts": await parts.store.count_calls(today, timedelta(days=1)),
        "chosen": chosen,
        "older": urlencode({**chosen, "before": page.before}) if page.before else "",
        "first_page": not request.query.get("before"),
        "back": urlencode(chosen),
    }
    if request.query.get("part") == "rows":
        return render_template("_calls.html", request, values)
    values |= {
        "login": login_of(request),
        "districts": await parts.store.call_districts(),
        "dispositions": list(Disposition),
        "days": recent_days(today.date()),
        "day_pattern": DAY_PATTERN,
    }
    return render_template("calls.html", request, values)


async def show_call(request: web.Request) -> web.Response:
    """Transcript, player, fields with their evidence."""
    parts, stored, login = context(request), await find_call(request), login_of(request)
    await parts.store.log_access(login.member.username, "view_call", stored.record.call_id)
    values = {
        "login": login,
        "call": stored.record,
        "campaign": stored.campaign,
        "view": call_view(stored.record, parts.texts),
        "has_recording": await has_recording(request, stored.record.recording),
    }
    return render_template("call.html", request, values)


async def reveal_phone(request: web.Request) -> web.Response:
    """The whole number, noted in the access log before it is handed out."""
    stored, login = await find_call(request), login_of(request)
    await context(request).store.log_access(login.member.username, "reveal_phone", stored.record.call_id)
    return web.json_response({"phone": stored.record.callee_address})


def parse_filter(query: Mapping[str, str]) -> CallFilter:
    """Read the filters of the list; what cannot be read does not filter."""
    disposition = query.get("disposition", "")
    until = _day(query.get("until", ""))
    return CallFilter(
        disposition=Disposition(disposition) if disposition in set(Disposition) else None,
        district=query.get("district", "")[:40],
        needs_review={"1": True, "0": False}.get(query.get("review", "")),
        since=_day(query.get("since", "")),
        until=until + timedelta(days=1) if until else None,
    )


def _day(text: str) -> datetime | None:
    day = parse_day(text)
    return datetime.combine(day, time(), CHINA) if day else None
