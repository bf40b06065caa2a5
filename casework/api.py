"""Campaigns over HTTP, for systems of the house: what ``nuanye campaign`` does, as JSON.

On ``casework_port`` when ``api_token`` is set; every request carries ``Authorization: Bearer <token>``.
A plan is written as in a plan file (docs/campaigns.md). Every change stands in the access log.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from casework.cells import read_address
from casework.plan_files import read_plan_file
from casework.plans import CampaignPlan
from casework.store import Store
from casework.types import CampaignProgress, CampaignState, Contact
from core.clock import Clock
from core.codec import from_json, from_plain, to_json
from core.errors import BadInput, NuanyeError, StorageError

MAX_BYTES = 20_000_000
_STATES = {"pause": CampaignState.PAUSED, "resume": CampaignState.RUNNING, "stop": CampaignState.STOPPED}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CampaignApi:
    """The handlers. Errors are ``{"error": {"code", "message", "hint"}}`` with 400, 401, 404 or 503."""

    def __init__(self, store: Store, clock: Clock, token: str) -> None:
        self._store = store
        self._clock = clock
        self._token = token

    def app(self) -> web.Application:
        """Return the application, to be mounted under ``/v1``."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BYTES)
        app.add_routes(
            [
                web.post("/audiences", self._audience),
                web.get("/campaigns", self._list),
                web.post("/campaigns", self._create),
                web.get("/campaigns/{id}", self._show),
                web.put("/campaigns/{id}/plan", self._change),
                web.post("/campaigns/{id}/test", self._test),
                web.post("/campaigns/{id}/{act:launch|pause|resume|stop}", self._act),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _error(401, "api.unauthorized", "a valid bearer token is needed")
        try:
            return await handler(request)
        except StorageError as error:
            return _error(503, error.code, str(error), error.hint)
        except NuanyeError as error:
            return _error(400, error.code, str(error), error.hint)
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "input.too_large", f"more than {MAX_BYTES} bytes")

    async def _audience(self, request: web.Request) -> web.Response:
        _, plan = await self._plan(await _body(request))
        if plan.audience is None:
            raise BadInput("the plan has no audience")
        return _json(await self._store.count_audience(plan.audience))

    async def _list(self, _request: web.Request) -> web.Response:
        return _json({"campaigns": await self._store.list_campaigns()})

    async def _create(self, request: web.Request) -> web.Response:
        """With ``contacts`` a list that is called at once, else the plan's audience, frozen and counted."""
        body = await _body(request)
        named, plan = await self._plan(body)
        name = str(body.get("name") or named or "")[:200]
        if not name:
            raise BadInput("name: a campaign needs one")
        if "contacts" in body:
            contacts = from_plain(body["contacts"], list[Contact])
            checked = [_checked(contact) for contact in contacts]
            campaign = await self._store.start_campaign(name, checked, plan=plan)
        else:
            campaign = await self._store.prepare_campaign(name, plan)
        await self._note("campaign_create", campaign.campaign_id)
        return _json(await self._progress(campaign.campaign_id), 201)

    async def _show(self, request: web.Request) -> web.Response:
        progress = await self._store.campaign_progress(request.match_info["id"])
        if progress is None:
            return _error(404, "input.unknown", "no campaign with this id")
        return _json(progress)

    async def _change(self, request: web.Request) -> web.Response:
        _, plan = await self._plan(await _body(request))
        campaign_id = request.match_info["id"]
        await self._store.change_plan(campaign_id, plan)
        await self._note("campaign_change", campaign_id)
        return _json(await self._progress(campaign_id))

    async def _test(self, request: web.Request) -> web.Response:
        body = await _body(request)
        try:
            address = read_address(str(body.get("number", "")))
        except ValueError:
            raise BadInput("number: neither a telephone number nor a SIP address") from None
        campaign = await self._store.test_campaign(
            request.match_info["id"], str(body.get("name", "测试员")), address, str(body.get("variant", ""))
        )
        await self._note("campaign_test", campaign.campaign_id)
        return _json(campaign, 201)

    async def _act(self, request: web.Request) -> web.Response:
        campaign_id, act = request.match_info["id"], request.match_info["act"]
        if act == "launch":
            await self._store.launch(campaign_id)
        else:
            await self._store.set_campaign_state(campaign_id, _STATES[act])
        await self._note(f"campaign_{act}", campaign_id)
        return _json(await self._progress(campaign_id))

    async def _plan(self, body: dict[str, Any]) -> tuple[str, CampaignPlan]:
        if "plan" not in body:
            return "", CampaignPlan()
        # JSON is YAML: the plan file's own reader names every mistake.
        return read_plan_file(to_json(body["plan"]), self._clock.now(), await self._store.contact_limits())

    async def _progress(self, campaign_id: str) -> CampaignProgress | None:
        return await self._store.campaign_progress(campaign_id)

    async def _note(self, action: str, campaign_id: str) -> None:
        await self._store.log_access("api", action, campaign_id)


def _checked(contact: Contact) -> Contact:
    try:
        read_address(contact.address)
    except ValueError:
        raise BadInput("contacts: an address is neither a telephone number nor a SIP address") from None
    return contact


async def _body(request: web.Request) -> dict[str, Any]:
    return from_json(await request.read(), dict)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=to_json(value), status=status, content_type="application/json")


def _error(status: int, code: str, message: str, hint: str = "") -> web.Response:
    return _json({"error": {"code": code, "message": message, "hint": hint}}, status)
