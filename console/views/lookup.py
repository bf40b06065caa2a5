"""From an address to a record."""

from __future__ import annotations

from aiohttp import web

from casework.types import StoredCall
from console.context import context

CALL_ID = r"{call_id:[A-Za-z0-9_.-]{1,64}}"
RESULT_ID = r"{result_id:res_[0-9a-f]{24}}"


async def find_call(request: web.Request) -> StoredCall:
    """Return the call that the address names, or answer 404."""
    stored = await context(request).store.get_call(request.match_info["call_id"])
    if stored is None:
        raise web.HTTPNotFound
    return stored
