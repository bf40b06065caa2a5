"""Every error we raise on purpose.

::

    NuanyeError
    ├── ConfigError            config.invalid       a setting is missing or malformed; names every bad key
    ├── BadInput               input.invalid        a message, file or request breaks its contract
    │   └── TooLarge           input.too_large      … by its size
    ├── ModelError             model.unusable       a model file is missing or corrupt (says how to fetch it)
    ├── KnowledgeError         knowledge.invalid    a policy file breaks its schema
    ├── DialogueError          dialogue.failed      the dialogue core gave no answer
    │   └── DialogueUnavailable dialogue.unavailable … because it cannot be reached
    ├── QueueError             queue.unavailable    Redis cannot be reached or refuses
    ├── StorageError           storage.unavailable  the database or disk cannot be used
    ├── CallError              call.failed          a call went wrong; carries its disposition
    └── EngineError            engine.failed        a recogniser or synthesiser failed

``code`` is stable and documented in ``docs/errors.md``. Messages never contain names, phone
numbers, ID numbers or what somebody said. Foreign exceptions are mapped where they enter.
"""

from __future__ import annotations

from core.types import Disposition


class NuanyeError(Exception):
    """Base of the tree; ``hint`` says what to do about it."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(NuanyeError):
    """Raised once, at start, with all bad keys in one message."""

    code = "config.invalid"


class BadInput(NuanyeError):
    """Raised by parsers of anything that comes from outside."""

    code = "input.invalid"


class TooLarge(BadInput):
    """Raised before the content is read further."""

    code = "input.too_large"


class ModelError(NuanyeError):
    """Raised when a model cannot be loaded or verified."""

    code = "model.unusable"


class KnowledgeError(NuanyeError):
    """Raised by the knowledge loader; the message names file, entry and field."""

    code = "knowledge.invalid"


class DialogueError(NuanyeError):
    """Raised when the dialogue core answered with an error or not at all."""

    code = "dialogue.failed"


class DialogueUnavailable(DialogueError):
    """Raised when the dialogue core cannot be reached; worth a retry."""

    code = "dialogue.unavailable"


class QueueError(NuanyeError):
    """Raised when a stream cannot be read or written."""

    code = "queue.unavailable"


class StorageError(NuanyeError):
    """Raised when the database or the recordings' disk cannot be used."""

    code = "storage.unavailable"


class CallError(NuanyeError):
    """Raised by a call transport; ``disposition`` is what the attempt is stored as."""

    code = "call.failed"

    def __init__(self, message: str, *, disposition: Disposition, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.disposition = disposition


class EngineError(NuanyeError):
    """Raised by a recogniser or synthesiser; the call goes on without it where it can."""

    code = "engine.failed"
