"""What staff see: lists, one call, its sound, and nothing they should not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from casework.database import database_file
from casework.store import Store
from console.views.audio import recording_path
from core.clock import VirtualClock
from core.settings import Settings
from core.titles import DISPOSITIONS
from core.types import Disposition
from tests.console import seed
from tests.console.conftest import Client, LogIn, accesses

pytestmark = pytest.mark.net
CALL = f"/calls/{seed.CALL_ID}"
TOTAL = 15


def _ids(page: str) -> list[str]:
    return re.findall(r'<tr data-key="([^"]+)"', page)


async def test_list_shows_newest_first_and_masks_phones(client: Client, log_in: LogIn) -> None:
    """The newest call is on top, in Chinese, and no whole number is on the page."""
    await log_in()
    page = await (await client.get("/calls")).text()

    assert len(_ids(page)) == TOTAL
    assert _ids(page)[0] == seed.CALL_ID
    assert "138****8001" in page
    assert "13800138001" not in page
    assert "完成回访" in page
    assert "识别把握不高" in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("disposition=completed", 4),
        ("district=海珠区", 2),
        ("review=1", 6),
        ("review=0", 9),
        ("review=1&disposition=completed", 2),
        ("since=2026-11-22", 14),
        ("until=2026-11-21", 1),
        ("since=2026-11-22&until=2026-11-21", 0),
        ("disposition=nonsense", TOTAL),
        ("since=9999-12-31&until=0001-01-01", TOTAL),
    ],
)
async def test_filters_choose_calls(client: Client, log_in: LogIn, query: str, count: int) -> None:
    """Each filter keeps what matches; a value that means nothing filters nothing."""
    await log_in()
    page = await (await client.get(f"/calls?{query}")).text()

    assert len(_ids(page)) == count


async def test_pages_follow_each_other_without_overlap(client: Client, store: Store, log_in: LogIn) -> None:
    """Older pages continue where the newer one ended, also when new calls arrive in between."""
    for number in range(13, 60):
        record = seed.short_call(number)
        await store.save_call(record, seed.result_for(record))
    await log_in()
    first = await (await client.get("/calls")).text()
    late = replace(seed.completed_call(), call_id="att_late", started_at=seed.START + timedelta(minutes=15))
    await store.save_call(late, seed.result_for(late))
    older = re.search(r'href="(/calls\?before=[^"]+)"', first)
    assert older is not None
    second = await (await client.get(older[1].replace("&amp;", "&"))).text()

    assert len(_ids(first)) == 50
    assert len(set(_ids(first) + _ids(second))) == TOTAL + 47
    assert "data-live" not in second


@pytest.mark.parametrize("before", ["x", "2026-11-22|a", "2026-13-99T00:00:00+00:00|a", "%00|", "|"])
async def test_bad_page_mark_is_a_bad_request(client: Client, log_in: LogIn, before: str) -> None:
    """A mark that no page handed out is answered in Chinese with 400."""
    await log_in()
    answer = await client.get(f"/calls?before={before}")

    assert answer.status == 400
    assert "请求无法处理" in await answer.text()


async def test_fragment_is_only_the_list(client: Client, log_in: LogIn) -> None:
    """The part that is refreshed carries the rows and no second page around them."""
    await log_in()
    part = await (await client.get("/calls?part=rows&disposition=busy")).text()

    assert "<html" not in part
    assert len(_ids(part)) == 1


async def test_call_shows_words_fields_and_reasons(client: Client, store: Store, log_in: LogIn) -> None:
    """The page has the transcript, each field with its evidence and place, gaps and reasons."""
    await log_in()
    page = await (await client.get(CALL)).text()
    jobs = seed.talk()[7]

    assert "仓库管理员、叉车司机" in page
    assert f'data-start="{jobs.start_ms}" data-end="{jobs.end_ms}" data-line="7"' in page
    assert '<mark data-field="wanted_jobs" title="想找的工作">仓库的活，或者开叉车</mark>' in page
    assert "5000–6000 元/月" in page
    assert "照料家人" in page
    assert "有困难情形" in page
    assert "被打断" in page
    assert "中位 1.4 秒，最长 2.7 秒" in page
    assert "13800138001" not in page
    assert (seed.USER, "view_call", seed.CALL_ID) in await accesses(store)


async def test_phone_is_revealed_on_request_and_noted(client: Client, store: Store, log_in: LogIn) -> None:
    """The whole number comes only by an explicit request, which the access log keeps."""
    token = await log_in()
    answer = await client.post(f"{CALL}/reveal", headers={"X-CSRF-Token": token})

    assert await answer.json() == {"phone": "13800138001"}
    assert (await accesses(store))[-1] == (seed.USER, "reveal_phone", seed.CALL_ID)


async def test_recording_plays_in_ranges(client: Client, log_in: LogIn, console_settings: Settings) -> None:
    """A range gives exactly its bytes; one outside the file is refused."""
    await log_in()
    whole = (console_settings.recordings_dir / seed.RECORDING).read_bytes()
    part = await client.get(f"{CALL}/recording", headers={"Range": "bytes=100-199"})
    tail = await client.get(f"{CALL}/recording", headers={"Range": "bytes=-50"})
    beyond = await client.get(f"{CALL}/recording", headers={"Range": f"bytes={len(whole)}-"})
    full = await client.get(f"{CALL}/recording")

    assert (part.status, await part.read()) == (206, whole[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert (tail.status, await tail.read()) == (206, whole[-50:])
    assert beyond.status == 416
    assert (full.status, await full.read()) == (200, whole)
    assert full.headers["Content-Type"] == "audio/wav"
    assert full.headers["Cache-Control"] == "no-store"


async def test_each_playback_is_noted_once(
    client: Client, store: Store, log_in: LogIn, clock: VirtualClock
) -> None:
    """Ranges of one playback are one entry; starting over or coming back later is another."""
    await log_in()
    for asked in ("bytes=0-", "bytes=4000-", "bytes=8000-", "bytes=0-"):
        await (await client.get(f"{CALL}/recording", headers={"Range": asked})).read()
    clock.advance_ms(120_000)
    await (await client.get(f"{CALL}/recording", headers={"Range": "bytes=9000-"})).read()

    played = [entry for entry in await accesses(store) if entry[1] == "play_recording"]
    assert played == [(seed.USER, "play_recording", seed.CALL_ID)] * 3


async def test_peaks_describe_both_lanes(client: Client, log_in: LogIn) -> None:
    """The waveform covers the whole recording, and each lane is loud where its side speaks."""
    await log_in()
    found = await (await client.get(f"{CALL}/peaks")).json()
    first, second = seed.talk()[:2]

    def loudest(lane: int, start_ms: int, end_ms: int) -> int:
        values = found["lanes"][lane]
        scale = len(values) / found["duration_ms"]
        return max(values[round(start_ms * scale) : round(end_ms * scale)])

    assert found["duration_ms"] == seed.talk()[-1].end_ms + 900
    assert loudest(1, first.start_ms, first.end_ms) > 20 > loudest(0, first.start_ms, first.end_ms)
    assert loudest(0, second.start_ms, second.end_ms) > 10 > loudest(1, second.start_ms, second.end_ms)


@pytest.mark.parametrize(
    "path",
    [
        "/calls/att_unknown",
        "/calls/..%2F..%2Fetc%2Fpasswd",
        "/calls/%00",
        "/calls/" + "a" * 500,
        "/calls/' OR 1=1 --",
        f"{CALL}/recording/../../x",
        "/intentions/res_zz",
        "/intentions/" + seed.intention(99).result_id,
        "/static/../app.py",
        "/static/%2e%2e/texts.py",
    ],
)
async def test_hostile_addresses_are_not_found(client: Client, log_in: LogIn, path: str) -> None:
    """What names no record is 404 in Chinese, and leads nowhere else."""
    await log_in()
    answer = await client.get(path)

    assert answer.status == 404
    assert "没有找到" in await answer.text()


async def test_recording_outside_its_folder_is_not_served(client: Client, log_in: LogIn) -> None:
    """A record whose recording points out of the folder has none."""
    await log_in()
    for part in ("recording", "peaks"):
        assert (await client.get(f"/calls/{seed.HOSTILE_CALL_ID}/{part}")).status == 404

    assert "没有录音" in await (await client.get(f"/calls/{seed.HOSTILE_CALL_ID}")).text()


def test_recording_path_stays_inside(tmp_path: Path) -> None:
    """Absolute paths, dots, links and foreign files are refused."""
    root = tmp_path / "recordings"
    (root / "day").mkdir(parents=True)
    outside = tmp_path / "outside.wav"
    for file in (outside, root / "day" / "a.wav", root / "day" / "a.txt"):
        file.write_bytes(b"x")
    (root / "day" / "link.wav").symlink_to(outside)

    assert recording_path(root, "day/a.wav") == root / "day" / "a.wav"
    for bad in ("", "../outside.wav", str(outside), "day/link.wav", "day/a.txt", "day", "a\x00.wav"):
        assert recording_path(root, bad) is None


async def test_words_cannot_become_markup(client: Client, log_in: LogIn) -> None:
    """HTML in names, words, fields and reasons is shown as text, in the list and on the page."""
    await log_in()
    for path in ("/calls", f"/calls/{seed.HOSTILE_CALL_ID}"):
        page = await (await client.get(path)).text()

        assert "&lt;b&gt;王小虎&lt;/b&gt;" in page
        assert re.search(r"<(script>|img|svg onload|b>|u>|i>|em>)", page) is None


async def test_intentions_are_listed_and_shown(client: Client, store: Store, log_in: LogIn) -> None:
    """Intentions from the chat and from calls are listed; one shows its fields and words."""
    await log_in()
    page = await (await client.get("/intentions")).text()
    one = await (await client.get(f"/intentions/{seed.intention(0).result_id}")).text()

    assert len(_ids(page)) == 3
    assert "家政服务员、月嫂" in page
    assert "6000 元/月以上" in one
    assert "白班" in one
    assert "想做家政，月嫂也行" in one
    assert (seed.USER, "view_intention", seed.intention(0).result_id) in await accesses(store)


async def test_health_needs_no_login(client: Client, store: Store) -> None:
    """The probes answer without a login; without its database the console is not healthy."""
    assert await (await client.get("/health")).json() == {"status": "ok", "process": "console"}
    assert (await client.get("/metrics")).status == 200


async def test_health_is_503_without_the_database(
    client: Client, store: Store, console_settings: Settings
) -> None:
    """A database that cannot be opened is told to the probe, and to people in Chinese; then it is back."""
    file = database_file(console_settings.database)
    assert file is not None
    await store.close()
    moved = file.rename(file.with_suffix(".away"))
    for beside in file.parent.glob(f"{file.name}-*"):
        beside.unlink()
    file.mkdir()
    answer = await client.get("/health")
    assert (answer.status, (await answer.json())["code"]) == (503, "storage.unavailable")
    login = {"username": seed.USER, "password": seed.PASSWORD}
    page = await (await client.get("/login")).text()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    refused = await client.post("/login", data={**login, "csrf": token[1]})
    assert (refused.status, "数据暂时无法读取" in await refused.text()) == (503, True)
    file.rmdir()
    moved.rename(file)

    assert (await client.get("/health")).status == 200


def test_every_disposition_has_a_name_and_a_colour() -> None:
    """No disposition is shown as a bare code."""
    from console.texts import load_texts

    texts = load_texts()
    coloured = {code for codes in texts.tree["tones"].values() for code in codes}

    names = {code: texts.name("dispositions", code.value) for code in Disposition}
    assert names == DISPOSITIONS
    assert coloured == set(Disposition)
