"""The Rasa agent in this process: loading it, and one turn through it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from rasa.core.actions.action import RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.actions.context import context
from bot.actions.memory import memo_of, talk_of
from bot.chinese.text import has_content, normalise
from bot.forms.answers import keys_of
from bot.forms.types import Memo
from bot.rasa_stores import SharedLockStore, SharedTrackerStore
from bot.talk.memory import Talk
from bot.talk.summary import two_lines
from core.codec import from_plain
from core.errors import DialogueError, ModelError
from core.types import Answer, Button, CallAction, ConversationState, Reply, Turn, TurnEvent

MAX_NOTE = 500  # characters of what a door tells beside a turn
# From the phone why nothing was heard, from a chat what staff wrote when they gave the conversation back.
_TOLD = ("reason", "unheard", "staff_note")


def _validate(self: RemoteAction, result: dict[str, Any]) -> bool:
    _RESULT.validate(result)
    return True


# Rasa checks the schema itself anew at every action, 40 ms each time; here it is checked once.
_RESULT = Draft202012Validator(RemoteAction.action_response_format_spec())
RemoteAction._validate_action_result = _validate


class LocalActions(EndpointConfig):  # type: ignore[misc]
    """Runs custom actions here: no action server, no HTTP hop, no domain sent along."""

    def __init__(self) -> None:
        super().__init__(url="local", enable_selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package("bot.actions")

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Run the action that Rasa's call describes."""
        return await self._executor.run(kwargs["json"])


class Sentences(TemplatedNaturalLanguageGenerator):  # type: ignore[misc]
    """Words a reply with the sentences in force; conditions also see what the action just found out."""

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Choose a variant of ``utter_action`` and fill it in; ``language`` overrules the slot."""
        slots = tracker.current_slot_values()
        if "language" in kwargs:
            slots["language"] = kwargs.pop("language")
        self.responses = context().responses
        return self.generate_from_slots(utter_action, slots, output_channel, **kwargs)  # type: ignore[no-any-return]


class Collector(CollectingOutputChannel):  # type: ignore[misc]
    """Gathers one turn's replies, in order."""

    def __init__(self, channel: str) -> None:
        super().__init__()
        self._channel = channel
        self.replies: list[Reply] = []

    def name(self) -> str:
        """Return the channel, by which Rasa picks a response's variant."""
        return self._channel

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Turn one bot message into a ``Reply``."""
        custom = message.get("custom") or {}
        if "reply" in custom:
            self.replies.append(from_plain(custom["reply"], Reply))
            return
        text = str(message.get("text") or "").strip()
        if text:
            buttons = tuple(Button(b["title"], b["payload"]) for b in message.get("buttons") or ())
            protected = bool((message.get("metadata") or {}).get("protected"))
            spoken = text if self._channel == "phone" else ""
            self.replies.append(Reply(text, spoken, buttons, protected=protected))


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An agent and the model file it came from."""

    agent: Agent
    path: Path
    store: SharedTrackerStore


