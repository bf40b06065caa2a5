"""The engines that ``benchmarks.engines`` compares: the same task in each. ``ENGINE`` chooses one."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from redis import Redis

ENGINES = ("own", "taskiq", "celery", "dramatiq", "saq", "procrastinate")
LIMIT_MS = 3_000
LONG_S = 4.0
ENGINE = os.environ.get("ENGINE", "")
REDIS_URL = os.environ.get("ENGINE_REDIS", "")
POSTGRES = os.environ.get("ENGINE_POSTGRES", "")


_seen = Redis.from_url(REDIS_URL) if REDIS_URL else None


def work(key: str, began: float, seconds: float) -> None:
    """The task itself."""
    if _seen is not None:
        _seen.rpush(f"done:{key}", f"{began} {time.time()} {os.getpid()}")
    if seconds:
        time.sleep(seconds)


if ENGINE == "taskiq":
    from taskiq_redis import RedisStreamBroker

    broker = RedisStreamBroker(
        REDIS_URL, idle_timeout=LIMIT_MS, consumer_id="0", xread_block=100, xread_count=1
    )

    @broker.task
    async def taskiq_task(key: str, began: float, seconds: float) -> None:
        work(key, began, 0)
        await asyncio.sleep(seconds)

elif ENGINE == "celery":
    from celery import Celery

    celery_app = Celery("engines", broker=REDIS_URL)
    celery_app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"visibility_timeout": LIMIT_MS / 1000},
        broker_connection_retry_on_startup=True,
    )
    celery_task = celery_app.task(name="work")(work)
elif ENGINE == "dramatiq":
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    dramatiq.set_broker(RedisBroker(url=REDIS_URL, heartbeat_timeout=LIMIT_MS, maintenance_chance=100_000))
    dramatiq_task = dramatiq.actor(work)
elif ENGINE == "saq":
    from saq import Queue

    async def saq_work(_context: Any, *, name: str, began: float, seconds: float) -> None:
        work(name, began, 0)  # ``key`` would be the job's own: SAQ keeps one job of a key
        await asyncio.sleep(seconds)

    saq_queue = Queue.from_url(REDIS_URL)
    saq_settings = {
        "queue": saq_queue,
        "functions": [saq_work],
        "concurrency": 1,
        "timers": {"sweep": 1, "schedule": 1},
    }
elif ENGINE == "procrastinate":
    import procrastinate

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=POSTGRES))

    @app.task(name="work", queue="default")
    async def procrastinate_task(key: str, began: float, seconds: float) -> None:
        work(key, began, 0)
        await asyncio.sleep(seconds)


def _own_queue() -> Any:
    import redis.asyncio as aio

    from core.streams import RedisStreamQueue

    return RedisStreamQueue(aio.Redis.from_url(REDIS_URL), "calls", dict)


async def own_worker() -> None:
    """What the voice worker does: claim what a dead one left, then read."""
    queue, name, claimed = _own_queue(), f"w{os.getpid()}", 0.0
    while True:
        entries = []
        if time.monotonic() - claimed > 0.5:
            entries, claimed = await queue.claim_stale("voice", name, idle_ms=LIMIT_MS), time.monotonic()
        entries += await queue.read("voice", name, count=1, block_ms=100)
        for entry_id, task in entries:
            work(task["key"], task["began"], 0)
            await asyncio.sleep(task["seconds"])
            await queue.ack("voice", entry_id)


async def enqueue(tasks: list[tuple[str, float]]) -> float:
    """Enqueue (key, seconds) one by one; return the seconds it took."""
    began = time.perf_counter()
    if ENGINE == "own":
        queue = _own_queue()
        for key, seconds in tasks:
            await queue.publish({"key": key, "began": time.time(), "seconds": seconds})
    elif ENGINE == "taskiq":
        await broker.startup()
        for key, seconds in tasks:
            await taskiq_task.kiq(key, time.time(), seconds)
    elif ENGINE in {"celery", "dramatiq"}:
        send = celery_task.delay if ENGINE == "celery" else dramatiq_task.send
        for key, seconds in tasks:
            send(key, time.time(), seconds)
    elif ENGINE == "saq":
        for key, seconds in tasks:
            await saq_queue.enqueue("saq_work", name=key, began=time.time(), seconds=seconds, heartbeat=2)
    else:
        async with app.open_async():
            for key, seconds in tasks:
                await procrastinate_task.defer_async(key=key, began=time.time(), seconds=seconds)
    return time.perf_counter() - began


def worker_command() -> list[str]:
    """Return the command line of one worker of the engine, one task at a time."""
    module, python = "benchmarks.engine_parts", sys.executable
    return {
        "own": [python, "-m", module],
        "taskiq": [python, "-m", "taskiq", "worker", f"{module}:broker", "--workers", "1",
                   "--max-async-tasks", "1", "--ack-type", "when_executed", "--log-level", "ERROR"],
        "celery": [python, "-m", "celery", "-A", f"{module}:celery_app", "worker", "-c", "1", "-l", "ERROR",
                   "--without-gossip", "--without-mingle"],
        "dramatiq": [python, "-m", "dramatiq", module, "--processes", "1", "--threads", "1"],
        "saq": [python, "-m", "saq", f"{module}.saq_settings"],
        "procrastinate": [python, "-m", "procrastinate", f"--app={module}.app", "worker",
                          "--concurrency", "1"],
    }[ENGINE]  # fmt: skip


if __name__ == "__main__":
    asyncio.run(own_worker())
