"""Parse messages with the trained dialogue model, as the server does."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from bot.chinese.text import normalise
from bot.evaluation.nlu import Parsed
from core.errors import ModelError
from core.settings import Settings


def parse_all(texts: Sequence[str], settings: Settings) -> tuple[Parsed, ...]:
    """Parse one text after another with the model of the present inputs, training it if needed.

    Raises:
        ModelError: the model cannot be trained or loaded.
    """
    from bot.quiet import quiet_training_logs, quieten
    from bot.train import ensure_model

    quieten()
    quiet_training_logs()
    with redirect_stdout(sys.stderr):  # Rasa announces a new model; stdout is for the measures
        path = ensure_model(settings, quiet=True)
    return asyncio.run(_parse(texts, path))


async def _parse(texts: Sequence[str], path: Path) -> tuple[Parsed, ...]:
    from rasa.core.agent import Agent

    agent = Agent.load(str(path))
    if agent.processor is None:
        raise ModelError(f"{path.name} cannot be loaded", hint="python -m bot.train")
    return await parse_with(agent, texts)


async def parse_with(agent: Any, texts: Sequence[str]) -> tuple[Parsed, ...]:
    """Parse one text after another with a loaded agent, and time each."""
    await agent.parse_message("你好")  # dictionaries load at the first message
    parsed = []
    for text in texts:
        started = time.perf_counter()
        result = await agent.parse_message(text.lstrip("/"))
        parsed.append(_parsed(result, (time.perf_counter() - started) * 1000))
    return tuple(parsed)


def _parsed(result: dict[str, Any], milliseconds: float) -> Parsed:
    intent, found = result.get("intent") or {}, result.get("entities") or ()
    # Offsets refer to the text as the first component leaves it.
    text = normalise(str(result.get("text") or ""))
    return Parsed(
        intent.get("name") or "",
        float(intent.get("confidence") or 0),
        tuple((item["entity"], str(item["value"])) for item in found),
        milliseconds,
        tuple(text[item["start"] : item["end"]] for item in found),
    )
