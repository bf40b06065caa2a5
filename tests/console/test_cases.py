"""The pages of cases: what staff see, and what they write."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from casework.cases.types import CaseFilter, CaseState
from casework.store import Store
from core.clock import VirtualClock
from core.types import FeedbackOutcome
from tests.casework.samples import intention
from tests.console.conftest import Client, LogIn


async def _case(store: Store, clock: VirtualClock, *reasons: str) -> str:
    result = replace(intention("web_case", clock.now()), subject="web_case", needs_review=reasons)
    await store.save_result(result)
    page = await store.list_cases(CaseFilter())
    return next(case.case_id for case in page.cases if case.subject == "web_case")


async def test_a_case_is_listed_read_and_closed(
    client: Client, log_in: LogIn, store: Store, clock: VirtualClock
) -> None:
    """The form's second press stores nothing more; then it stands among the closed ones."""
    case_id = await _case(store, clock, "complaint")
    csrf = await log_in()
    page = await (await client.get("/cases")).text()
    assert case_id in page
    assert "有投诉" in page
    shown = await (await client.get(f"/cases/{case_id}")).text()
    seen = re.search(r'name="seen" value="(\d+)"', shown)
    assert seen is not None
    form = {"csrf": csrf, "seen": seen[1], "outcome": "placed", "note": "<b>已上岗</b>"}
    for _ in range(2):
        answer = await client.post(f"/cases/{case_id}", data=form, allow_redirects=False)
        assert answer.status == 303
    case = await store.get_case(case_id)
    assert case is not None
    assert (case.state, case.outcome) == (CaseState.CLOSED, FeedbackOutcome.PLACED)
    assert len(await store.case_timeline(case_id)) == 3
    shown = await (await client.get(f"/cases/{case_id}")).text()
    assert "&lt;b&gt;已上岗&lt;/b&gt;" in shown
    assert case_id not in await (await client.get("/cases")).text()
    assert case_id in await (await client.get("/cases?state=closed")).text()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"outcome": "forgotten"}, 400),
        ({"outcome": ""}, 400),
        ({"seen": "x"}, 400),
        ({"note": "长" * 2001}, 400),
        ({"csrf": "wrong"}, 403),
    ],
    ids=str,
)
async def test_a_form_that_cannot_be_is_refused(
    client: Client,
    log_in: LogIn,
    store: Store,
    clock: VirtualClock,
    change: dict[str, str],
    status: int,
) -> None:
    """Nothing is stored then."""
    case_id = await _case(store, clock, "crisis")
    form = {"csrf": await log_in(), "seen": "1", "outcome": "contacted", "note": ""} | change
    assert (await client.post(f"/cases/{case_id}", data=form, allow_redirects=False)).status == status
    assert len(await store.case_timeline(case_id)) == 1


async def test_unknown_cases_and_places_are_errors(client: Client, log_in: LogIn) -> None:
    """No such case, no such state, no such place in the list."""
    await log_in()
    assert (await client.get(f"/cases/cas_{'0' * 24}")).status == 404
    assert (await client.get("/cases?state=odd")).status == 400
    assert (await client.get("/cases?after=cas_none")).status == 400
    assert (await client.get("/cases/../cases/x")).status == 404


async def test_strangers_see_no_case(client: Client) -> None:
    """Without a login the page leads to the login page."""
    answer = await client.get("/cases", allow_redirects=False)
    assert answer.status == 302
    assert answer.headers["Location"].startswith("/login?next=")
