"""A PostgreSQL of one's own on loopback, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import asyncpg

ACCOUNT = "nuanye"
START_TIMEOUT_S = 30.0


def find_binaries() -> Path:
    """Return the folder of initdb and pg_ctl; Debian keeps it outside the search path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not versions:
        raise SystemExit("PostgreSQL is missing: make setup installs it")
    return versions[-1].parent


class Postgres:
    """One cluster in ``home``, run by an unprivileged account (PostgreSQL refuses root)."""

    def __init__(self, home: Path) -> None:
        self.home = self._home = home
        self._binaries = find_binaries()
        self._account = "nobody" if os.geteuid() == 0 else None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+asyncpg://{ACCOUNT}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none, and start it; after a kill it first recovers."""
        if not self._home.exists():
            self._home.mkdir(parents=True)
            if self._account:
                shutil.chown(self._home, self._account)
            self._run("initdb", "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        listen = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._home} -c max_connections=80"
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:  # what is left of a killed one takes a moment to go
            try:
                log = str(self._home / "log")
                self._run("pg_ctl", "-l", log, "-w", "-o", f"{listen} -c fsync=off", "start")
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""

        async def make() -> None:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=self._port, user=ACCOUNT, database="postgres"
            )
            await connection.execute(f'CREATE DATABASE "{database}"')
            await connection.close()

        asyncio.run(make())
        return self.url(database)

    def kill(self) -> None:
        """End the server at once, as a power cut would; its helpers follow by themselves."""
        pid = int((self._home / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop it for good."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, "-D", self._home / "data", *arguments],
            user=self._account,
            cwd=self._home,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
