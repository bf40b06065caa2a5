"""Named boundaries between two steps, where a test may end the process. In service they do nothing.

``benchmarks.chaos`` kills processes at each of them and then looks whether anything was lost or done twice.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "dispatcher.decided",  # attempts are marked as queued, nobody has been told
    "dispatcher.published",  # one task is in the stream
    "worker.read",  # a task was taken from the stream, its attempt not claimed
    "worker.claimed",  # the attempt is ours, nothing dialled
    "worker.talked",  # the call is over, nothing stored
    "worker.stored",  # call and result are stored, the task not acknowledged
    "relay.read",  # results that wait were read
    "relay.published",  # they are in the streams, not marked
    "relay.marked",
    "intake.stored",  # a district's answer is stored, its entry not acknowledged
)

_hook: Callable[[str], None] | None = None


def install(hook: Callable[[str], None] | None) -> None:
    """Have ``hook`` called with the name of every boundary this process reaches; ``None``: no more."""
    global _hook
    _hook = hook


def reach(point: str) -> None:
    """Say that a boundary was reached."""
    if _hook is not None:
        _hook(point)
