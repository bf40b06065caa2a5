"""`python -m core.probe voice`: exit status 0 while that process of this host announces itself in Redis.

For containers: a process without an HTTP port is alive as long as its heartbeat is.
"""

from __future__ import annotations

import os
import socket
import sys

from redis import Redis
from redis.exceptions import RedisError

from core.errors import NuanyeError
from core.settings import load_settings


def beats(redis: Redis, process: str, host: str) -> bool:
    """Whether ``process`` on ``host`` has a heartbeat that has not expired."""
    return next(redis.scan_iter(f"nuanye:alive:{process}:{host}-*", count=1000), None) is not None


def main(arguments: list[str]) -> int:
    """Return the exit status; an outage of Redis is not the process's fault."""
    if len(arguments) != 1 or not arguments[0].isalpha():
        sys.stderr.write("usage: python -m core.probe PROCESS\n")
        return 2
    try:
        redis = Redis.from_url(load_settings(os.environ).redis, socket_timeout=3, socket_connect_timeout=3)
        return 0 if beats(redis, arguments[0], socket.gethostname()) else 1
    except (RedisError, OSError):
        return 0
    except NuanyeError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
