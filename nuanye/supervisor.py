"""Starts the processes of one installation, keeps them running and stops them in order."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import NuanyeError
from core.redis_server import RedisServer
from core.settings import Settings
from nuanye.processes import ProcessSpec, is_ready, process_specs, spawn

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
MAX_BACKOFF_S = 30.0
POLL_S = 0.25


class StartError(NuanyeError):
    """Raised when a process does not come up; the hint names its log."""

    code = "start.failed"


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: asyncio.subprocess.Process
    log_path: Path
    restarts: int = 0


@dataclass(slots=True)
class Supervisor:
    """Use as an async context manager: inside it all processes are ready.

    ``report`` is called with one line of Chinese text per event worth showing; ``specs`` defaults
    to the whole installation.
    """

    settings: Settings
    report: Callable[[str], None]
    specs: tuple[ProcessSpec, ...] = ()
    _redis: RedisServer | None = None
    _children: dict[str, _Child] = field(default_factory=dict)
    _watchers: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Supervisor:
        claim_run_file(self.settings)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        if not self.settings.redis_url:
            self._redis = RedisServer(self.settings.data_dir)
            await asyncio.to_thread(self._redis.start)
            self.report("✓ Redis（内置）")
        await self._prepare_database()
        specs = self.specs or process_specs(self.settings)
        started = time.monotonic()
        for spec in specs:
            self._children[spec.name] = await self._launch(spec)
        await self._await_all(started)
        self._watchers = [asyncio.create_task(self._watch(name)) for name in self._children]
        if self._redis is not None:
            self._watchers.append(asyncio.create_task(self._watch_redis(self._redis)))

    async def _await_all(self, started: float) -> None:
        """Report each process as it becomes ready; the first failure ends the waiting for the others."""
        waiting = [asyncio.create_task(self._await_ready(name)) for name in self._children]
        try:
            for task in asyncio.as_completed(waiting):
                spec = self._children[await task].spec
                page = f"  {spec.page_url}" if spec.page_url else ""
                self.report(f"✓ {spec.title}（{time.monotonic() - started:.1f} 秒）{page}")
        finally:
            for waiter in waiting:
                waiter.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _prepare_database(self) -> None:
        from casework.store import open_store

        store = await open_store(self.settings)
        await store.close()
        self.report("✓ 数据库")

    def environment(self) -> dict[str, str]:
        """Return the environment that our processes run in."""
        ours = {
            "NUANYE_REDIS_URL": self.settings.redis,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            # Idle OpenMP threads would spin on the cores that the calls need.
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        return {**os.environ, **ours}

    async def _launch(self, spec: ProcessSpec) -> _Child:
        log_path = self.settings.data_dir / "logs" / f"{spec.name}.log"
        process = await spawn(spec, self.environment(), log_path)
        return _Child(spec, process, log_path)

    async def _await_ready(self, name: str) -> str:
        child = self._children[name]
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if child.process.returncode is not None:
                raise StartError(
                    f"{child.spec.title} ({name}) ended with status {child.process.returncode}"
                    f"{_last_line(child.log_path)}",
                    hint=f"see {child.log_path}; nuanye doctor",
                )
            if await is_ready(child.spec, self.settings, child.process.pid):
                return name
            await asyncio.sleep(POLL_S)
        raise StartError(
            f"{child.spec.title} ({name}) was not ready in {START_TIMEOUT_S:.0f} s",
            hint=f"see {child.log_path}",
        )

    async def _watch(self, name: str) -> None:
        """Restart a process that ends, waiting longer each time."""
        while True:
            child = self._children[name]
            began = time.monotonic()
            status = await child.process.wait()
            restarts = 0 if time.monotonic() - began > 60 else child.restarts + 1
            pause = min(MAX_BACKOFF_S, 2.0 ** min(restarts, 5) - 1)
            self.report(
                f"! {child.spec.title} 意外退出（{status}），{pause:.0f} 秒后重启；日志 {child.log_path}"
            )
            await asyncio.sleep(pause)
            fresh = await self._launch(child.spec)
            fresh.restarts = restarts
            self._children[name] = fresh

    async def _watch_redis(self, server: RedisServer) -> None:
        """Start Redis again when it ends; what was written is in its append-only file."""
        while True:
            await asyncio.to_thread(server.wait)
            self.report("! Redis 意外退出，正在重启")
            await asyncio.to_thread(server.start)

    async def stop(self) -> None:
        """Stop everything: doors first, the dialogue core and Redis last."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        # The doors hand in their last results before what keeps and answers them goes.
        inner = {"casework", "dialogue"}
        for names in (self._children.keys() - inner, self._children.keys() & inner):
            await asyncio.gather(*(self._stop_child(name) for name in names))
        if self._redis is not None:
            await asyncio.to_thread(self._redis.stop)
        release_run_file(self.settings)

    async def _stop_child(self, name: str) -> None:
        process = self._children[name].process
        if process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def pids(self) -> dict[str, int]:
        """Return the process ids, Redis included."""
        pids = {name: child.process.pid for name, child in self._children.items()}
        if self._redis is not None and self._redis.pid is not None:
            pids["redis"] = self._redis.pid
        return pids


def check_ports(settings: Settings) -> None:
    """Raise ``StartError`` when another program listens where one of our services should."""
    taken = [
        f"{name} {getattr(settings, name)}"
        for name in ("dialogue_port", "chat_port", "console_port")
        if port_in_use(settings.host, getattr(settings, name))
    ]
    if taken:
        variables = ", ".join(f"NUANYE_{item.split()[0].upper()}" for item in taken)
        raise StartError(f"already in use: {', '.join(taken)}", hint=f"stop that program or set {variables}")


def port_in_use(host: str, port: int) -> bool:
    """Tell whether somebody listens on a TCP port."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _run_file(settings: Settings) -> Path:
    return settings.data_dir / "run.json"


def running_pid(settings: Settings) -> int | None:
    """Return the pid of the supervisor that runs on this data directory, if one does."""
    try:
        pid = int(json.loads(_run_file(settings).read_text())["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if pid != os.getpid() else None


def claim_run_file(settings: Settings) -> None:
    """Note that this process runs the installation. Raises ``StartError`` if another does."""
    other = running_pid(settings)
    if other is not None:
        raise StartError(f"already running (process {other})", hint="stop it first, or set NUANYE_DATA_DIR")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _run_file(settings).write_text(json.dumps({"pid": os.getpid(), "started": time.time()}))


def release_run_file(settings: Settings) -> None:
    """Forget that this process runs the installation."""
    _run_file(settings).unlink(missing_ok=True)


def _last_line(log_path: Path) -> str:
    try:
        lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f": {lines[-1][:200]}" if lines else ""
