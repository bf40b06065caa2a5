"""Who gets in, who stays in, and who is thrown out."""

from __future__ import annotations

import re

import pytest
from yarl import URL

from casework.staff import hash_password
from casework.store import Store
from console.sessions import COOKIE_NAME
from console.throttle import LIMITS, WINDOW_MS, LoginThrottle
from core.clock import VirtualClock
from core.settings import Settings
from tests.console import seed
from tests.console.conftest import Client, LogIn, accesses, try_login

pytestmark = pytest.mark.net

_ONE_TIME = "abcd-efgh-jkmn-pqrs"


async def test_pages_lead_to_the_login(client: Client) -> None:
    """Without a login every page leads to the login form, and back afterwards."""
    answer = await client.get("/calls?district=天河区", allow_redirects=False)

    assert answer.status == 302
    location = URL(answer.headers["Location"])
    assert location.path == "/login"
    assert URL(location.query["next"]) == URL("/calls?district=天河区")


@pytest.mark.parametrize("path", [f"/calls/{seed.CALL_ID}/recording", "/events", "/calls?part=rows"])
async def test_scripts_are_refused_without_a_login(client: Client, path: str) -> None:
    """What is no page answers 401 and not a login form."""
    answer = await client.get(path, headers={"Accept": "*/*"}, allow_redirects=False)

    assert answer.status == 401


async def test_right_password_opens_the_list(client: Client, store: Store) -> None:
    """The right password leads to the calls, is noted, and the cookie is out of scripts' reach."""
    status, location, _ = await try_login(client, seed.USER.upper(), seed.PASSWORD)

    assert (status, location) == (302, "/calls")
    assert (await client.get("/calls", allow_redirects=False)).status == 200
    assert ("lin.xia", "login", "") in await accesses(store)


async def test_cookie_is_hardened(client: Client) -> None:
    """The cookie is HttpOnly, SameSite and says nothing about its owner."""
    answer = await client.get("/login")
    cookie = answer.cookies[COOKIE_NAME]

    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert seed.USER not in cookie.value


@pytest.mark.parametrize(
    ("user", "password"),
    [(seed.USER, "wrong wrong wrong"), ("nobody.here", seed.PASSWORD), ("", ""), (seed.USER, "x" * 5000)],
)
async def test_failures_look_alike(client: Client, user: str, password: str) -> None:
    """A wrong password and an unknown name give the same page."""
    status, _, page = await try_login(client, user, password)

    assert status == 401
    assert "登录失败。请检查账号和密码" in page
    assert password not in page if password else True


async def test_many_failures_are_throttled(client: Client, clock: VirtualClock) -> None:
    """After five failures even the right password waits, and works again after fifteen minutes."""
    for _ in range(LIMITS["pair"]):
        assert (await try_login(client, seed.USER, "wrong wrong wrong"))[0] == 401

    assert (await try_login(client, seed.USER, seed.PASSWORD))[0] == 429
    clock.advance_ms(WINDOW_MS + 1)
    assert (await try_login(client, seed.USER, seed.PASSWORD))[0] == 302


def test_throttle_counts_account_and_address_too() -> None:
    """Changing the address or the name does not get around the limits."""
    throttle = LoginThrottle(VirtualClock())
    for number in range(LIMITS["user"]):
        throttle.failed("lin", f"10.0.0.{number}")
    for number in range(LIMITS["address"]):
        throttle.failed(f"user{number}", "10.0.1.1")

    assert throttle.wait_ms("lin", "10.9.9.9") > 0
    assert throttle.wait_ms("someone", "10.0.1.1") > 0
    assert throttle.wait_ms("someone", "10.9.9.9") == 0


@pytest.mark.parametrize("token", ["", "forged"])
async def test_post_without_token_is_refused(client: Client, store: Store, log_in: LogIn, token: str) -> None:
    """A change without the session's CSRF token changes nothing."""
    await log_in()
    answer = await client.post(f"/calls/{seed.CALL_ID}/reveal", headers={"X-CSRF-Token": token})

    assert answer.status == 403
    assert "reveal_phone" not in {action for _, action, _ in await accesses(store)}


async def test_login_form_needs_its_token(client: Client) -> None:
    """A login posted from elsewhere is sent back to the form."""
    form = {"username": seed.USER, "password": seed.PASSWORD, "csrf": "forged"}
    answer = await client.post("/login", data=form, allow_redirects=False)

    assert answer.headers["Location"] == "/login?notice=form_expired"


async def test_session_ends_after_its_hours(
    client: Client, log_in: LogIn, clock: VirtualClock, console_settings: Settings
) -> None:
    """A login lasts exactly as long as the setting says."""
    await log_in()
    clock.advance_ms(console_settings.console_session_hours * 3_600_000 - 1)
    assert (await client.get("/calls", allow_redirects=False)).status == 200

    clock.advance_ms(1)
    assert (await client.get("/calls", allow_redirects=False)).status == 302


@pytest.mark.parametrize(
    "change", [lambda value: value[:-4] + "AAAA", lambda value: "x", lambda value: "é" * 9]
)
async def test_tampered_cookie_is_nobody(client: Client, log_in: LogIn, change: object) -> None:
    """A changed cookie is no login, and no error either."""
    await log_in()
    value = client.session.cookie_jar.filter_cookies(client.make_url("/"))[COOKIE_NAME].value
    client.session.cookie_jar.clear()
    cookie = f"{COOKIE_NAME}={change(value)}"  # type: ignore[operator]
    answer = await client.get("/calls", headers={"Cookie": cookie}, allow_redirects=False)

    assert answer.status == 302


