"""What every process does around its work."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable

import pytest
from aiohttp import web
from redis.asyncio import Redis

from core.errors import ConfigError, QueueError
from core.process import beat, listening, run_process
from core.settings import Settings, load_settings
from tests.eventually import eventually

pytestmark = pytest.mark.net


def test_a_signal_ends_the_process_with_status_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM sets the event that the work waits for."""
    monkeypatch.setenv("NUANYE_LOG_LEVEL", "error")

    async def serve(_settings: Settings, stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)

    assert run_process("test", serve) == 0


def test_an_error_of_ours_is_said_with_its_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad settings and a failing start both end with code, message, hint and status 1."""

    async def serve(_settings: Settings, _stop: asyncio.Event) -> None:
        raise QueueError("no Redis", hint="nuanye doctor")

    assert run_process("test", serve) == 1
    assert "错误 [queue.unavailable] no Redis\n  → nuanye doctor" in capsys.readouterr().err
    monkeypatch.setenv("NUANYE_CHAT_PORT", "eighty")
    assert run_process("test", serve) == 1
    assert "chat_port: must be a whole number" in capsys.readouterr().err


async def test_a_taken_port_names_the_setting(free_port: Callable[[], int]) -> None:
    """The error says which setting to change."""
    port = free_port()
    settings = load_settings({"NUANYE_CHAT_PORT": str(port)})
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        with pytest.raises(ConfigError, match=f"chat_port {port}"):
            async with listening(web.Application(), settings, "chat_port"):
                pass


async def test_a_heartbeat_is_there_while_we_run_and_gone_afterwards(redis_url: str) -> None:
    """The key carries the status and expires by itself; a clean stop removes it at once."""
    stop = asyncio.Event()

    async def status() -> dict[str, int]:
        return {"lines_free": 2}

    async with Redis.from_url(redis_url) as redis:
        task = asyncio.create_task(beat(redis, "nuanye:alive:test:1", status, stop))

        async def there() -> bool:
            return bool(await redis.exists("nuanye:alive:test:1"))

        await eventually(there)
        written = await redis.get("nuanye:alive:test:1")
        assert json.loads(str(written, "utf-8")) == {"status": "ok", "lines_free": 2}
        assert 0 < await redis.ttl("nuanye:alive:test:1") <= 10
        stop.set()
        await task
        assert not await there()
