"""Answers that were heard too badly to be believed. Pure."""

from __future__ import annotations

# A recogniser that sure of its words has mostly guessed.
HOPELESS = 0.2
_IN_A_ROW = 2


class Doubt:
    """Counts answers in a row below ``HOPELESS``: two lead to keys or a person, not to a third try."""

    def __init__(self) -> None:
        self._count = 0

    def too_much(self, confidence: float) -> bool:
        """Take the next answer's confidence (0-1); begin anew after saying yes."""
        self._count = self._count + 1 if confidence < HOPELESS else 0
        if self._count < _IN_A_ROW:
            return False
        self._count = 0
        return True
