"""SMS and mail are plug-ins: a package names its notifier as an entry point, ours writes files.

A plug-in's pyproject.toml::

    [project.entry-points."nuanye.notifiers"]
    citysms = "citysms:make"

``make(settings)`` returns a ``Notifier``; ``NUANYE_NOTIFIERS=file,citysms`` turns it on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from core.alerts import Alert
from core.codec import to_json
from core.errors import ConfigError
from core.settings import Settings

GROUP = "nuanye.notifiers"


@runtime_checkable
class Notifier(Protocol):
    """Tells somebody by SMS, mail or otherwise."""

    async def notify(self, alert: Alert) -> None:
        """Pass ``alert`` on. Raises ``NuanyeError`` or ``OSError``: it is tried again later.

        A repeat is known by ``alert_id``.
        """
        ...


class FileNotifier:
    """Appends each alert as a line of JSON to ``<folder>/sms.jsonl`` and ``mail.jsonl``.

    Crisis alerts go to both, all others to the mail alone. A file is flushed to disk before it counts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def notify(self, alert: Alert) -> None:
        """Write it down. Raises ``OSError``."""
        names = ("sms.jsonl", "mail.jsonl") if alert.kind.value == "crisis" else ("mail.jsonl",)
        for name in names:
            await asyncio.to_thread(_append, self._folder / name, to_json(alert) + b"\n")


def load_notifiers(settings: Settings, installed: Sequence[EntryPoint] | None = None) -> tuple[Notifier, ...]:
    """Return the notifiers that ``settings.notifiers`` names. Raises ``ConfigError``."""
    found = {point.name: point for point in installed or entry_points(group=GROUP)}
    notifiers: list[Notifier] = []
    for name in filter(None, (part.strip() for part in settings.notifiers.split(","))):
        if name == "file":
            notifiers.append(FileNotifier(settings.data_dir / "notices"))
            continue
        if name not in found:
            raise ConfigError(f"notifiers: no plug-in {name!r} is installed", hint=f"entry points {GROUP}")
        try:
            made = found[name].load()(settings)
        except (ImportError, AttributeError, TypeError) as error:
            raise ConfigError(f"notifiers: {name!r} cannot be loaded ({type(error).__name__})") from error
        if not isinstance(made, Notifier):
            raise ConfigError(f"notifiers: {name!r} has no method notify")
        notifiers.append(made)
    return tuple(notifiers)


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
