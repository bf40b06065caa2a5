"""What is delivered where: how far each conversation's log has reached the citizen, and who may go on.

The log (``connectors.redis_store``) is the truth; here stands only the place in it that was delivered.
Two can deliver: a *courier* by the platform's API, and a request that is still open, with its response
(*passively*). A request that waits holds the *floor*; the courier begins only while nobody holds it,
and an open request takes only while no courier is at work. Keys, beside those of the log::

    nuanye:inbox:{…}:sent      hash: after (cursor), part (messages of the next entry sent), tries
    nuanye:inbox:{…}:courier   the courier at work
    nuanye:inbox:{…}:floor     sorted set of message ids that a request waits for, by its end (ms)
    nuanye:inbox:{…}:passive:<message id>  what the request was answered with ("": it waits)
    nuanye:inbox:{…}:window    hash: address, and per scene "left until_ms" (what the platform lets us send)
    nuanye:inbox:{…}:choices   JSON list: what the numbers of the last message stand for
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from connectors import outgoing_scripts as scripts
from connectors.redis_store import key_of, outgoing_key
from connectors.types import START_CURSOR
from core.codec import from_json, to_json
from core.streams import redis_errors

KEEP_MS = 48 * 3_600_000
_PASSIVE_KEEP_MS = 60_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What one act of the user allows: ``count`` messages within ``lasts_ms``."""

    scene: str
    count: int
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to send one message to ``address``, taken from the grant of ``scene``."""

    address: str
    scene: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the log was delivered: everything up to ``after``, then ``part`` messages of what follows."""

    after: str = START_CURSOR
    part: int = 0
    tries: int = 0


