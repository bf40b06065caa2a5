"""Residents who wait for a person: the queue, one conversation, and what staff do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web
from aiohttp_jinja2 import render_template

from casework.handover.rules import summary_of
from casework.handover.types import Handover, HandoverEnd, HandoverLine, HandoverState
from console.context import context
from console.security import login_of
from core.ids import new_id

MAX_LINE = 600
_MAX_NOTE = 500
_ID = r"{handover_id:hand_[0-9a-f]{24}}"
_LINE_ID = re.compile(r"stf_[0-9a-zA-Z]{8,48}")
_NOTICES = {"taken_by_other", "not_yours", "line_empty", "line_too_long"}
_OPEN = (HandoverState.WAITING, HandoverState.ACTIVE, HandoverState.TASK, HandoverState.TAKING)
_PLATFORM = "kf:"


@dataclass(frozen=True, slots=True)
class HandoverRow:
    """One row of the queue. ``mine``: the reader has it; ``elsewhere``: a servicer of the platform has."""

    handover: Handover
    summary: tuple[str, ...]
    mine: bool
    elsewhere: bool


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get("/handovers", show_queue),
        web.get(f"/handovers/{_ID}", show_conversation),
        web.post(f"/handovers/{_ID}/claim", claim),
        web.post(f"/handovers/{_ID}/say", say),
        web.post(f"/handovers/{_ID}/release", release),
        web.post(f"/handovers/{_ID}/end", end),
        web.post(f"/handovers/{_ID}/reveal", reveal),
    ]


async def show_queue(request: web.Request) -> web.Response:
    """Who waits, who is being answered, what was left; with ``part=rows`` only the part that changes."""
    parts, login = context(request), login_of(request)
    found = await parts.store.list_handovers(_OPEN)
    rows = [await _row(request, handover) for handover in found]
    groups = [(state, [row for row in rows if row.handover.state is state]) for state in _OPEN]
    values = {
        "groups": groups,
        "ended": [await _row(request, each) for each in await parts.store.ended_handovers(20)],
        "now": parts.clock.now(),
        "login": login,
    }
    part = request.query.get("part") == "rows"
    return render_template("_handovers.html" if part else "handovers.html", request, values)


async def show_conversation(request: web.Request) -> web.Response:
    """The whole conversation, live; with ``part=rows`` only the part that changes."""
    handover = await _find(request)
    part = request.query.get("part") == "rows"
    if not part:
        await _note(request, "view_handover", handover)
    return await _page(request, handover, part=part)


async def claim(request: web.Request) -> web.Response:
    """Take the conversation; of two who try, one gets it."""
    handover, name = await _find(request), login_of(request).member.username
    won = await context(request).store.claim_handover(handover.handover_id, name)
    if won:
        await _note(request, "claim_handover", handover)
        await context(request).handover_hub.ring(handover.handover_id)
    raise _back(handover, "" if won else "taken_by_other")


async def say(request: web.Request) -> web.Response:
    """Write to the resident; the door says it. A line that is sent twice is said once."""
    handover, form = await _find(request), await request.post()
    text, line_id = str(form.get("text", "")).strip(), str(form.get("line_id", ""))
    if not text or len(text) > MAX_LINE:
        raise _back(handover, "line_too_long" if text else "line_empty")
    line_id = line_id if _LINE_ID.fullmatch(line_id) else new_id("stf")
    name = login_of(request).member.username
    if not await context(request).store.staff_says(handover.handover_id, name, line_id, text):
        raise _back(handover, "not_yours")
    await context(request).handover_hub.ring(handover.handover_id)
    raise _back(handover)


async def release(request: web.Request) -> web.Response:
    """Put the conversation back into the queue."""
    handover, name = await _find(request), login_of(request).member.username
    done = await context(request).store.put_back(handover.handover_id, name)
    return await _done(request, handover, "release_handover", done=done)


async def end(request: web.Request) -> web.Response:
    """Give the conversation back to the assistant with a note, or end it."""
    handover, form = await _find(request), await request.post()
    returned = form.get("as") == HandoverEnd.RETURNED
    done = await context(request).store.end_handover(
        handover.handover_id,
        HandoverEnd.RETURNED if returned else HandoverEnd.SETTLED,
        staff=login_of(request).member.username,
        note=str(form.get("note", "")).strip()[:_MAX_NOTE],
    )
    return await _done(request, handover, "return_handover" if returned else "end_handover", done=done)


async def reveal(request: web.Request) -> web.Response:
    """The whole number that a resident left, noted before it is handed out."""
    handover = await _find(request)
    await _note(request, "reveal_phone", handover)
    return web.json_response({"phone": handover.contact.phone if handover.contact else ""})


async def _done(request: web.Request, handover: Handover, action: str, *, done: bool) -> web.Response:
    if not done:
        raise _back(handover, "not_yours")
    await _note(request, action, handover)
    await context(request).handover_hub.ring(handover.handover_id)
    raise web.HTTPSeeOther("/handovers")


async def _find(request: web.Request) -> Handover:
    handover = await context(request).store.get_handover(request.match_info["handover_id"])
    if handover is None:
        raise web.HTTPNotFound
    return handover


async def _note(request: web.Request, action: str, handover: Handover) -> None:
    store, name = context(request).store, login_of(request).member.username
    await store.log_access(name, action, handover.handover_id)


async def _row(request: web.Request, handover: Handover) -> HandoverRow:
    summary = handover.summary
    if not summary:
        summary = summary_of(await context(request).store.handover_lines(handover.handover_id))
    active = handover.state is HandoverState.ACTIVE
    return HandoverRow(
        handover=handover,
        summary=tuple(summary.splitlines()[:2]),
        mine=active and handover.staff == login_of(request).member.username,
        elsewhere=active and handover.staff.startswith(_PLATFORM),
    )


async def _page(request: web.Request, handover: Handover, *, part: bool) -> web.Response:
    parts = context(request)
    lines: tuple[HandoverLine, ...] = await parts.store.handover_lines(handover.handover_id)
    notice = request.query.get("notice", "")
    values = {
        "login": login_of(request),
        "row": await _row(request, handover),
        "lines": lines,
        "now": parts.clock.now(),
        "notice": parts.texts.message(notice) if notice in _NOTICES else "",
        "line_id": new_id("stf"),
        "max_line": MAX_LINE,
    }
    return render_template("_handover.html" if part else "handover.html", request, values)


def _back(handover: Handover, notice: str = "") -> web.HTTPSeeOther:
    query = f"?notice={notice}" if notice else ""
    return web.HTTPSeeOther(f"/handovers/{handover.handover_id}{query}")
