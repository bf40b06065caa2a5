"""What several commands share: settings, the store, JSON on stdout."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from casework.store import Store

T = TypeVar("T")


def with_store(work: Callable[[Store], Awaitable[T]], database_url: str = "") -> T:
    """Run ``work`` on the configured database, or on that of ``database_url`` with its own key.

    An SQLite file's key lies beside it; another database is opened with the settings' key.
    Raises ``ConfigError``, ``StorageError``.
    """
    from casework.store import open_store

    async def run() -> T:
        settings = load_settings(os.environ)
        if database_url.startswith("sqlite"):
            target: Settings | str = database_url
        else:
            target = replace(settings, database_url=database_url) if database_url else settings
        async with await open_store(target) as store:
            return await work(store)

    return asyncio.run(run())


def this_user() -> str:
    """Return who runs the command, as it stands in the access log: ``cli:`` and the account's name."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"[:64]
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "cli"


def print_json(value: Any) -> None:
    """Print one JSON object; shared types become plain values first."""
    from core.codec import to_plain

    print(json.dumps(to_plain(value), ensure_ascii=False))


def takes(options: type[T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Make a command of a function whose one parameter is a dataclass: its fields are the options.

    The fields are annotated as a command's parameters are (``Annotated[int, typer.Option(…)]``).
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            item.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if item.default is MISSING else item.default,
            annotation=hints[item.name],
        )
        for item in fields(options)  # type: ignore[arg-type]
    ]

    def command_of(work: Callable[[T], None]) -> Callable[..., None]:
        @wraps(work)
        def command(**given: Any) -> None:
            work(options(**given))

        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        del command.__wrapped__  # whoever reads its hints finds those below
        command.__annotations__ = {name: hints[name] for name in (p.name for p in parameters)}
        return command

    return command_of
