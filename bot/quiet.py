"""Keep Rasa, TensorFlow and their libraries from talking over our own logs."""

from __future__ import annotations

import logging
import os
import warnings

_LOUD = (
    "rasa",
    "tensorflow",
    "absl",
    "matplotlib",
    "apscheduler",
    "sanic",
    "h5py",
    "jieba",
    "pykwalify",
    "asyncio",
)


def _unshown(*_args: object, **_kwargs: object) -> None:
    """Take a warning and say nothing."""


def quieten() -> None:
    """Call before importing Rasa: warnings off, one level of logging, no debug lines."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    # A filter would not last: imported libraries put their own in front of it.
    warnings.showwarning = _unshown
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)


def quiet_training_logs() -> None:
    """Structlog prints a line per rule and prediction unless it is configured; train without them.

    Rasa's bars obey neither tqdm's switch nor the loggers, only this variable.
    """
    import structlog

    os.environ.setdefault("LOG_LEVEL", "ERROR")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
