"""The campaign API: what the command line does, behind a token, with errors that name what is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from casework.api import CampaignApi
from casework.register.types import RegisteredPerson
from casework.store import Store
from core.clock import VirtualClock

TOKEN = "only-for-tests-0123456789abcdef-0123"
PLAN = {"hours": {"周一至周五": "09:00-12:00, 14:00-18:00"}, "audience": {"districts": ["天河区"]}}


@pytest.fixture
async def client(sqlite_store: Store, clock: VirtualClock) -> AsyncIterator[TestClient]:
    """A system with the right token, and a register of two."""
    await sqlite_store.upsert_people(
        [
            RegisteredPerson("陈小明", "13800138001", district="天河区"),
            RegisteredPerson("李桂芳", "13800138002"),
        ]
    )
    app = CampaignApi(sqlite_store, clock, TOKEN).app()
    async with TestClient(TestServer(app), headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


async def test_a_campaign_from_audience_to_stop(client: TestClient, sqlite_store: Store) -> None:
    """Count, prepare, look, launch, test, change, pause, resume, stop; each change is in the access log."""
    counted = await (await client.post("/audiences", json={"plan": PLAN})).json()
    assert counted["persons"] == 1
    made = await client.post("/campaigns", json={"name": "春季回访", "plan": PLAN})
    assert made.status == 201
    campaign = (await made.json())["campaign"]
    path = f"/campaigns/{campaign['campaign_id']}"
    assert campaign["state"] == "ready"
    assert (await (await client.get("/campaigns")).json())["campaigns"][0]["name"] == "春季回访"
    launched = await (await client.post(f"{path}/launch")).json()
    assert (launched["campaign"]["state"], launched["planned"]) == ("running", 1)
    assert (await client.post(f"{path}/test", json={"number": "13800138009"})).status == 201
    changed = await (await client.put(f"{path}/plan", json={"plan": {"priority": 8}})).json()
    assert changed["campaign"]["plan"]["priority"] == 8
    for act, state in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        assert (await (await client.post(f"{path}/{act}")).json())["campaign"]["state"] == state
    assert (await (await client.get(path)).json())["planned"] == 0
    actions = {entry.action for entry in await sqlite_store.read_access_log()}
    assert {"campaign_create", "campaign_launch", "campaign_test", "campaign_stop"} <= actions


async def test_a_list_is_called_at_once(client: TestClient) -> None:
    """Contacts with variables per person; an address that cannot be dialled refuses the whole list."""
    contacts = [{"name": "赵甲", "address": "13800138003", "district": "海珠区", "variables": {"期数": "二"}}]
    made = await client.post("/campaigns", json={"name": "名单", "contacts": contacts})
    assert (made.status, (await made.json())["planned"]) == (201, 1)
    bad = await client.post(
        "/campaigns", json={"name": "名单", "contacts": [{"name": "赵", "address": "12"}]}
    )
    assert bad.status == 400


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "input"),
        (b"[]", "input"),
        (b'{"plan": {"audience": {}}}', "name"),
        (b'{"name": "x", "plan": {"unknown": 1}}', "unknown"),
        (b'{"name": "x", "plan": {"hours": {"mon": "18:00-09:00"}}}', ""),
        (b'{"name": "x", "contacts": [{"address": 1}]}', ""),
    ],
)
async def test_bad_requests_are_named(client: TestClient, body: bytes, says: str) -> None:
    """Broken JSON, no name, an unknown key, contradictory hours: 400 with code and message."""
    answer = await client.post("/campaigns", data=body)
    error = (await answer.json())["error"]
    assert answer.status == 400
    assert says in error["message"] or says in error["code"]


async def test_without_the_token_nothing(client: TestClient) -> None:
    """No token, a wrong one, an unknown campaign."""
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": f"{TOKEN}x"}):
        assert (await client.get("/campaigns", headers=headers)).status == 401
    assert (await client.get("/campaigns/cmp_unknown")).status == 404
    assert (await client.post("/campaigns/cmp_unknown/launch")).status == 400
