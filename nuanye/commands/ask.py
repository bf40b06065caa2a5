"""`nuanye ask`: one policy question on the command line, without the dialogue model."""

from __future__ import annotations

import json as json_module
import os
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import BadInput, TooLarge

if TYPE_CHECKING:
    from bot.knowledge import PolicyEntry
    from bot.retrieval import Ranking
    from core.settings import Settings
    from core.types import Reply

CHANNELS = ("web", "phone")
MAX_CHARS = 2000


def ask(
    question: Annotated[str, typer.Argument(help="要问的问题 · the question")],
    channel: Annotated[
        str, typer.Option("--channel", help="web 看的答案，phone 听的答案 · web or phone")
    ] = "web",
    json: Annotated[bool, typer.Option("--json", help="输出 JSON · print one JSON object")] = False,
) -> None:
    """回答一个政策问题 · answer one policy question."""
    from bot.knowledge import load_entries
    from bot.retrieval import PolicyIndex
    from core.settings import load_settings

    if channel not in CHANNELS:
        raise BadInput(f"--channel must be one of {', '.join(CHANNELS)}")
    if len(question) > MAX_CHARS:
        raise TooLarge(f"a question has at most {MAX_CHARS} characters", hint="ask more briefly")
    settings = load_settings(os.environ)
    entries = load_entries()
    ranking = PolicyIndex.load(entries, settings.cache).search(question)
    reply = _reply(question, ranking, entries, channel, settings)
    if json:
        print(json_module.dumps(_plain(question, ranking, reply), ensure_ascii=False))
    else:
        print(reply.spoken if channel == "phone" else reply.text)


def _reply(
    question: str, ranking: Ranking, entries: tuple[PolicyEntry, ...], channel: str, settings: Settings
) -> Reply:
    from bot.answers import answer_policy, ask_choices, opening_facet, unknown
    from bot.knowledge import load_phrases

    phrases = load_phrases()
    if ranking.decision == "unknown":
        return unknown(phrases=phrases, hotline=settings.hotline, channel=channel)
    if ranking.decision == "ask":
        return ask_choices(ranking.candidates, entries, phrases=phrases)
    found = next(entry for entry in entries if entry.id == ranking.candidates[0].policy_id)
    return answer_policy(
        found,
        facet=opening_facet(question),
        channel=channel,
        today=date.today(),
        phrases=phrases,
        hotline=settings.hotline,
    )


def _plain(question: str, ranking: Ranking, reply: Reply) -> dict[str, Any]:
    from bot.answers import MAX_CHOICES
    from core.codec import to_plain

    shown = {"answer": 1, "ask": MAX_CHOICES, "unknown": 0}[ranking.decision]
    asked = ranking.decision == "ask"
    return {
        "question": question,
        "decision": ranking.decision,
        "policy_ids": [item.policy_id for item in ranking.candidates[:shown]],
        "answer": reply.text,
        "spoken": reply.spoken,
        "sources": to_plain(reply.sources),
        "choices": [button.title for button in reply.buttons[:shown]] if asked else [],
    }