async def test_logout_kills_copies_of_the_cookie(client: Client, log_in: LogIn) -> None:
    """A cookie that was copied before the log-out is worthless afterwards."""
    token = await log_in()
    value = client.session.cookie_jar.filter_cookies(client.make_url("/"))[COOKIE_NAME].value
    answer = await client.post("/logout", data={"csrf": token}, allow_redirects=False)
    assert answer.headers["Location"] == "/login?notice=logged_out"

    client.session.cookie_jar.clear()
    again = await client.get("/calls", headers={"Cookie": f"{COOKIE_NAME}={value}"}, allow_redirects=False)
    assert again.status == 302


async def test_disabled_account_is_out_at_once(client: Client, store: Store, log_in: LogIn) -> None:
    """Disabling an account ends its open sessions."""
    await log_in()
    await store.set_disabled(seed.USER, True)

    assert (await client.get("/calls", allow_redirects=False)).status == 302
    assert (await try_login(client, seed.USER, seed.PASSWORD))[0] == 401


async def test_new_password_ends_every_session(
    client: Client, store: Store, log_in: LogIn, clock: VirtualClock
) -> None:
    """After a change of password the old cookie and the old password are both worthless."""
    token = await log_in()
    value = client.session.cookie_jar.filter_cookies(client.make_url("/"))[COOKIE_NAME].value
    clock.advance_ms(1000)
    new = "another long password"
    wrong = {"csrf": token, "old": "not this one", "new": new, "again": new}
    assert (await client.post("/password", data=wrong)).status == 400
    short = {"csrf": token, "old": seed.PASSWORD, "new": "short", "again": "short"}
    assert (await client.post("/password", data=short)).status == 400
    form = {"csrf": token, "old": seed.PASSWORD, "new": new, "again": new}
    answer = await client.post("/password", data=form, allow_redirects=False)
    assert answer.headers["Location"] == "/login?notice=password_changed"

    client.session.cookie_jar.clear()
    old = await client.get("/calls", headers={"Cookie": f"{COOKIE_NAME}={value}"}, allow_redirects=False)
    assert old.status == 302
    assert (await try_login(client, seed.USER, seed.PASSWORD))[0] == 401
    assert (await try_login(client, seed.USER, new))[0] == 302


@pytest.fixture
async def newcomer(store: Store) -> str:
    """An account whose password was made by somebody else; its name."""
    await store.add_staff("new.here", hash_password(_ONE_TIME), one_time=True)
    return "new.here"


async def test_one_time_password_opens_nothing_but_its_change(client: Client, newcomer: str) -> None:
    """Until its owner sets another one, pages lead to 修改密码 and scripts are refused."""
    assert (await try_login(client, newcomer, _ONE_TIME))[0] == 302
    for path in ("/", "/calls", f"/calls/{seed.CALL_ID}", "/intentions", f"/calls/{seed.CALL_ID}/recording"):
        answer = await client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/password")
    for path in (f"/calls/{seed.CALL_ID}/recording", "/calls?part=rows", "/events"):
        answer = await client.get(path, headers={"Accept": "*/*"}, allow_redirects=False)
        assert (answer.status, await answer.text()) == (403, "请先设置自己的密码。")
    page = await (await client.get("/password")).text()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    reveal = await client.post(f"/calls/{seed.CALL_ID}/reveal", headers={"X-CSRF-Token": token[1]})
    assert reveal.status == 403
    assert "138" not in await reveal.text()
    assert "您用的是一次性密码" in page
    assert 'href="/intentions"' not in page


async def test_own_password_replaces_the_one_time_password(
    client: Client, store: Store, newcomer: str, clock: VirtualClock
) -> None:
    """The same password again is refused; another one opens the console, the first one is spent."""
    await try_login(client, newcomer, _ONE_TIME)
    page = await (await client.get("/password")).text()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    same = {"csrf": token[1], "old": _ONE_TIME, "new": _ONE_TIME, "again": _ONE_TIME}
    refused = await client.post("/password", data=same)
    assert (refused.status, "不能和当前密码相同" in await refused.text()) == (400, True)

    clock.advance_ms(1000)
    new = "my own long password"
    form = {"csrf": token[1], "old": _ONE_TIME, "new": new, "again": new}
    answer = await client.post("/password", data=form, allow_redirects=False)
    assert answer.headers["Location"] == "/login?notice=password_changed"
    assert (await try_login(client, newcomer, _ONE_TIME))[0] == 401
    assert (await try_login(client, newcomer, new))[:2] == (302, "/calls")
    assert (await client.get("/calls", allow_redirects=False)).status == 200
    member = await store.get_staff(newcomer)
    assert member is not None
    assert not member.must_change_password


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/calls/att_1", "/calls/att_1"),
        ("/intentions", "/intentions"),
        ("https://example.org/", "/calls"),
        ("//example.org", "/calls"),
        ("/calls\\..//example.org", "/calls"),
        ("/callsign", "/calls"),
    ],
)
async def test_login_leads_only_to_our_own_pages(client: Client, wanted: str, leads_to: str) -> None:
    """The page to go on to cannot be a foreign one."""
    assert (await try_login(client, seed.USER, seed.PASSWORD, wanted))[1] == leads_to


async def test_headers_protect_every_answer(client: Client, log_in: LogIn) -> None:
    """Pages forbid inline script, framing and keeping copies; no page carries inline script or style."""
    await log_in()
    for path in ("/login", "/calls", f"/calls/{seed.CALL_ID}", "/no-such-page"):
        answer = await client.get(path)
        page = await answer.text()

        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.search(r"<script(?![^>]*\bsrc=)|<style|<[^>]* (style|on[a-z]+)=", page) is None
