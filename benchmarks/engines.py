"""Task engines side by side: `python -m benchmarks.engines [ENGINE …]`, in an environment that has them.

    python3.11 -m venv ../engines
    ../engines/bin/pip install taskiq taskiq-redis celery dramatiq saq procrastinate \
        redis msgspec structlog asyncpg psycopg psycopg-binary psutil hiredis
    ../engines/bin/python -m benchmarks.engines

Each engine gets a Redis (procrastinate: a PostgreSQL) of its own and one worker process. Measured: time
from enqueueing to the task's first line, one at a time; empty tasks per second; what happens to a task of
4 s whose worker is killed with SIGKILL after one second, with every time limit set to 3 s where the engine
has one; and whether a living worker's task that lasts longer than that limit is started a second time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from redis import Redis

from benchmarks.engine_parts import ENGINES, LONG_S, REDIS_URL, enqueue, worker_command
from benchmarks.postgres import Postgres

_WAIT_S = 25.0
_RUNNER = asyncio.Runner()  # one loop: clients keep their connections


class _Workers:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        with (self._folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(worker_command(), stdout=log, stderr=log, start_new_session=True)
        self._running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._running.remove(process)

    def close(self) -> None:
        for process in tuple(self._running):
            self.kill(process)


def _until(redis: Redis, key: str, count: int, wait_s: float = _WAIT_S) -> bool:
    deadline = time.monotonic() + wait_s
    while redis.llen(f"done:{key}") < count:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _measure(redis: Redis, workers: _Workers, tasks: int) -> dict[str, Any]:
    worker = workers.start()
    _RUNNER.run(enqueue([("warm", 0.0)]))
    if not _until(redis, "warm", 1, 120):
        return {"fault": "the worker did not start"}
    gaps = []
    for number in range(20):
        _RUNNER.run(enqueue([(f"one{number}", 0.0)]))
        _until(redis, f"one{number}", 1)
        began, ran, _ = redis.lindex(f"done:one{number}", 0).split()
        gaps.append((float(ran) - float(began)) * 1000)
    began = time.perf_counter()
    sending_s = _RUNNER.run(enqueue([("many", 0.0)] * tasks))
    all_ran = _until(redis, "many", tasks, 120)
    rate = tasks / (time.perf_counter() - began)
    family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    memory = sum(process.memory_info().rss for process in family) / 1e6
    found: dict[str, Any] = {
        "handed_out_p50_ms": round(statistics.median(gaps), 1),
        "handed_out_max_ms": round(max(gaps), 1),
        "tasks_per_s": round(rate) if all_ran else f"{redis.llen('done:many')} of {tasks} ran",
        "enqueued_per_s": round(tasks / sending_s),
        "worker_mb": round(memory),
    }
    workers.kill(worker)
    return found | _break(redis, workers)


def _break(redis: Redis, workers: _Workers) -> dict[str, Any]:
    """Kill a worker in the middle of a task; then let a task outlast the limit under a living one."""
    worker = workers.start()
    _RUNNER.run(enqueue([("killed", LONG_S)]))
    _until(redis, "killed", 1, 60)
    time.sleep(1.0)
    workers.kill(worker)
    killed = time.monotonic()
    first = workers.start()
    again = _until(redis, "killed", 2)
    after = round(time.monotonic() - killed, 1)
    time.sleep(LONG_S)
    _RUNNER.run(enqueue([("long", 3 * LONG_S)]))
    begun = _until(redis, "long", 1)
    workers.start()
    twice = begun and _until(redis, "long", 2, 3 * LONG_S - 1)
    workers.kill(first)
    return {
        "killed_task_started_again_after_s": after if again else f"not within {_WAIT_S:.0f} s",
        "long_task_of_a_living_worker_started_twice": bool(twice) if begun else "it was never started",
    }


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _job_tables(postgres: Postgres, environment: dict[str, str]) -> str:
    postgres.home.parent.chmod(0o755)
    postgres.start()
    url = postgres.create("jobs").replace("postgresql+asyncpg", "postgresql")
    schema = [sys.executable, "-m", "procrastinate", "--app=benchmarks.engine_parts.app", "schema", "--apply"]
    subprocess.run(schema, env={**environment, "ENGINE_POSTGRES": url}, check=True, capture_output=True)
    return url


def compare(engine: str, tasks: int, folder: Path) -> dict[str, Any]:
    """Run one engine in a process of its own, with servers of its own."""
    port = _port()
    listen = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        folder,
        "--appendonly",
        "yes",
    ]
    environment = {**os.environ, "ENGINE": engine, "ENGINE_REDIS": f"redis://127.0.0.1:{port}/0"}
    server = subprocess.Popen(listen, stdout=subprocess.DEVNULL)
    postgres = (
        Postgres(Path(tempfile.mkdtemp(prefix="engines-")) / "pg") if engine == "procrastinate" else None
    )
    try:
        if postgres is not None:
            environment["ENGINE_POSTGRES"] = _job_tables(postgres, environment)
        command = [sys.executable, "-m", "benchmarks.engines", "--measure", str(folder), str(tasks)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return json.loads(done.stdout or json.dumps({"fault": done.stderr[-500:]}))
    finally:
        server.kill()
        server.wait()
        if postgres is not None:
            postgres.stop()


def main() -> None:
    """Compare, or be one of the processes that do."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--measure"]:
        workers = _Workers(Path(arguments[1]))
        try:
            with Redis.from_url(REDIS_URL, decode_responses=True) as redis:
                print(json.dumps(_measure(redis, workers, int(arguments[2]))))
        finally:
            workers.close()
    else:
        for engine in arguments or ENGINES:
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps({"engine": engine, **compare(engine, 1000, Path(folder))}), flush=True)


if __name__ == "__main__":
    main()
