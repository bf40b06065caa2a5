"""`nuanye campaign`, `results`, `staff` as somebody at a terminal meets them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis

from casework import schema
from casework.relay import Relay
from casework.staff import verify_password
from casework.store import open_store
from core.clock import VirtualClock
from core.settings import Settings
from nuanye.cli import main
from tests.casework.conftest import Cluster
from tests.casework.samples import CHEN, LI, finished, intention

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; return status, stdout and stderr."""
    monkeypatch.setenv("NUANYE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("NUANYE_REDIS_URL", settings.redis_url)

    def run_command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nuanye", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_command


@pytest.fixture
def list_csv(tmp_path: Path) -> Path:
    """A list of two usable rows, the second with a SIP address."""
    path = tmp_path / "回访名单.csv"
    path.write_text("姓名,手机号码,区\n陈小明,13800138001,天河区\n李桂芳,sip:li@127.0.0.1:5071,荔湾区\n")
    return path


def _json(run: Run, *arguments: object) -> Any:
    status, out, err = run(*arguments)
    assert status == 0, err
    return json.loads(out)


def test_a_campaign_from_start_to_stop(run: Run, list_csv: Path) -> None:
    """start, list, show, pause, resume, stop; after that it cannot be resumed."""
    started = _json(run, "campaign", "start", list_csv, "--json")
    assert (started["name"], started["contacts"], started["problems"]) == ("回访名单", 2, [])
    campaign_id = started["campaign_id"]
    (listed,) = _json(run, "campaign", "list", "--json")["campaigns"]
    assert (listed["campaign_id"], listed["state"]) == (campaign_id, "running")
    assert _json(run, "campaign", "show", campaign_id, "--json")["planned"] == 2
    for command, word in (("pause", "已暂停"), ("resume", "进行中"), ("stop", "已停止")):
        status, out, _ = run("campaign", command, campaign_id)
        assert (status, word in out) == (0, True)
    assert _json(run, "campaign", "show", campaign_id, "--json")["cancelled"] == 2
    status, _, err = run("campaign", "resume", campaign_id)
    assert status == 1
    assert "input.invalid" in err
    assert "campaign list" in err


def test_bad_rows_stop_the_import_unless_skipped(run: Run, list_csv: Path) -> None:
    """With a bad row nobody is called; --skip-bad-rows calls the others and still names the line."""
    list_csv.write_text(list_csv.read_text() + "王建国,1.38E+10,海珠区\n")
    status, out, err = run("campaign", "start", list_csv)
    assert (status, out) == (1, "")
    assert "第 4 行" in err
    assert "王建国" not in err
    assert _json(run, "campaign", "list", "--json") == {"campaigns": []}
    started = _json(run, "campaign", "start", list_csv, "--skip-bad-rows", "--name", "补呼", "--json")
    assert (started["name"], started["contacts"]) == ("补呼", 2)
    assert [problem["line"] for problem in started["problems"]] == [4]


def test_unknown_things_end_with_status_1_and_a_hint(run: Run, tmp_path: Path) -> None:
    """A missing file, campaign, result or account is an error with a code, not a traceback."""
    for arguments in (
        ("campaign", "start", tmp_path / "none.csv"),
        ("campaign", "show", "cmp_none"),
        ("results", "show", "res_none"),
        ("results", "tail", "--from", "yesterday"),
        ("staff", "password", "nobody"),
        ("staff", "add", "Bad Name!"),
        ("staff", "add", "li.hua", "--role", "king"),
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (1, ""), arguments
        assert "input.invalid" in err
        assert "Traceback" not in err


def test_staff_accounts(run: Run, settings: Settings) -> None:
    """A new account's password is shown once and works; a new one replaces it; disabling is kept."""
    first = _json(run, "staff", "add", "li.hua", "--role", "admin", "--json")
    second = _json(run, "staff", "password", "li.hua", "--json")
    assert first["password"] != second["password"]
    assert run("staff", "add", "li.hua")[0] == 1
    assert run("staff", "disable", "li.hua")[0] == 0
    (listed,) = _json(run, "staff", "list", "--json")["staff"]
    assert (listed["username"], listed["role"], listed["disabled"]) == ("li.hua", "admin", True)
    assert "hash" not in json.dumps(listed)

    async def stored_hash() -> str:
        async with await open_store(settings) as store:
            member = await store.get_staff("LI.HUA")
            assert member is not None
            return member.password_hash

    stored = asyncio.run(stored_hash())
    assert verify_password(stored, second["password"])
    assert not verify_password(stored, first["password"])
    assert not verify_password("not a hash", second["password"])


async def _produce(settings: Settings) -> None:
    """One finished call and one job intention, relayed; a second intention waits."""
    from redis.asyncio import Redis as AsyncRedis

    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    opening = open_store(settings, clock=VirtualClock(start=at))
    async with await opening as store, AsyncRedis.from_url(settings.redis_url) as redis:
        await store.start_campaign("测试", [CHEN, LI], ignore_window=True)
        task, _ = await store.hand_out(await store.take_fence(), 2)
        await store.begin_attempt(task, "w1", lease_ms=60_000)
        await store.save_call(*finished(task, at, employment_status="employed"))
        await store.save_result(intention("web_1", at))
        await Relay(store, redis).relay_waiting()
        await store.save_result(intention("web_2", at))


def test_results_are_shown_and_add_up(run: Run, settings: Settings) -> None:
    """tail prints one JSON object per entry, show one with its evidence, reconcile counts them all."""
    asyncio.run(_produce(settings))
    status, out, _ = run("results", "tail", "--from", "begin", "--count", 2, "--json")
    assert status == 0
    call, wish = (json.loads(line) for line in out.splitlines())
    assert (call["result"]["kind"], wish["result"]["kind"]) == ("call", "job_intention")
    status, out, _ = run("results", "tail", "--from", call["stream_id"], "--count", 1, "--json")
    assert json.loads(out) == wish
    shown = _json(run, "results", "show", wish["result"]["result_id"], "--json")
    assert shown == wish
    assert "“想做保安”" in run("results", "show", wish["result"]["result_id"])[1]
    counts = _json(run, "results", "reconcile", "--json")
    stages = ("planned", "held_back", "dialled", "ended", "stored", "published", "consumed")
    assert [counts[stage] for stage in stages] == [2, 1, 1, 1, 1, 1, 0]
    assert (counts["held_back_why"], counts["other_results"], counts["lost"]) == ({"handed_out": 1}, 2, 0)
    reasons = {(item["id"], item["stage"]): item["reason"] for item in counts["differences"]}
    waiting = intention("web_2", datetime(2026, 11, 23, 2, 0, tzinfo=UTC)).result_id
    assert reasons.pop((waiting, "published")) == "waiting"
    assert set(reasons) == {
        (call["result"]["result_id"], "consumed"),
        (wish["result"]["result_id"], "consumed"),
    }


def test_a_district_takes_its_results_and_answers(run: Run, settings: Settings) -> None:
    """What its group acknowledged is consumed; what it only took, and what it never read, is named."""
    asyncio.run(_produce(settings))
    stream = "nuanye:results:district:天河区"
    with Redis.from_url(settings.redis_url) as redis:
        redis.xgroup_create(stream, "天河区", id="0")
        ((_, entries),) = _blocks(redis.xreadgroup("天河区", "desk", {stream: ">"}))
        taken = _json(run, "results", "reconcile", "--json")
        assert taken["consumed"] == 0, taken
        assert "taken by desk, not acknowledged" in [item["reason"] for item in taken["differences"]]
        redis.xack(stream, "天河区", *(entry for entry, _ in entries))
    counts = _json(run, "results", "reconcile", "--json", "--day", "2026-11-23")
    assert counts["consumed"] == counts["published"] == 1, counts
    assert [item["stage"] for item in counts["differences"]] == ["published"]
    empty = _json(run, "results", "reconcile", "--json", "--day", "2026-11-01")
    assert (empty["planned"], empty["published"], empty["differences"]) == (0, 0, [])


def test_replay_sends_the_same_results_again(run: Run, settings: Settings) -> None:
    """To the district's stream, with the ids they had; a count comes first, another district gets none."""
    asyncio.run(_produce(settings))
    stream = "nuanye:results:district:天河区"
    with Redis.from_url(settings.redis_url) as redis:
        before = [json.loads(fields[b"json"]) for _, fields in redis.xrange(stream)]
        since = ("--since", "2026-11-23", "--until", "2026-11-23", "--json")
        assert _json(run, "results", "replay", *since, "--dry-run") == {"replayed": 0, "found": 3}
        assert _json(run, "results", "replay", *since, "--district", "南沙区")["replayed"] == 0
        assert len(redis.xrange(stream)) == len(before)
        assert _json(run, "results", "replay", *since)["replayed"] == 3
        after = [json.loads(fields[b"json"]) for _, fields in redis.xrange(stream)]
    assert before[0] in after[len(before) :]


def test_dead_letters_are_shown_put_back_and_dropped(run: Run, settings: Settings) -> None:
    """With the reason; an id that is not there is an error."""
    with Redis.from_url(settings.redis_url) as redis:
        letter = {"json": b"{}", "reason": "no such result", "entry": "1-1", "group": "casework"}
        first, second = (redis.xadd("nuanye:feedback:dead", letter).decode() for _ in range(2))
        shown = _json(run, "results", "dead", "--json")["dead"]
        assert [item["id"] for item in shown] == [first, second]
        assert (shown[0]["stream"], shown[0]["reason"]) == ("nuanye:feedback", "no such result")
        assert run("results", "dead", "--retry", first)[0] == 0
        assert redis.xlen("nuanye:feedback") == 1
        assert run("results", "dead", "--drop", second)[0] == 0
        assert _json(run, "results", "dead", "--json") == {"dead": []}
    status, _, err = run("results", "dead", "--drop", "7-7")
    assert status == 1
    assert "no dead letter" in err


@pytest.mark.parametrize("day", ["gestern", "2026-13-01", "20261123"])
def test_a_wrong_day_is_named(run: Run, day: str) -> None:
    """The message says how to write one."""
    status, _, err = run("results", "reconcile", "--day", day)
    assert status == 1
    assert "2026-11-23" in err


def _blocks(reply: Any) -> Any:
    """XREADGROUP's answer as (stream, entries): a mapping of lists under RESP3, pairs under RESP2."""
    if isinstance(reply, dict):
        return [(name, blocks[0]) for name, blocks in reply.items()]
    return reply


def test_a_missing_call_is_noticed(run: Run, settings: Settings) -> None:
    """An attempt that was dialled and ended without a stored call makes reconcile fail."""
    import sqlite3

    asyncio.run(_produce(settings))
    with sqlite3.connect(settings.data_dir / "nuanye.db") as connection:
        connection.execute("DELETE FROM calls")
    status, out, _ = run("results", "reconcile", "--json")
    assert status == 1
    assert json.loads(out)["lost"] == 1
    assert [(item["stage"], item["reason"]) for item in json.loads(out)["differences"] if item["lost"]] == [
        ("stored", "no_call")
    ]


def test_tail_waits_for_what_is_new(run: Run, settings: Settings) -> None:
    """From `new` on, only what arrives later is shown."""
    asyncio.run(_produce(settings))
    with Redis.from_url(settings.redis_url) as redis:
        redis.xadd("nuanye:results", {"json": b"{}"})
    import threading
    import time

    from core.codec import to_json

    late = intention("web_late", datetime(2026, 11, 23, 2, 0, tzinfo=UTC))

    def publish() -> None:
        time.sleep(0.6)
        with Redis.from_url(settings.redis_url) as redis:
            redis.xadd("nuanye:results", {"json": to_json(late)})

    thread = threading.Thread(target=publish)
    thread.start()
    status, out, _ = run("results", "tail", "--count", 1, "--json")
    thread.join()
    assert status == 0
    assert json.loads(out)["result"]["source"] == "web_late"


def test_a_server_database_is_upgraded_by_command(
    run: Run, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before `nuanye db upgrade` commands name it as the cure; after it, once or twice, they work."""
    url = asyncio.run(postgres.create("by_command"))
    monkeypatch.setenv("NUANYE_DATABASE_URL", url)
    status, _, err = run("staff", "list")
    assert (status, "nuanye db upgrade" in err) == (1, True)
    for _ in range(2):
        assert run("db", "upgrade")[0] == 0
    assert _json(run, "staff", "list", "--json") == {"staff": []}


def test_a_do_not_call_list_from_import_to_removal(run: Run, tmp_path: Path) -> None:
    """import names bad rows and enters the others; add, list and remove; reserved names are refused."""
    path = tmp_path / "12345投诉.csv"
    path.write_text("手机号码,原因,到期日期\n13800138001,投诉,2099-12-31\n138,x,\n13800138003,=1+1,\n")
    imported = _json(run, "dnc", "import", path, "--json")
    assert (imported["list"], imported["rows"], imported["added"]) == ("12345投诉", 1, 1)
    assert [problem["line"] for problem in imported["problems"]] == [3, 4]
    assert _json(run, "dnc", "add", "13800138001", "--reason", "来信", "--json")["added"] is True
    entries = _json(run, "dnc", "list", "--number", "138-0013-8001", "--json")["entries"]
    assert {(entry["list_name"], entry["reason"]) for entry in entries} == {
        ("12345投诉", "投诉"),
        ("staff", "来信"),
    }
    assert {entry["address"] for entry in entries} == {"138****8001"}
    assert _json(run, "dnc", "remove", "13800138001", "--json") == {"removed": 2}
    assert _json(run, "dnc", "list", "--json") == {"entries": []}
    for arguments in (
        ("dnc", "remove", "13800138001"),
        ("dnc", "add", "13800138001", "--list", "spoken"),
        ("dnc", "add", "13800138001", "--expires", "bald"),
        ("dnc", "add", "12"),
        ("dnc", "import", tmp_path / "none.csv"),
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (1, ""), arguments
        assert "input.invalid" in err


def test_the_proof_is_exported_and_the_export_is_logged(run: Run, settings: Settings) -> None:
    """JSON and CSV name the rule; a campaign's name is no formula; who looked is in the access log."""
    asyncio.run(_formula_campaign(settings))
    shown = _json(run, "contacts", "proof", CHEN.address, "--json")
    assert [contact["rule"] for contact in shown["contacts"]] == ["rehearsal"]
    status, out, _ = run("contacts", "proof", CHEN.address, "--csv")
    header, line = out.splitlines()
    assert status == 0
    assert (header.split(",")[5], line.split(",")[5:8]) == ("规则", ["rehearsal", "演练", "是"])
    assert "'=1+1" in line
    assert CHEN.name not in out
    assert run("contacts", "proof", "13800138999")[0] == 1
    assert asyncio.run(_count_exports(settings)) == 2


async def _formula_campaign(settings: Settings) -> None:
    async with await open_store(settings) as store:
        await store.start_campaign("=1+1", [CHEN], ignore_window=True)
        await store.hand_out(await store.take_fence(), 1)


async def _count_exports(settings: Settings) -> int:
    async with await open_store(settings) as store, store._db.read() as connection:
        log = schema.access_log.c
        query = sa.select(sa.func.count()).where(
            log.action == "export_contact_proof", log.username.like("cli%"), log.object_id.like("per_%")
        )
        return int((await connection.execute(query)).scalar_one())


def test_contact_limits_are_shown_and_changed(run: Run) -> None:
    """limits prints what is in force, changes what is named, and refuses nonsense."""
    first = _json(run, "contacts", "limits", "--json")
    assert (first["day"], first["week"], first["month"]) == (2, 4, 8)
    changed = _json(run, "contacts", "limits", "--day", 1, "--hours", "09:30-18:30", "--json")
    assert (changed["day"], changed["opens"], changed["closes"]) == (1, 570, 1110)
    assert _json(run, "contacts", "limits", "--json") == changed
    for arguments in (("--day", 9), ("--hours", "18:00-09:00"), ("--hours", "always")):
        assert run("contacts", "limits", *arguments)[0] == 1


PLAN = """
name: 方案测试
variants: [{name: A}, {name: B}]
hours: {周一至周日: 09:00-20:00}
audience: {districts: [天河区]}
"""


def test_a_campaign_from_the_register(run: Run, tmp_path: Path) -> None:
    """audience counts, prepare freezes, test tries one number, change, launch; lines are limited."""
    register, plan = tmp_path / "名册.csv", tmp_path / "plan.yaml"
    register.write_text("姓名,手机号码,区\n陈小明,13800138001,天河区\n李桂芳,13800138002,荔湾区\n")
    plan.write_text(PLAN)
    _json(run, "register", "import", register, "--json")
    assert _json(run, "campaign", "audience", plan, "--json")["districts"] == {"天河区": 1}
    prepared = _json(run, "campaign", "prepare", plan, "--json")
    campaign = prepared["campaign"]
    assert (campaign["name"], campaign["state"], prepared["persons"]) == ("方案测试", "ready", 1)
    tried = _json(run, "campaign", "test", campaign["campaign_id"], "13800138009", "--variant", "B", "--json")
    assert tried["name"] == "方案测试（测试）"
    plan.write_text(PLAN + "priority: 9\n")
    _json(run, "campaign", "change", campaign["campaign_id"], plan, "--json")
    assert _json(run, "campaign", "launch", campaign["campaign_id"], "--json")["state"] == "running"
    shown = _json(run, "campaign", "show", campaign["campaign_id"], "--json")
    assert (shown["planned"], shown["campaign"]["plan"]["priority"]) == (1, 9)
    lines = ("campaign", "lines", "--trunk", 30, "--caller", "02083330001=10", "--json")
    assert _json(run, *lines)["callers"] == {"02083330001": 10}
    assert _json(run, "campaign", "lines", "--per-second", 2.5, "--json")["trunk"] == 30


def test_plans_that_cannot_be_are_refused(run: Run, tmp_path: Path, list_csv: Path) -> None:
    """Bad plans, plans without an audience, unknown ids and impossible lines: status 1 and a code."""
    broken, bare = tmp_path / "broken.yaml", tmp_path / "bare.yaml"
    broken.write_text("hours: never")
    bare.write_text("priority: 3")
    for arguments in (
        ("campaign", "audience", broken),
        ("campaign", "audience", bare),
        ("campaign", "prepare", bare),
        ("campaign", "prepare", tmp_path / "none.yaml"),
        ("campaign", "start", list_csv, "--plan", broken),
        ("campaign", "launch", "cmp_none"),
        ("campaign", "test", "cmp_none", "13800138009"),
        ("campaign", "test", "cmp_none", "12"),
        ("campaign", "change", "cmp_none", bare),
        ("campaign", "lines", "--caller", "many"),
        ("campaign", "lines", "--trunk", "-1"),
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (1, ""), arguments
        assert "input.invalid" in err


def test_a_list_starts_under_a_plan_with_its_variables(run: Run, tmp_path: Path, list_csv: Path) -> None:
    """The plan's name and priority are taken; a column 变量:… is no ignored column."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("name: 二期\npriority: 8")
    list_csv.write_text("姓名,手机号码,变量：期数,喜好\n陈小明,13800138001,第二期,茶\n")
    started = _json(run, "campaign", "start", list_csv, "--plan", plan, "--json")
    assert (started["name"], started["ignored_columns"]) == ("二期", ["喜好"])
    shown = _json(run, "campaign", "show", started["campaign_id"], "--json")
    assert shown["campaign"]["plan"]["priority"] == 8


def test_a_case_from_the_list_to_its_outcome(run: Run, settings: Settings) -> None:
    """list, show, answer twice; the second answer closes it."""

    async def prepare() -> None:
        async with await open_store(settings) as store:
            now = datetime.now(UTC)
            await store.save_result(replace(intention("web_1", now), needs_review=("complaint",)))

    asyncio.run(prepare())
    (case,) = _json(run, "cases", "list", "--json")["cases"]
    assert (case["district"], case["reasons"], case["state"]) == ("天河区", ["complaint"], "open")
    assert _json(run, "cases", "list", "--state", "overdue", "--json")["cases"] == []
    assert "有投诉" in run("cases", "list")[1]
    assert _json(run, "cases", "answer", case["case_id"], "contacted", "--json")["state"] == "open"
    closed = _json(run, "cases", "answer", case["case_id"], "placed", "--note", "已上岗", "--json")
    assert (closed["state"], closed["outcome"]) == ("closed", "placed")
    shown = _json(run, "cases", "show", case["case_id"], "--json")["timeline"]
    assert [event["kind"] for event in shown] == ["opened", "feedback", "feedback", "closed"]
    out = run("cases", "show", case["case_id"])[1]
    assert "已上岗" in out
    assert "结案" in out
    for arguments in (("show", "cas_none"), ("answer", "cas_none", "placed"), ("list", "--state", "odd")):
        assert run("cases", *arguments)[0] == 1
    assert run("cases", "answer", case["case_id"], "forgotten")[0] == 1