class Outgoing:
    """All of it raises ``QueueError`` when Redis is away."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._due = outgoing_key(channel)
        self._scripts = {name: redis.register_script(text) for name, text in scripts.ALL.items()}

    async def remember(self, conversation_id: str, address: str, grant: Grant) -> None:
        """Keep where the user is reached and what they have just allowed."""
        args = [address, grant.scene, grant.count, grant.lasts_ms, KEEP_MS]
        await self._run("remember", [key_of(conversation_id, "window")], args)

    async def address(self, conversation_id: str) -> str:
        """Return where the user is reached, empty when that is not known (any more)."""
        with redis_errors():
            found = await self._redis.hget(key_of(conversation_id, "window"), "address")
        return found.decode() if isinstance(found, bytes) else str(found or "")

    async def forget(self, conversation_id: str) -> None:
        """The user has left: nothing more is sent."""
        with redis_errors():
            await self._redis.delete(key_of(conversation_id, "window"), key_of(conversation_id, "choices"))
            await self._redis.zrem(self._due, conversation_id)

    async def take(self, conversation_id: str) -> Pass | None:
        """Use one message of the grant that ends first; ``None``: the platform allows none now."""
        taken = await self._run("take", [key_of(conversation_id, "window")], [])
        return Pass(taken[0].decode(), taken[1].decode()) if taken else None

    async def give_back(self, conversation_id: str, unused: Pass) -> None:
        """The message was not sent after all."""
        await self._run("give_back", [key_of(conversation_id, "window")], [unused.scene])

    async def due(self) -> list[str]:
        """Return the conversations that a courier should look at now."""
        return [item.decode() for item in await self._run("due", [self._due], [])]

    async def begin(self, conversation_id: str, owner: str, lease_ms: int) -> Progress | None:
        """Go to work on a conversation, unless another courier is, or a request waits to answer."""
        keys = self._keys(conversation_id, "courier", "floor", "sent")
        found = await self._run("begin", keys, [owner, lease_ms])
        return _progress(found) if found else None

    async def advance(self, conversation_id: str, owner: str, progress: Progress, lease_ms: int) -> bool:
        """Note what was delivered and keep the lease; ``False``: it was lost."""
        args = [owner, lease_ms, progress.after, progress.part, progress.tries, KEEP_MS]
        return bool(await self._run("advance", self._keys(conversation_id, "courier", "sent"), args))

    async def finish(self, conversation_id: str, owner: str, after: str) -> None:
        """Stop work; the conversation stays due when its log has grown beyond ``after``."""
        keys = [*self._keys(conversation_id, "courier", "log"), self._due]
        await self._run("finish", keys, [owner, after, conversation_id])

    async def postpone(self, conversation_id: str, owner: str, delay_s: int) -> None:
        """Stop work and look again in ``delay_s`` seconds."""
        keys = [*self._keys(conversation_id, "courier"), self._due]
        await self._run("postpone", keys, [owner, delay_s, conversation_id])

    async def open_floor(self, conversation_id: str, message_id: str, wait_ms: int) -> str | None:
        """Let a request wait for its answer. Another request of the same message gets what that one said.

        Returns ``None`` when the floor is open now, else what the message was answered with, ``""``
        when the other request still waits.
        """
        keys = [key_of(conversation_id, f"passive:{message_id}"), key_of(conversation_id, "floor")]
        said = await self._run("open_floor", keys, [message_id, wait_ms])
        return None if said is None else said.decode()

    async def close_floor(self, conversation_id: str, message_id: str) -> None:
        """The request ends; a courier takes what is left."""
        keys = [*self._keys(conversation_id, "floor"), self._due]
        await self._run("close_floor", keys, [message_id, conversation_id])

    async def progress(self, conversation_id: str) -> Progress:
        """Return how far the log was delivered."""
        with redis_errors():
            found = await self._redis.hmget(key_of(conversation_id, "sent"), ["after", "part", "tries"])
        return _progress(found)

    async def claim(
        self, conversation_id: str, message_id: str, before: Progress, after: Progress, said: str
    ) -> bool:
        """Answer passively: move on from ``before`` to ``after`` and keep ``said`` for a repeat.

        ``False``: somebody else moved, or a courier is at work.
        """
        keys = [
            *self._keys(conversation_id, "courier", "sent"),
            key_of(conversation_id, f"passive:{message_id}"),
        ]
        args = [before.after, before.part, after.after, after.part, said, _PASSIVE_KEEP_MS, KEEP_MS]
        return bool(await self._run("claim", keys, args))

    async def unclaim(self, conversation_id: str, message_id: str, before: Progress, after: Progress) -> None:
        """The response did not reach the platform: a courier has to send what it held."""
        keys = [
            *self._keys(conversation_id, "sent"),
            key_of(conversation_id, f"passive:{message_id}"),
            self._due,
        ]
        args = [after.after, after.part, before.after, before.part, conversation_id]
        await self._run("unclaim", keys, args)

    async def offer(self, conversation_id: str, choices: tuple[str, ...]) -> None:
        """Remember what the numbers of the message that goes out now stand for."""
        key = key_of(conversation_id, "choices")
        with redis_errors():
            if choices:
                await self._redis.set(key, to_json(choices), px=KEEP_MS)
            else:
                await self._redis.delete(key)

    async def chosen(self, conversation_id: str, number: int) -> str:
        """Return what ``number`` stands for, an empty string when it stands for nothing."""
        with redis_errors():
            raw = await self._redis.get(key_of(conversation_id, "choices"))
        choices = from_json(raw, tuple[str, ...]) if raw else ()
        return choices[number - 1] if 1 <= number <= len(choices) else ""

    def _keys(self, conversation_id: str, *parts: str) -> list[str]:
        return [key_of(conversation_id, part) for part in parts]

    async def _run(self, name: str, keys: list[str], args: list[Any]) -> Any:
        with redis_errors():
            return await self._scripts[name](keys=keys, args=args)


def _progress(found: Any) -> Progress:
    after, part, tries = found
    return Progress((after or START_CURSOR.encode()).decode(), int(part or 0), int(tries or 0))
