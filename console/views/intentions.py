"""Job intentions that were left in a chat or in a call."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web
from aiohttp_jinja2 import render_template

from console.context import context
from console.present import FieldRow, field_rows
from console.security import login_of
from console.views.lookup import RESULT_ID
from core.types import Result

_PAGE = 50
_COLUMNS = ("wanted_jobs", "district", "expected_pay", "working_time", "contact_consent")


@dataclass(frozen=True, slots=True)
class IntentionLine:
    """One row of the list: the columns' fields by name."""

    result: Result
    cells: dict[str, FieldRow]


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get("/intentions", show_intentions),
        web.get(f"/intentions/{RESULT_ID}", show_intention),
    ]


async def show_intentions(request: web.Request) -> web.Response:
    """The newest intentions; with ``part=rows`` only the part that changes."""
    parts = context(request)
    page = await parts.store.list_intentions(_PAGE, request.query.get("before", ""))
    lines = [
        IntentionLine(result, {row.key: row for row in field_rows(result.fields, parts.texts)})
        for result in page.results
    ]
    values = {
        "lines": lines,
        "columns": _COLUMNS,
        "older": urlencode({"before": page.before}) if page.before else "",
        "first_page": not request.query.get("before"),
        "login": login_of(request),
    }
    part = request.query.get("part") == "rows"
    return render_template("_intentions.html" if part else "intentions.html", request, values)


async def show_intention(request: web.Request) -> web.Response:
    """One intention with the words each field was taken from."""
    parts, login = context(request), login_of(request)
    result = await parts.store.get_result(request.match_info["result_id"])
    if result is None:
        raise web.HTTPNotFound
    await parts.store.log_access(login.member.username, "view_intention", result.result_id)
    values = {
        "login": login,
        "result": result,
        "fields": field_rows(result.fields, parts.texts),
        "reasons": tuple(dict.fromkeys(parts.texts.reason(code) for code in result.needs_review)),
        "call_id": result.source if result.kind == "call" else "",
    }
    return render_template("intention.html", request, values)
