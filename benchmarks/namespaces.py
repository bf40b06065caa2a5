"""Three hosts, one cut off: `python -m benchmarks.namespaces [--calls N] [--cut SECONDS]` (root, Linux).

Makes four network namespaces: a centre with Redis and PostgreSQL, and three hosts with a casework process
and a voice worker each (calls over simulated media). When a fifth of the calls is over the first host's
cable is pulled for ``--cut`` seconds (full form: 120) with its calls under way, then plugged in again.
Afterwards every attempt must be accounted for: dialled at most once, one result, published and taken by its
district once. Prints one JSON object; status 1 when a count that must be 0 is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.chaos import MUST_BE_ZERO, all_taken, judge, prepare, progress
from benchmarks.postgres import find_binaries
from core.settings import Settings

HOSTS = 3
_NET = "10.231.7"
_ACCOUNT = "nuanye"
_PATIENCE_S = 300.0


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=not check)


class Net:
    """A bridge in the centre's namespace, and a cable from each host to it."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.centre = f"{tag}c"
        self.hosts = [f"{tag}{number}" for number in range(1, HOSTS + 1)]

    def make(self) -> None:
        """Build it."""
        for name in (self.centre, *self.hosts):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.centre, "link", "add", "hub", "type", "bridge", "forward_delay", "0")
        _ip("-n", self.centre, "addr", "add", f"{_NET}.1/24", "dev", "hub")
        _ip("-n", self.centre, "link", "set", "hub", "up")
        for number, name in enumerate(self.hosts, 1):
            port = f"port{number}"
            _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.centre)
            _ip("-n", self.centre, "link", "set", port, "master", "hub", "up")
            _ip("-n", name, "addr", "add", f"{_NET}.{10 + number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")

    def cable(self, host: int, state: str) -> None:
        """Pull (``down``) or plug in (``up``) a host's cable, at the centre's end."""
        _ip("-n", self.centre, "link", "set", f"port{host}", state)

    def remove(self) -> None:
        """Take it down again."""
        for name in (self.centre, *self.hosts):
            _ip("netns", "del", name, check=False)


class Centre:
    """Redis and PostgreSQL on the centre's address."""

    def __init__(self, net: Net, folder: Path) -> None:
        self._enter = ["ip", "netns", "exec", net.centre]
        self._folder = folder
        self._redis: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start both."""
        listen = ["--bind", f"{_NET}.1", "--protected-mode", "no", "--appendonly", "yes"]
        self._redis = subprocess.Popen(
            [*self._enter, "redis-server", "--dir", self._folder, *listen], stdout=subprocess.DEVNULL
        )
        home = self._folder / "pg"
        home.mkdir()
        shutil.chown(home, "nobody")
        self._postgres("initdb", "-U", _ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        with (home / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {_NET}.0/24 trust\n")
        options = f"-c listen_addresses={_NET}.1 -k {home} -c max_connections=100 -c fsync=off"
        self._postgres("pg_ctl", "-l", str(home / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop both."""
        self._postgres("pg_ctl", "-m", "immediate", "-w", "stop")
        if self._redis is not None:
            self._redis.terminate()
            self._redis.wait()

    def _postgres(self, program: str, *arguments: str) -> None:
        command = [*self._enter, "runuser", "-u", "nobody", "--", str(find_binaries() / program)]
        data = str(self._folder / "pg" / "data")
        subprocess.run([*command, "-D", data, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL)


class Run:
    """The processes on the hosts, and the look at the books from the centre."""

    def __init__(self, net: Net, folder: Path) -> None:
        self._net = net
        self._folder = folder
        self._children: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            "NUANYE_DATA_DIR": str(folder),
            "NUANYE_DATABASE_URL": f"postgresql+asyncpg://{_ACCOUNT}@{_NET}.1:5432/postgres",
            "NUANYE_REDIS_URL": f"redis://{_NET}.1:6379/0",
            "NUANYE_SECRET_KEY": "namespaces" * 5,
        }

    def start(self) -> None:
        """A casework process and a voice worker on each host; the districts' consumers in the centre."""
        for number, host in enumerate(self._net.hosts, 1):
            self._spawn(host, f"casework:{number}")
            self._spawn(host, f"voice:{number}")
        for district in ("天河区", "海珠区"):
            self._spawn(self._net.centre, f"district:{district}")

    def _spawn(self, namespace: str, role: str) -> None:
        command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "benchmarks.chaos_parts", role]
        self._children.append(subprocess.Popen([*command, self._folder], env=self._environment))

    def ask(self, what: str, *arguments: str) -> dict[str, object]:
        """Look at the books from the centre; see ``_answer``."""
        command = ["ip", "netns", "exec", self._net.centre, sys.executable, "-m", "benchmarks.namespaces"]
        command += ["--ask", what, str(self._folder), *arguments]
        done = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True)
        return dict(json.loads(done.stdout))

    def end(self) -> None:
        """Stop every process."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _answer(what: str, folder: Path, calls: int) -> dict[str, object]:
    from core.settings import load_settings

    settings: Settings = load_settings(os.environ)
    if what == "prepare":
        prepare(settings, calls)
        return {}
    if what == "judge":
        return asyncio.run(judge(settings, folder, calls))
    began = time.monotonic()
    while True:
        ended, waiting = progress(settings)
        taken = what == "done" and ended >= calls and not waiting and asyncio.run(all_taken(settings, folder))
        if what == "now" or taken or (what == "ended" and ended >= calls):
            return {"ended": ended}
        if time.monotonic() - began > _PATIENCE_S:
            raise SystemExit(f"{what} {calls}: {ended} ended, {waiting} results wait")
        time.sleep(0.2)


def run(calls: int, cut_s: float, folder: Path) -> dict[str, object]:
    """Do the run and return what was found."""
    net = Net(f"nz{os.getpid() % 100000}")
    centre, work, began = Centre(net, folder), Run(net, folder), time.monotonic()
    try:
        net.make()
        centre.start()
        work.ask("prepare", str(calls))
        work.start()
        at_cut = work.ask("ended", str(calls // 5))["ended"]
        net.cable(1, "down")
        time.sleep(cut_s)
        meanwhile = work.ask("now", str(calls))["ended"]
        net.cable(1, "up")
        work.ask("done", str(calls))
        work.end()
        found = work.ask("judge", str(calls))
        seconds = round(time.monotonic() - began, 1)
        return found | {
            "cut_s": cut_s,
            "ended_at_cut": at_cut,
            "ended_after_cut": meanwhile,
            "seconds": seconds,
        }
    finally:
        work.end()
        centre.stop()
        net.remove()


def main() -> int:
    """Run, print, judge."""
    if sys.argv[1:2] == ["--ask"]:
        print(json.dumps(_answer(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--cut", type=float, default=120.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        found = run(options.calls, options.cut, Path(name))
    print(json.dumps(found, ensure_ascii=False))
    return int(any(found[key] for key in MUST_BE_ZERO))


if __name__ == "__main__":
    sys.exit(main())
