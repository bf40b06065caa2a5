"""Rasa's tracker and lock stores on our Redis (also over a Unix socket), without blocking the loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from rasa.core.lock_store import LockError, LockStore
from rasa.core.tracker_store import SerializedTrackerAsText, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from redis.asyncio import Redis
from redis.exceptions import LockError as RedisLockError

KEPT_EVENTS = 60  # a tracker longer than this is cut back …
KEPT_TURNS = 3  # … to its slots and this many turns
SESSION_SECONDS = 24 * 3600
LOCK_SECONDS = 30.0


class SharedTrackerStore(TrackerStore, SerializedTrackerAsText):  # type: ignore[misc]
    """Trackers as JSON with an expiry; long ones are cut, because every turn replays the events."""

    def __init__(self, domain: Domain, redis: Redis, *, prefix: str = "nuanye:tracker:") -> None:
        super().__init__(domain)
        self._redis = redis
        self._prefix = prefix

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Write the tracker, shortened."""
        await self.put(tracker.sender_id, self.pack(tracker))

    def pack(self, tracker: DialogueStateTracker) -> str:
        """Return the tracker as it is stored: shortened, as text."""
        return str(self.serialise_tracker(shortened(tracker)))

    async def put(self, sender_id: str, packed: str) -> None:
        """Write what ``pack`` returned."""
        await self._redis.set(self._prefix + sender_id, packed, ex=SESSION_SECONDS)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Read a tracker; ``None`` when there is none."""
        stored = await self._redis.get(self._prefix + sender_id)
        return None if stored is None else self.deserialise_tracker(sender_id, stored)

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        """Read a tracker; all that is stored belongs to one session."""
        return await self.retrieve(conversation_id)

    async def delete(self, sender_id: str) -> None:
        """Forget a conversation."""
        await self._redis.delete(self._prefix + sender_id)

    async def keys(self) -> Iterable[str]:
        """Return the ids of all stored conversations."""
        start = len(self._prefix)
        return [_text(key)[start:] async for key in self._redis.scan_iter(match=f"{self._prefix}*")]


class SharedLockStore(LockStore):  # type: ignore[misc]
    """One turn at a time per conversation: first come first served here, exclusive across replicas."""

    def __init__(self, redis: Redis, *, prefix: str = "nuanye:lock:") -> None:
        super().__init__()
        self._redis = redis
        self._prefix = prefix
        self._local: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def lock(
        self, conversation_id: str, lock_lifetime: float = LOCK_SECONDS, wait_time_in_seconds: float = 0.05
    ) -> AsyncIterator[None]:
        """Hold the conversation. Raises ``LockError`` when another replica never lets go."""
        local, users = self._local.get(conversation_id, (asyncio.Lock(), 0))
        self._local[conversation_id] = (local, users + 1)
        try:
            async with local:
                shared = self._redis.lock(
                    self._prefix + conversation_id,
                    timeout=lock_lifetime,
                    sleep=wait_time_in_seconds,
                    blocking_timeout=lock_lifetime,
                )
                try:
                    async with shared:
                        yield
                except RedisLockError as error:
                    raise LockError("the conversation's lock could not be had or was lost") from error
        finally:
            _, users = self._local[conversation_id]
            if users == 1:
                del self._local[conversation_id]
            else:
                self._local[conversation_id] = (local, users - 1)


def shortened(tracker: DialogueStateTracker) -> DialogueStateTracker:
    """Return ``tracker``, or one with the same slots and only its last turns."""
    events = list(tracker.events)
    if len(events) <= KEPT_EVENTS:
        return tracker
    starts = [number for number, event in enumerate(events) if isinstance(event, UserUttered)]
    start = starts[-KEPT_TURNS] if len(starts) >= KEPT_TURNS else 0
    kept: list[Event] = [
        SlotSet(slot.name, slot.value) for slot in tracker.slots.values() if slot.value is not None
    ]
    kept += [ActionExecuted("action_listen"), *events[start:]]
    return DialogueStateTracker.from_events(tracker.sender_id, kept, list(tracker.slots.values()))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def tracker_size(serialised: str) -> int:
    """Return how many events a stored tracker holds."""
    return len(json.loads(serialised)["events"])
