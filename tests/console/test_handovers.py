"""The queue of residents who wait for a person, and one conversation, as staff see and work them."""

from __future__ import annotations

import re

import pytest

from casework.handover.types import Delivery, HandoverState
from casework.staff import hash_password
from casework.store import Store
from tests.console import seed, waiting
from tests.console.conftest import Client, LogIn, accesses

pytestmark = pytest.mark.net

OTHER = "wang.wu"


@pytest.fixture(autouse=True)
async def _waiting(store: Store) -> None:
    await waiting.fill(store)


async def _post(client: Client, csrf: str, path: str, **form: str) -> tuple[int, str]:
    answer = await client.post(path, data={"csrf": csrf, **form}, allow_redirects=False)
    return answer.status, answer.headers.get("Location", "")


async def test_queue_shows_who_waits_urgent_first(client: Client, log_in: LogIn) -> None:
    """Waiting time, channel, district and two lines; messages in a group of their own."""
    await log_in()
    page = await (await client.get("/handovers")).text()
    assert page.index(waiting.URGENT) < page.index(waiting.WAITING) < page.index(waiting.TASK)
    for text in (
        "待接入",
        "有留言",
        "微信公众号",
        "微信客服",
        "天河区",
        "居民问：失业金怎么领",
        "10 分钟",
        "紧急",
    ):
        assert text in page
    # Without a summary of the core's, the resident's own last words stand there, and stay text.
    assert "&lt;b&gt;我的材料&lt;/b&gt;不全怎么办" in page
    part = await (await client.get("/handovers?part=rows")).text()
    assert "<html" not in part
    assert waiting.WAITING in part


async def test_claim_answer_and_hand_back(client: Client, log_in: LogIn, store: Store) -> None:
    """A line goes to the door once; the note goes to the assistant; each step is in the access log."""
    csrf = await log_in()
    base = f"/handovers/{waiting.WAITING}"
    assert "接入后由您回答" in await (await client.get(base)).text()
    assert await _post(client, csrf, f"{base}/claim") == (303, base)
    page = await (await client.get(base)).text()
    found = re.search(r'name="line_id" value="(stf_[0-9a-f]+)"', page)
    assert found is not None
    for _ in range(2):
        assert await _post(client, csrf, f"{base}/say", text=" 请带身份证 ", line_id=found[1]) == (303, base)
    (line,) = await store.pending_lines()
    assert (line.line.text, line.line.by, line.channel) == ("请带身份证", seed.USER, "wechat")

    await store.note_delivery(line.line.line_id, "platform.window_closed")
    assert "平台要求居民先来消息" in await (await client.get(base)).text()
    await store.note_delivery(line.line.line_id, Delivery.SENT)
    assert "已送达" in await (await client.get(f"{base}?part=rows")).text()

    form = {"as": "returned", "note": "材料已说明"}
    assert await _post(client, csrf, f"{base}/end", **form) == (303, "/handovers")
    ended = await store.get_handover(waiting.WAITING)
    assert ended is not None
    assert (ended.state, ended.end, ended.note) == (HandoverState.CLOSED, "returned", "材料已说明")
    assert "已交还助手" in await (await client.get("/handovers")).text()
    assert [action for _, action, key in await accesses(store) if key == waiting.WAITING] == [
        "view_handover",
        "claim_handover",
        "view_handover",
        "view_handover",
        "return_handover",
    ]


async def test_the_second_to_claim_is_told_so(client: Client, log_in: LogIn, store: Store) -> None:
    """Somebody was faster: nothing is written for them, and the page names who has it."""
    csrf = await log_in()
    await store.add_staff(OTHER, hash_password("an-other-password"))
    await store.claim_handover(waiting.WAITING, OTHER)
    base = f"/handovers/{waiting.WAITING}"
    assert await _post(client, csrf, f"{base}/claim") == (303, f"{base}?notice=taken_by_other")
    page = await (await client.get(f"{base}?notice=taken_by_other")).text()
    assert "已经由别的同事接入" in page
    assert f"{OTHER} 正在接待" in page
    assert await _post(client, csrf, f"{base}/say", text="您好") == (303, f"{base}?notice=not_yours")
    assert await _post(client, csrf, f"{base}/end", **{"as": "settled"}) == (303, f"{base}?notice=not_yours")
    assert await store.pending_lines() == ()


async def test_a_message_is_claimed_and_its_number_shown_on_record(
    client: Client, log_in: LogIn, store: Store
) -> None:
    """The number is masked until somebody asks for it, and that is noted."""
    csrf = await log_in()
    base = f"/handovers/{waiting.TASK}"
    page = await (await client.get(base)).text()
    assert "陈小明" in page
    assert "138****8000" in page
    assert waiting.PHONE not in page
    answer = await client.post(f"{base}/reveal", headers={"X-CSRF-Token": csrf})
    assert await answer.json() == {"phone": waiting.PHONE}
    assert (seed.USER, "reveal_phone", waiting.TASK) in await accesses(store)
    await _post(client, csrf, f"{base}/claim")
    assert await _post(client, csrf, f"{base}/release") == (303, "/handovers")
    task = await store.get_handover(waiting.TASK)
    assert task is not None
    assert task.state is HandoverState.TASK


@pytest.mark.parametrize(
    ("text", "notice"), [("", "line_empty"), ("   ", "line_empty"), ("长" * 601, "line_too_long")]
)
async def test_a_line_that_cannot_be_sent_is_refused(
    client: Client, log_in: LogIn, store: Store, text: str, notice: str
) -> None:
    """Nothing and too much are not handed to the door."""
    csrf = await log_in()
    base = f"/handovers/{waiting.WAITING}"
    await _post(client, csrf, f"{base}/claim")
    assert await _post(client, csrf, f"{base}/say", text=text) == (303, f"{base}?notice={notice}")
    assert await store.pending_lines() == ()


async def test_only_staff_with_a_token_get_in(client: Client, log_in: LogIn, store: Store) -> None:
    """No login: the login page with the way back. No token: refused. Unknown ids: not found."""
    base = f"/handovers/{waiting.WAITING}"
    answer = await client.get(base, allow_redirects=False)
    assert answer.status == 302
    assert answer.headers["Location"] == "/login?next=/handovers/" + waiting.WAITING
    csrf = await log_in()
    assert (await _post(client, "wrong", f"{base}/claim"))[0] == 403
    assert (await store.get_handover(waiting.WAITING)).state is HandoverState.WAITING  # type: ignore[union-attr]
    assert (await client.get("/handovers/hand_" + "9" * 24)).status == 404
    assert (await client.get("/handovers/hand_x")).status == 404
    assert (await _post(client, csrf, "/handovers/hand_" + "9" * 24 + "/claim"))[0] == 404
