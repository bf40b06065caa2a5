"""Cases of people who need help: the list by urgency, one case's timeline, and what staff did."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web
from aiohttp_jinja2 import render_template

from casework.cases.types import Case, CaseFilter, CaseState, EventKind
from casework.titles import CASE_EVENTS, CASE_REASONS, LEVELS, OUTCOMES
from console.context import context
from console.security import login_of
from core.errors import BadInput
from core.types import FeedbackOutcome

CASE_ID = r"{case_id:cas_[0-9a-f]{24}}"
_PAGE = 50
_STATES = {"": CaseState.OPEN, "closed": CaseState.CLOSED}


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get("/cases", show_cases),
        web.get(f"/cases/{CASE_ID}", show_case),
        web.post(f"/cases/{CASE_ID}", answer_case),
    ]


async def show_cases(request: web.Request) -> web.Response:
    """Open cases, the most pressing first; ``state=closed`` the others."""
    parts, query = context(request), request.query
    state, district = query.get("state", ""), query.get("district", "")[:40]
    if state not in _STATES:
        raise web.HTTPBadRequest
    page = await parts.store.list_cases(CaseFilter(_STATES[state], district), _PAGE, query.get("after", ""))
    asked = {"state": state, "district": district}
    values = {
        "login": login_of(request),
        "cases": page.cases,
        "state": state,
        "district": district,
        "now": parts.clock.now(),
        "more": urlencode({**asked, "after": page.after}) if page.after else "",
        "reasons_of": _reasons,
        "levels": LEVELS,
        "outcomes": OUTCOMES,
    }
    return render_template("cases.html", request, values)


async def show_case(request: web.Request) -> web.Response:
    """One case: why, until when, by whom, and everything that happened."""
    parts, login = context(request), login_of(request)
    case = await parts.store.get_case(request.match_info["case_id"])
    if case is None:
        raise web.HTTPNotFound
    await parts.store.log_access(login.member.username, "view_case", case.case_id)
    timeline = await parts.store.case_timeline(case.case_id)
    values = {
        "login": login,
        "case": case,
        "timeline": timeline,
        "reasons": _reasons(case),
        "level": LEVELS[case.level],
        "late": case.state is CaseState.OPEN and case.due_at < parts.clock.now(),
        "titles": CASE_EVENTS,
        "outcomes": OUTCOMES,
        "choices": tuple(FeedbackOutcome),
        "feedback": EventKind.FEEDBACK,
        "levels": LEVELS,
    }
    return render_template("case.html", request, values)


async def answer_case(request: web.Request) -> web.Response:
    """Store what staff did; an outcome closes the case. The same form sent twice is stored once."""
    parts, login = context(request), login_of(request)
    form = await request.post()
    try:
        outcome = FeedbackOutcome(str(form.get("outcome", "")))
    except ValueError:
        raise web.HTTPBadRequest from None
    case_id, note = request.match_info["case_id"], str(form.get("note", "")).strip()
    if await parts.store.get_case(case_id) is None:
        raise web.HTTPNotFound
    seen = str(form.get("seen", ""))
    if not seen.isdigit():
        raise BadInput("the form does not say how much of the timeline it was filled in at")
    # Who said what after how many lines: a second press of the button is the same answer.
    key = f"fb_{case_id}_{int(seen)}_{outcome}"[:64]
    await parts.store.answer_case(case_id, outcome, by=login.member.username, note=note, feedback_id=key)
    raise web.HTTPSeeOther(f"/cases/{case_id}")


def _reasons(case: Case) -> tuple[str, ...]:
    return tuple(dict.fromkeys(CASE_REASONS.get(reason, reason) for reason in case.reasons))
