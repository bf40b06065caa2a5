"""What districts have not yet taken from their streams, result by result. Reads Redis, changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from casework.routing import district_in, stream_of
from core.streams import DEAD, FEEDBACK_STREAM, redis_errors

_PAGE = 1000


def group_of(stream: str) -> str:
    """Return the consumer group whose business a stream is."""
    return "casework" if stream == FEEDBACK_STREAM else district_in(stream)


async def unconsumed(redis: Redis) -> dict[str, str]:
    """Return result id → why its district has not consumed it. Raises ``QueueError``."""
    missing: dict[str, str] = {}
    with redis_errors():
        async for key in redis.scan_iter(match=stream_of("*"), count=1000):
            stream = key.decode()
            if not stream.endswith(DEAD):
                missing.update(await _left_in(redis, stream))
    return missing


async def _left_in(redis: Redis, stream: str) -> dict[str, str]:
    district = district_in(stream)
    groups = {_text(group["name"]): group for group in await redis.xinfo_groups(stream)}
    group = groups.get(district)
    if group is None:
        return {result: f"no consumer group {district}" async for _, result in _entries(redis, stream, "-")}
    last = _text(group["last-delivered-id"])
    left = {result: "not read yet" async for _, result in _entries(redis, stream, f"({last}")}
    async for entry_id, consumer in _pending(redis, stream, district):
        entries: Any = await redis.xrange(stream, entry_id, entry_id)
        for _, fields in entries:
            left[_result_id(fields)] = f"taken by {consumer}, not acknowledged"
    return left


async def _entries(redis: Redis, stream: str, start: str) -> AsyncIterator[tuple[str, str]]:
    while True:
        page: Any = await redis.xrange(stream, start, "+", count=_PAGE)
        if not page:
            return
        for entry_id, fields in page:
            yield _text(entry_id), _result_id(fields)
        start = f"({_text(page[-1][0])}"


async def _pending(redis: Redis, stream: str, group: str) -> AsyncIterator[tuple[str, str]]:
    start = "-"
    while True:
        try:
            page = await redis.xpending_range(stream, group, start, "+", _PAGE)
        except ResponseError:  # the group was removed meanwhile
            return
        for item in page:
            yield _text(item["message_id"]), _text(item["consumer"])
        if len(page) < _PAGE:
            return
        start = f"({_text(page[-1]['message_id'])}"


def _result_id(fields: dict[Any, Any]) -> str:
    try:
        return str(json.loads(fields[b"json"])["result_id"])
    except (KeyError, TypeError, ValueError):
        return "unreadable entry"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
