"""Which webhooks there are: a TOML file that the setting ``webhooks`` names.

::

    [hooks.tianhe]
    url = "https://jobs.tianhe.example/nuanye"
    district = "天河区"               # leave it out: every result
    secret_env = "TIANHE_HOOK_SECRET"  # the variable with the shared secret, 32 characters or more
    give_up_days = 7
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import ConfigError
from core.settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_KEYS = {"url", "district", "secret_env", "give_up_days"}
_MIN_SECRET = 32
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Hook:
    """One receiver. ``district`` empty: every result."""

    name: str
    url: str
    secret: bytes
    district: str = ""
    give_up_days: int = 7


def read_webhooks(settings: Settings, environ: Mapping[str, str] | None = None) -> tuple[Hook, ...]:
    """Return the hooks of the settings' file. Raises ``ConfigError`` that names every fault."""
    if not settings.webhooks:
        return ()
    path = Path(settings.webhooks)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"webhooks: {path.name} cannot be read ({type(error).__name__})") from error
    hooks, faults = [], []
    tables = document.get("hooks", {})
    for name, table in tables.items() if isinstance(tables, dict) else ():
        problem, hook = _hook(name, table, os.environ if environ is None else environ)
        if hook is None:
            faults.append(f"{name}: {problem}")
        else:
            hooks.append(hook)
    if faults or not hooks:
        raise ConfigError("webhooks: " + ("; ".join(faults) or "no [hooks.NAME] in the file"))
    return tuple(hooks)


def _hook(name: str, table: Any, environ: Mapping[str, str]) -> tuple[str, Hook | None]:
    if not _NAME.fullmatch(name):
        return "a name is 1 to 30 of a-z, 0-9, - and _", None
    if not isinstance(table, dict) or set(table) - _KEYS:
        return f"its keys are {', '.join(sorted(_KEYS))}", None
    url, district, days = table.get("url"), table.get("district", ""), table.get("give_up_days", 7)
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username:
        return "url must be https://…, without a password in it", None
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "url must be https: results are personal data", None
    if not isinstance(district, str) or isinstance(days, bool) or not isinstance(days, int):
        return "district is text, give_up_days a number", None
    if not 1 <= days <= 90:
        return "give_up_days must be 1 to 90", None
    secret = environ.get(str(table.get("secret_env", "")), "")
    if len(secret) < _MIN_SECRET:
        return f"secret_env must name a variable of {_MIN_SECRET} characters or more", None
    return "", Hook(name, parts.geturl(), secret.encode(), district, days)
