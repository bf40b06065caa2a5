"""Fetches the messages of customer service accounts, each account in order, from where it left off.

One process at a time (a lease in Redis) reads an account page by page. The place in its messages is
written down once all of a page is safely taken: a process that dies in between reads the page again, and
the inbox knows what it has already seen. Keys::

    nuanye:kf:due              hash: account → token of its last callback (``connectors.wechat_kf.news``)
    nuanye:kf:{…}:cursor       the place in the account's messages
    nuanye:kf:{…}:since        when it was first read (seconds): what was sent before is history
    nuanye:kf:{…}:reader       the process that reads
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis

from connectors.tencent.errors import SendRefused
from connectors.wechat_kf.api import KfApi, Page
from connectors.wechat_kf.news import News, NewsBox
from core.clock import Clock
from core.errors import NuanyeError, QueueError
from core.ids import new_id
from core.logs import get_log
from core.metrics import TURN_FAILURES
from core.streams import redis_errors
from core.tasks import end_tasks

_log = get_log("kf")

Take = Callable[[Any, int], Awaitable[None]]
"""Takes one entry, unless it was sent before the second. Raises ``NuanyeError``: the page is read again."""

_LEASE_MS = 60_000
_SWEEP_S = 1.0
_CALL_ROLL_S = 300.0
_LONGEST_PAUSE_S = 60.0
# At first the platform tells of its last three days: what is older than this is not answered any more.
_FIRST_S = 600
_HISTORY_S = 3 * 86_400

_ADVANCE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Puller:
    """See the module. ``wake`` is called when this process has heard of news."""

    def __init__(self, redis: Redis, api: KfApi, take: Take, clock: Clock) -> None:
        self.box = NewsBox(redis)
        self._redis = redis
        self._api = api
        self._take = take
        self._clock = clock
        self._advance = redis.register_script(_ADVANCE)
        self._release = redis.register_script(_RELEASE)
        self._news = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._service: list[asyncio.Task[None]] = []
        self._failures: dict[str, tuple[int, float]] = {}

    async def start(self) -> None:
        """Begin to read, first what came while nobody did."""
        self._service = [asyncio.create_task(self._run()), asyncio.create_task(self._call_roll())]

    async def stop(self) -> None:
        """Stop; what was not read stays due."""
        await end_tasks([*self._service, *self._tasks.values()])

    def wake(self) -> None:
        """Look for news now."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            try:
                for news in await self.box.due():
                    self._begin(news)
            except QueueError as error:
                _log.error("puller_waits", code=error.code, reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _SWEEP_S)
            self._news.clear()

    async def _call_roll(self) -> None:
        """Look at every account now and then: a callback may never have reached us."""
        while True:
            try:
                for account in await self._api.accounts():
                    await self.box.put_missing(account)
                self._news.set()
            except NuanyeError as error:
                _log.warning("accounts_not_listed", code=error.code, reason=str(error), hint=error.hint)
            await asyncio.sleep(_CALL_ROLL_S)

    def _begin(self, news: News) -> None:
        _, not_before = self._failures.get(news.account, (0, 0.0))
        if news.account in self._tasks or self._clock.monotonic_ms() < not_before:
            return
        task = asyncio.create_task(self._work(news))
        self._tasks[news.account] = task
        task.add_done_callback(lambda _: self._ended(news.account))

    def _ended(self, account: str) -> None:
        self._tasks.pop(account, None)
        if account not in self._failures:
            # News that came while the last page was read are looked at without delay.
            self._news.set()

    async def _work(self, news: News) -> None:
        try:
            if await self._read(news):
                await self.box.done(news)
            self._failures.pop(news.account, None)
        except NuanyeError as error:
            self._failed(news, error.code, str(error), error.hint)
        except Exception as error:  # noqa: BLE001 - supervised: the account stays due and is read again
            self._failed(news, "error", type(error).__name__, "")

    def _failed(self, news: News, code: str, reason: str, hint: str) -> None:
        tries, _ = self._failures.get(news.account, (0, 0.0))
        pause_s = min(2.0**tries / 2, _LONGEST_PAUSE_S)
        self._failures[news.account] = (tries + 1, self._clock.monotonic_ms() + 1000 * pause_s)
        TURN_FAILURES.labels(code).inc()
        _log.error("messages_not_read", code=code, reason=reason, hint=hint, again_s=pause_s)

    async def _read(self, news: News) -> bool:
        """Read to the end; ``False``: another process does."""
        owner, keys = new_id("own"), [_key(news.account, "reader"), _key(news.account, "cursor")]
        with redis_errors():
            if not await self._redis.set(keys[0], owner, nx=True, px=_LEASE_MS):
                await asyncio.sleep(_SWEEP_S)
                return False
        try:
            while True:
                with redis_errors():
                    cursor = _text(await self._redis.get(keys[1]))
                since_s = await self._since(news.account, first=not cursor)
                page = await self._page(news, cursor)
                for entry in page.entries:
                    await self._take(entry, since_s)
                with redis_errors():
                    if not await self._advance(keys=keys, args=[owner, _LEASE_MS, page.cursor]):
                        return False
                if not page.more:
                    return True
        finally:
            with suppress(QueueError), redis_errors():
                await self._release(keys=keys[:1], args=[owner])

    async def _since(self, account: str, *, first: bool) -> int:
        """Return when the account was first read, as long as what was sent before may still turn up."""
        key, now = _key(account, "since"), int(self._clock.now().timestamp())
        with redis_errors():
            if first:
                await self._redis.set(key, now - _FIRST_S, nx=True, ex=_HISTORY_S)
            known = await self._redis.get(key)
        return int(known or 0)

    async def _page(self, news: News, cursor: str) -> Page:
        try:
            return await self._api.sync(news.account, cursor, news.token)
        except SendRefused:
            if not news.token:
                raise
            # A token lives ten minutes; without one the platform answers too, only less often.
            return await self._api.sync(news.account, cursor, "")


def _key(account: str, part: str) -> str:
    return f"nuanye:kf:{{{account}}}:{part}"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
