"""What the transport's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def open_sockets() -> Callable[[], int]:
    """Return a function that counts this process's sockets."""

    def count() -> int:
        links = []
        for entry in Path("/proc/self/fd").iterdir():
            try:
                links.append(os.readlink(entry))
            except FileNotFoundError:
                continue
        return sum(link.startswith("socket:") for link in links)

    return count
