"""Whose turn it is when lines are short: start-time fair queueing between groups. Pure.

A group is one district of one campaign. Each turn costs a group 1/weight; the group that began
its turn earliest goes next. So long as two groups wait, their turns stand to each other as their
weights do, however long one waited before, and a group that was idle saves nothing up.
Source: Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

NORMAL_PRIORITY = 5


def weight_of(priority: int, share: float) -> float:
    """Return a group's weight: each step of priority (1 to 9) doubles it; ``share`` is the group's size."""
    return max(share, 1.0) * 2.0 ** (priority - NORMAL_PRIORITY)


class FairTurns(Generic[Key]):
    """Remembers how far every group has come; ``virtual`` and ``finish`` can be stored and handed in."""

    def __init__(
        self, weights: Mapping[Key, float], finish: Mapping[Key, float] | None = None, virtual: float = 0.0
    ) -> None:
        self._cost = {key: 1.0 / weight for key, weight in weights.items()}
        self.finish = {key: (finish or {}).get(key, 0.0) for key in weights}
        self.virtual = virtual

    def first(self, waiting: Iterable[Key]) -> Key:
        """Return the waiting group whose turn it is; among equals the first. Needs at least one."""
        finish, virtual = self.finish, self.virtual
        return min(waiting, key=lambda key: max(virtual, finish[key]))

    def took(self, key: Key) -> None:
        """Account for one turn of ``key``."""
        self.virtual = max(self.virtual, self.finish[key])
        self.finish[key] = self.virtual + self._cost[key]
