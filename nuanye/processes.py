"""The processes of one installation: how each is started and how it shows that it is ready."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.settings import Settings

ALIVE_PREFIX = "nuanye:alive"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One program of ours. ``health_url`` or a heartbeat in Redis (``name``) tells that it is ready."""

    name: str
    title: str
    args: tuple[str, ...]
    health_url: str = ""
    page_url: str = ""


def process_specs(settings: Settings) -> tuple[ProcessSpec, ...]:
    """Return the processes in the order in which they start."""
    chat = f"http://{settings.host}:{settings.chat_port}"
    console = f"http://{settings.host}:{settings.console_port}"
    python = (sys.executable, "-m")
    return (
        ProcessSpec("dialogue", "对话核心", (*python, "bot"), f"{settings.dialogue_base_url}/health"),
        ProcessSpec("casework", "调度与结果队列", (*python, "casework")),
        ProcessSpec("connectors", "在线咨询", (*python, "connectors"), f"{chat}/health", f"{chat}/"),
        ProcessSpec("console", "工作台", (*python, "console"), f"{console}/health", f"{console}/"),
        ProcessSpec("voice", "电话", (*python, "voice")),
    )


async def is_ready(spec: ProcessSpec, settings: Settings, since_pid: int | None = None) -> bool:
    """Tell whether the process answers. A heartbeat counts only if it carries ``since_pid``."""
    if spec.health_url:
        return await _healthy(spec.health_url)
    return await _beats(settings.redis, spec.name, since_pid)


async def _healthy(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=2)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _beats(redis_url: str, name: str, pid: int | None) -> bool:
    client = Redis.from_url(redis_url)
    try:
        keys = [key async for key in client.scan_iter(f"{ALIVE_PREFIX}:{name}:*")]
        return any(pid is None or str(pid) in key.decode().rsplit(":", 1)[-1] for key in keys)
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def spawn(spec: ProcessSpec, environ: Mapping[str, str], log_path: Path) -> asyncio.subprocess.Process:
    """Start a process in its own session with its output appended to ``log_path``."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *spec.args,
            env=dict(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
