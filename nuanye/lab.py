"""A laboratory of its own for `nuanye eval calls`: dialogue core, Redis and database, all temporary."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from core.redis_server import RedisServer
from core.settings import Settings
from nuanye.processes import is_ready, process_specs, spawn
from nuanye.supervisor import StartError

_START_S = 180.0
_RING_S = 20


@asynccontextmanager
async def laboratory(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Settings]:
    """Start what calls need beside the voice, and give the settings that reach it.

    Nothing of an installation is used but its caches; nothing is left behind.

    Raises:
        ModelError: the dialogue model cannot be trained.
        StartError: the dialogue core does not come up.
    """
    from bot.train import ensure_model

    with tempfile.TemporaryDirectory(prefix="nuanye-lab-") as folder:
        own = replace(
            settings,
            data_dir=Path(folder),
            models_dir=Path(folder) / "models",
            database_url="",
            redis_url="",
            host="127.0.0.1",
            dialogue_url="",
            dialogue_port=_free_port(),
            sip_host="127.0.0.1",
            sip_port=0,
            sip_trunk="",
            sip_register=False,
            ring_timeout_s=_RING_S,
        )
        say("准备对话模型…… · dialogue model")
        await asyncio.to_thread(ensure_model, own, quiet=True)
        with RedisServer(own.data_dir) as redis:
            own = replace(own, redis_url=redis.url)
            async with _dialogue(own):
                say("对话核心就绪 · dialogue core ready")
                yield own


@asynccontextmanager
async def _dialogue(settings: Settings) -> AsyncIterator[None]:
    spec = next(spec for spec in process_specs(settings) if spec.name == "dialogue")
    log_path = settings.data_dir / "logs" / "dialogue.log"
    process = await spawn(spec, _environment(settings), log_path)
    try:
        try:
            async with asyncio.timeout(_START_S):
                while not await is_ready(spec, settings):
                    if process.returncode is not None:
                        raise StartError("the dialogue core ended at once", hint=_last_line(log_path))
                    await asyncio.sleep(0.25)
        except TimeoutError:
            raise StartError(f"the dialogue core was not ready in {_START_S:.0f} s") from None
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """Settings of a running installation must not reach the laboratory's core."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUANYE_")}
    return {
        **inherited,
        "NUANYE_DATA_DIR": str(settings.data_dir),
        "NUANYE_MODELS_DIR": str(settings.models_dir),
        "NUANYE_CACHE_DIR": str(settings.cache),
        "NUANYE_REDIS_URL": settings.redis_url,
        "NUANYE_HOST": settings.host,
        "NUANYE_DIALOGUE_PORT": str(settings.dialogue_port),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONWARNINGS": "ignore",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_line(log_path: Path) -> str:
    lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""
