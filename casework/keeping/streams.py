"""Entries about one person in every stream of ours: found by what they carry, and deleted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Set
from typing import Any

from redis.asyncio import Redis

from core.streams import redis_errors

_PAGE = 1000
# Where an entry of any kind names whom it is about.
_NAMES = ("subject", "result_id", "person_id", "task_id", "source", "call_id")


async def entries_about(redis: Redis, ids: Set[str]) -> AsyncIterator[tuple[str, str]]:
    """Yield (stream, entry id) of what is about one of ``ids``, dead letters too. Raises ``QueueError``."""
    with redis_errors():
        async for key in redis.scan_iter(match="nuanye:*", count=1000, _type="STREAM"):
            stream = _text(key)
            start = "-"
            while page := await _page(redis, stream, start):
                for entry_id, fields in page:
                    if _is_about(fields, ids):
                        yield stream, entry_id
                start = f"({page[-1][0]}"


async def delete_entries_about(redis: Redis, ids: Set[str]) -> int:
    """Delete them from every stream and every group's list of pending ones; return how many."""
    found = [entry async for entry in entries_about(redis, ids)]
    with redis_errors():
        for stream, entry_id in found:
            for group in await redis.xinfo_groups(stream):
                await redis.xack(stream, _text(group["name"]), entry_id)
            await redis.xdel(stream, entry_id)
    return len(found)


async def forget_conversations(redis: Redis, ids: Set[str]) -> int:
    """Delete what the dialogue core and the chat doors keep under these conversation ids."""
    deleted = 0
    with redis_errors():
        async for key in redis.scan_iter(match="nuanye:*", count=1000):
            if any(each in _text(key) for each in ids):
                deleted += int(await redis.delete(key))
    return deleted


async def _page(redis: Redis, stream: str, start: str) -> list[tuple[str, dict[Any, Any]]]:
    page: Any = await redis.xrange(stream, start, "+", count=_PAGE)
    return [(_text(entry_id), fields) for entry_id, fields in page]


def _is_about(fields: dict[Any, Any], ids: Set[str]) -> bool:
    values = b" ".join(value for value in fields.values() if isinstance(value, bytes))
    if not any(each.encode() in values for each in ids):
        return False
    return any(_names_one_of(value, ids) for value in fields.values())


def _names_one_of(value: Any, ids: Set[str]) -> bool:
    """Whether a document names one of ``ids`` as whom it is about; one nobody can read counts too."""
    try:
        document = json.loads(value)
    except (TypeError, ValueError):
        return any(each.encode() in value for each in ids) if isinstance(value, bytes) else False
    return isinstance(document, dict) and _in_document(document, ids)


def _in_document(document: dict[str, Any], ids: Set[str]) -> bool:
    if any(document.get(name) in ids for name in _NAMES if isinstance(document.get(name), str)):
        return True
    return any(_in_document(value, ids) for value in document.values() if isinstance(value, dict))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
