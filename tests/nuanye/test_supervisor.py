"""The supervisor with real child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.settings import Settings, load_settings
from nuanye.processes import ProcessSpec
from nuanye.supervisor import StartError, Supervisor, running_pid
from tests.eventually import eventually

pytestmark = [pytest.mark.slow, pytest.mark.net]


@pytest.fixture
def own_settings(tmp_path: Path) -> Settings:
    """Settings with an embedded Redis of their own."""
    return load_settings({"NUANYE_DATA_DIR": str(tmp_path / "var")})


def server_spec(port: int, directory: Path) -> ProcessSpec:
    """Describe a small HTTP server as one of the processes."""
    args = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", str(directory))
    return ProcessSpec("server", "测试服务", args, f"http://127.0.0.1:{port}/")


def alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_processes_run_inside_and_are_gone_outside(
    own_settings: Settings, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """Inside the context all answer; after it none is left and the run file is gone."""
    lines: list[str] = []
    async with Supervisor(own_settings, lines.append, (server_spec(free_port(), tmp_path),)) as supervisor:
        pids = supervisor.pids()
        assert {"server", "redis"} == pids.keys()
        assert all(alive(pid) for pid in pids.values())

    assert not any(alive(pid) for pid in pids.values())
    assert not (own_settings.data_dir / "run.json").exists()
    assert any("测试服务" in line for line in lines)


async def test_a_killed_process_comes_back(
    own_settings: Settings, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """A process that dies is started again and said so."""
    lines: list[str] = []
    async with Supervisor(own_settings, lines.append, (server_spec(free_port(), tmp_path),)) as supervisor:
        first = supervisor.pids()["server"]
        os.kill(first, signal.SIGKILL)

        await eventually(lambda: supervisor.pids()["server"] != first, within_s=15)
        assert any("意外退出" in line for line in lines)


async def test_a_process_that_fails_to_start_names_its_log(own_settings: Settings) -> None:
    """The error quotes the last line and points at the log."""
    spec = ProcessSpec("broken", "坏的", (sys.executable, "-c", "raise SystemExit('no model')"), "http://x/")

    with pytest.raises(StartError, match="no model") as caught:
        async with Supervisor(own_settings, lambda _line: None, (spec,)):
            pass

    assert "broken.log" in caught.value.hint
    assert running_pid(own_settings) is None


async def test_a_second_supervisor_is_refused(own_settings: Settings) -> None:
    """One data directory is run by one supervisor; a stale run file does not count."""
    run_file = own_settings.data_dir / "run.json"
    own_settings.data_dir.mkdir(parents=True)
    run_file.write_text(f'{{"pid": {os.getppid()}}}')

    with pytest.raises(StartError, match="already running"):
        async with Supervisor(own_settings, lambda _line: None, ()):
            pass

    for stale in ('{"pid": 99999999}', "{", '{"pid": null}'):
        run_file.write_text(stale)
        assert running_pid(own_settings) is None


async def test_a_killed_redis_comes_back_with_its_data(
    own_settings: Settings, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """The embedded Redis is watched as the processes are, and keeps what was written."""
    async with Supervisor(own_settings, lambda _: None, (server_spec(free_port(), tmp_path),)) as supervisor:
        first = supervisor.pids()["redis"]
        async with Redis.from_url(own_settings.redis) as client:
            await client.set("kept", "1")
        await asyncio.sleep(1.1)  # appendfsync everysec
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: supervisor.pids().get("redis", first) != first, within_s=15)

        async def answers() -> bool:
            try:
                async with Redis.from_url(own_settings.redis) as client:
                    return bool(await client.get("kept") == b"1")
            except (RedisError, OSError):
                return False

        await eventually(answers, within_s=15)
