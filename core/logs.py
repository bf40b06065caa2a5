"""Structured logs: a fixed event name plus keys; personal values are redacted by their key."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

REDACTED_KEYS = frozenset(
    {
        "name",
        "phone",
        "address",
        "callee",
        "id_number",
        "text",
        "transcript",
        "words",
        "spoken",
        "body",
        "fields",
    }
)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace the values of personal keys by their length."""
    for key in REDACTED_KEYS & event.keys():
        event[key] = f"<{len(str(event[key]))} chars>"
    return event


class _Stderr:
    """The stderr of the moment: who captures output replaces the stream."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(level: str = "info", *, process: str = "") -> None:
    """Set up logging for this process: one line of key=value pairs per event, on stderr."""
    numeric = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "process", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr)
    if process:
        structlog.contextvars.bind_contextvars(process=process)


def get_log(component: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that names its component."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(component=component))
