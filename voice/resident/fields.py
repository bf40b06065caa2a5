"""Pure: reads the values of a YAML mapping and collects every problem instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class FieldReader:
    """Each method returns a value that fits, and notes in ``problems`` what did not."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def mapping(self, raw: Any, where: str, known: set[str] | None = None) -> dict[str, Any]:
        """A mapping with no other keys than ``known``."""
        if not isinstance(raw, dict):
            self.problems.append(f"{where}: must be a mapping")
            return {}
        for key in raw:
            if known is not None and key not in known:
                self.problems.append(f"{where}: no such key {key!r}")
        return raw

    def text(self, item: Mapping[str, Any], key: str, default: str, where: str = "") -> str:
        """Text without blanks around it."""
        value = item.get(key, default)
        if not isinstance(value, str):
            self.problems.append(f"{_at(where, key)}: must be text (quote it)")
            return default
        return value.strip()

    def choice(
        self, item: Mapping[str, Any], key: str, default: str, allowed: tuple[str, ...], where: str = ""
    ) -> str:
        """One of ``allowed``."""
        value = item.get(key, default)
        if value not in allowed:
            self.problems.append(f"{_at(where, key)}: one of {', '.join(allowed)}")
            return default
        return str(value)

    def whole(
        self, item: Mapping[str, Any], key: str, default: int, low: int, high: int, where: str = ""
    ) -> int:
        """A whole number from ``low`` to ``high``."""
        value = item.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.problems.append(f"{_at(where, key)}: a whole number from {low} to {high}")
            return default
        return value

    def number(self, item: Mapping[str, Any], key: str, bounds: tuple[float, float], where: str) -> float:
        """A number within ``bounds``, 1.0 by default."""
        low, high = bounds
        value = item.get(key, 1.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.problems.append(f"{_at(where, key)}: a number from {low:g} to {high:g}")
            return 1.0
        return float(value)

    def words(self, item: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
        """A text or a list of texts."""
        value = item.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(word, str) and word for word in listed):
            self.problems.append(f"{_at(where, key)}: a list of words")
            return ()
        return tuple(listed)

    def flag(self, item: Mapping[str, Any], key: str, where: str) -> bool:
        """True or false, false by default."""
        value = item.get(key, False)
        if not isinstance(value, bool):
            self.problems.append(f"{_at(where, key)}: true or false")
        return value is True


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