def newest_model(folder: Path) -> Path:
    """Return the newest trained model. Raises ``ModelError`` when there is none."""
    models = sorted(folder.glob("dialogue-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise ModelError(f"no dialogue model in {folder}", hint="python -m bot.train")
    return models[-1]


def load_model(path: Path, redis: Redis) -> LoadedModel:
    """Load a model; takes seconds. Raises ``ModelError`` when the file cannot be used."""
    from rasa.shared.core.domain import Domain

    store = SharedTrackerStore(Domain.empty(), redis)
    try:
        agent = Agent.load(
            str(path),
            tracker_store=store,
            lock_store=SharedLockStore(redis),
            action_endpoint=LocalActions(),
        )
    except Exception as error:  # the edge to Rasa: a damaged model fails in any way
        raise ModelError(
            f"dialogue model cannot be loaded ({type(error).__name__})", hint="python -m bot.train"
        ) from error
    agent.processor.nlg = Sentences({})
    return LoadedModel(agent, path, store)


async def answer_turn(model: LoadedModel, turn: Turn) -> tuple[Answer, str]:
    """Run one turn through Rasa and return the answer and the conversation after it, which is not yet saved.

    The caller holds the conversation's lock and hands the second to ``LoadedModel.store.put``.

    Raises:
        DialogueError: Rasa failed or said nothing.
    """
    processor = model.agent.processor
    if processor is None:
        raise DialogueError("no model is loaded")
    collector = Collector(turn.channel)
    message = UserMessage(
        _rasa_text(turn),
        collector,
        turn.conversation_id,
        input_channel=turn.channel,
        metadata=_metadata(turn),
    )
    try:
        tracker = await processor.log_message(message, should_save_tracker=False)
        tracker = await processor.run_action_extract_slots(collector, tracker)
        await processor._run_prediction_loop(collector, tracker)
    except (asyncio.CancelledError, DialogueError, RedisError):
        raise
    except Exception as error:  # the edge to Rasa: a component may raise anything
        raise DialogueError(f"the turn failed ({type(error).__name__})") from error
    if not collector.replies:
        raise DialogueError("the turn has no answer")
    return _answer(collector.replies, tracker, turn), model.store.pack(tracker)


def _answer(replies: list[Reply], tracker: DialogueStateTracker, turn: Turn) -> Answer:
    slots: Mapping[str, Any] = {name: slot.value for name, slot in tracker.slots.items()}
    memo = memo_of(_Slots(slots))
    outcome = slots.get("outcome") or {}
    if outcome.get("message_id") != turn.message_id:
        outcome = {}
    call = CallAction(outcome.get("call", "continue"))
    replies = [*replies[:-1], replace(replies[-1], call=call)]
    talk = talk_of(_Slots(slots))
    replies = [replace(reply, pace=talk.pace) for reply in replies]
    message = tracker.latest_message
    open_question, keys = _open(memo, talk, slots.get("policy_choices") or ())
    shared = context()
    state = ConversationState(
        open_question=open_question,
        keys=keys,
        fields=memo.fields,
        disposition=memo.disposition,
        completed=outcome.get("completed", ""),
        policy_ids=tuple(outcome.get("policy_ids", ())),
        intent=(message.intent.get("name") or "") if message else "",
        needs_review=memo.needs_review,
        summary=two_lines(
            replace(memo, open_question=open_question),
            talk,
            channel=turn.channel,
            titles=[shared.desk.title(told.policy_id) for told in talk.told],
            words=shared.summary,
        ),
        send_text=outcome.get("send_text", ""),
    )
    return Answer(tuple(replies), state)


def _open(memo: Memo, talk: Talk, choices: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the question that the next answer belongs to, and the keys it offers."""
    if choices:
        return "policy_choice", tuple(str(n + 1) for n in range(len(choices)))
    if talk.offered:
        return "policy_text", ("1", "2")
    if talk.rest:
        return "policy_more", ("1", "2")
    return memo.open_question, tuple(keys_of(memo.open_question, memo))


class _Slots:
    """The part of rasa_sdk's tracker that ``memo_of`` reads."""

    def __init__(self, slots: Mapping[str, Any]) -> None:
        self._slots = slots

    def get_slot(self, name: str) -> Any:
        """Return a slot's value."""
        return self._slots.get(name)


def _rasa_text(turn: Turn) -> str:
    if turn.event is not TurnEvent.UTTERANCE:
        return f"/event_{turn.event.value}"
    if not has_content(turn.text):
        return "/event_unclear"
    text = normalise(turn.text)
    return text.lstrip("/") or "/event_unclear"


def _metadata(turn: Turn) -> dict[str, Any]:
    data: dict[str, Any] = {"message_id": turn.message_id, "at": turn.at.isoformat()}
    if turn.event is TurnEvent.KEY:
        data["said"] = turn.text[:1]
    if turn.event is TurnEvent.CALL_ANSWERED:
        data["call"] = {key: turn.metadata.get(key) for key in ("name", "facts", "agency")}
    data |= {key: str(turn.metadata[key])[:MAX_NOTE] for key in _TOLD if key in turn.metadata}
    return data
