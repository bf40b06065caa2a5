"""``POST /v1/turns`` and what belongs to it: repeats, order, limits, health, reload, graceful stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from rasa.core.lock_store import LockError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.actions.context import build_context, context, put_in_force
from bot.agent import LoadedModel, answer_turn, load_model, newest_model
from bot.guesses import Guess, fingerprint, forget, guess_key, keep, matching
from bot.knowledge.store import KnowledgeStore
from core.codec import from_json, to_json
from core.errors import BadInput, DialogueError, DialogueUnavailable, NuanyeError, QueueError, TooLarge
from core.logs import get_log
from core.metrics import TURN_FAILURES, TURN_SECONDS, render_metrics
from core.settings import Settings
from core.types import Answer, Turn

MAX_TEXT = 2000
MAX_BODY = 64 * 1024
ANSWER_SECONDS = 3600
FOLLOW_S = 5.0  # how often to look whether knowledge was published
CHANNELS = frozenset({"web", "phone", "wechat", "wecom", "kf", "kiosk", "cli", "demo", "test"})
_STATUS = {BadInput: 400, DialogueUnavailable: 503, QueueError: 503, DialogueError: 500}

log = get_log("bot.server")


@dataclass(slots=True)
class Core:
    """The running core: the model in force and the turns under way."""

    settings: Settings
    redis: Redis
    model: LoadedModel | None = None
    stopping: bool = False
    turns: set[asyncio.Task[Answer]] = field(default_factory=set)
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self) -> None:
        """Load the newest model and warm everything a first turn would otherwise wait for."""
        self.model = await asyncio.to_thread(self._load)

    async def reload(self) -> bool:
        """Serve the newest model, the live knowledge and the sentences as they stand now.

        Turns that run finish on the old ones. Returns whether there was a newer model or knowledge.

        Raises:
            ModelError, KnowledgeError, ConfigError: something is broken; what is served stays as it is.
        """
        async with self.reloading:
            fresh = await asyncio.to_thread(build_context, self.settings)
            path = newest_model(self.settings.models_dir)
            newer = self.model is None or self.model.path != path
            if newer:
                self.model = await asyncio.to_thread(load_model, path, self.redis)
            changed = newer or fresh.desk.version != context().desk.version
            put_in_force(fresh)
            if changed:
                log.info("reloaded", model=path.name, knowledge=fresh.desk.version)
            return changed

    async def follow(self, every_s: float = FOLLOW_S) -> None:
        """Put newly published knowledge in force by itself, until cancelled."""
        store = KnowledgeStore(self.settings.data_dir / "knowledge")
        seen = context().desk.version
        while True:
            await asyncio.sleep(every_s)
            try:
                name = store.live().name
                if name != seen:
                    seen = name
                    await self.reload()
            except NuanyeError as error:
                log.error("reload_failed", code=error.code, reason=str(error))

    async def respond(self, turn: Turn, *, speculative: bool = False) -> Answer:
        """Answer a turn once, whoever repeats it and however often.

        ``speculative`` answers without leaving a trace; the same turn asked for in earnest is then only
        committed.
        """
        model = self.model
        if model is None or self.stopping:
            raise DialogueUnavailable("starting or stopping", hint="try again in a few seconds")
        task = asyncio.create_task(self._once(model, turn, speculative))
        self.turns.add(task)
        task.add_done_callback(self.turns.discard)
        # The turn goes on when the door hangs up: its repeat then finds the answer.
        return await asyncio.shield(task)

    async def stop(self, timeout_s: float = 10.0) -> None:
        """Refuse new turns and let the running ones finish."""
        self.stopping = True
        if self.turns:
            await asyncio.wait(set(self.turns), timeout=timeout_s)

    async def _once(self, model: LoadedModel, turn: Turn, speculative: bool) -> Answer:
        key = f"nuanye:answer:{turn.conversation_id}:{turn.message_id}"
        try:
            async with model.agent.lock_store.lock(turn.conversation_id):
                stored, guessed = await self.redis.mget(key, guess_key(turn.conversation_id))
                if stored is not None:
                    return from_json(stored, Answer)
                model = self.model or model
                answer = await self._worked_out(model, turn, guessed, speculative)
                if not speculative:
                    await self.redis.set(key, to_json(answer), ex=ANSWER_SECONDS)
                return answer
        except LockError as error:
            raise DialogueUnavailable(
                "the conversation is busy", hint="try again in a few seconds"
            ) from error
        except RedisError as error:
            raise QueueError(f"Redis failed ({type(error).__name__})", hint="nuanye doctor") from error

    async def _worked_out(
        self, model: LoadedModel, turn: Turn, guessed: bytes | str | None, speculative: bool
    ) -> Answer:
        """Take the answer from the guess when it fits, else run the turn; keep or commit the outcome."""
        print_ = fingerprint(turn, model.path.name)
        guess = matching(guessed, print_)
        if guess is None:
            guess = Guess(print_, *await answer_turn(model, turn))
        if speculative:
            await keep(self.redis, turn, guess)
            return guess.answer
        await model.store.put(turn.conversation_id, guess.tracker)
        if guessed is not None:
            await forget(self.redis, turn)
        return guess.answer

    def _load(self) -> LoadedModel:
        put_in_force(build_context(self.settings))
        model = load_model(newest_model(self.settings.models_dir), self.redis)
        context().desk.index.search("失业金怎么领")
        return model


def check(turn: Turn) -> Turn:
    """Return ``turn``. Raises ``BadInput`` when a limit of the contract is broken."""
    if len(turn.text) > MAX_TEXT:
        raise TooLarge(f"text is longer than {MAX_TEXT} characters", hint="send a shorter message")
    if turn.channel not in CHANNELS:
        raise BadInput("unknown channel", hint=f"one of {', '.join(sorted(CHANNELS))}")
    for name in ("conversation_id", "message_id"):
        if not 1 <= len(getattr(turn, name)) <= 200:
            raise BadInput(f"{name} must have 1 to 200 characters")
    if turn.at.tzinfo is None:
        raise BadInput("at must name its time zone")
    return turn


def build_app(core: Core) -> web.Application:
    """Return the HTTP service around ``core``."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_errors])
    app["core"] = core

    async def turns(request: web.Request) -> web.Response:
        started = time.monotonic()
        turn = check(from_json(await request.read(), Turn))
        speculative = "speculative" in request.query
        answer = await core.respond(turn, speculative=speculative)
        if not speculative:
            TURN_SECONDS.labels(turn.channel).observe(time.monotonic() - started)
        return web.Response(body=to_json(answer), content_type="application/json")

    async def health(_request: web.Request) -> web.Response:
        ready = core.model is not None and not core.stopping
        body = {"status": "ok" if ready else "starting", **_served(core)}
        return web.json_response(body, status=200 if ready else 503)

    async def reload(_request: web.Request) -> web.Response:
        changed = await core.reload()
        return web.json_response({"reloaded": changed, **_served(core)})

    async def metrics(_request: web.Request) -> web.Response:
        body, kind = render_metrics()
        return web.Response(body=body, headers={"Content-Type": kind})

    app.router.add_post("/v1/turns", turns)
    app.router.add_post("/v1/model/reload", reload)
    app.router.add_get("/health", health)
    app.router.add_get("/metrics", metrics)
    return app


def _served(core: Core) -> dict[str, str]:
    if core.model is None:
        return {"model": "", "knowledge": ""}
    return {"model": core.model.path.name, "knowledge": context().desk.version}


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return _failed(TooLarge(f"the request is longer than {MAX_BODY} bytes"))
    except NuanyeError as error:
        return _failed(error)


def _failed(error: NuanyeError) -> web.Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    TURN_FAILURES.labels(error.code).inc()
    log.warning("turn_failed", code=error.code, reason=str(error))
    body = {"error": {"code": error.code, "message": str(error), "hint": error.hint}}
    return web.json_response(body, status=status)
