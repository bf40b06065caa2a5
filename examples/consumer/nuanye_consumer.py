"""Take a district's results from Nuanye's queue. One file; needs Python 3.9 and the package ``redis``.

    python nuanye_consumer.py --url redis://HOST:6379 --district 天河区 --exec ./store.sh

hands each result as JSON on standard input to ``store.sh``; status 0 means "stored". Without ``--exec``
results are printed, one a line. In a program of your own::

    consumer = Consumer("redis://HOST:6379", "天河区", take_over=store_it)
    consumer.run()

``take_over`` must be harmless when repeated: ``result_id`` is the key. What it raises is retried with
growing pauses; later results of the same person wait for it, other people's do not. After ``tries``
attempts the entry goes to ``<stream>:dead`` with the reason. Nothing is acknowledged before it is stored.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone

import redis

VERSIONS = (1,)
FEEDBACK = "nuanye:feedback"
PAUSE_FIRST_S, PAUSE_MOST_S = 1.0, 300.0
STALE_MS = 60_000


class Unusable(Exception):
    """Raised by ``take_over`` for a result that no retry can help: it goes to the dead letters at once."""


class Consumer:
    """One reader. Several may share a district under different names."""

    def __init__(self, url, district, take_over, *, name="desk-1", tries=8, pause_s=PAUSE_FIRST_S):
        self.client = redis.Redis.from_url(url, socket_timeout=30)
        self.stream, self.group, self.name = f"nuanye:results:district:{district}", district, name
        self.take_over, self.tries, self.pause_s = take_over, tries, pause_s
        self.stopped = False
        self._waiting = {}  # subject -> [[entry, fields, tries, when], …], oldest first

    def run(self):
        """Read until ``stop``; an outage of Redis is waited out."""
        pause = self.pause_s
        while not self.stopped:
            try:
                self.step()
                pause = self.pause_s
            except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
                print(f"waiting for Redis ({type(error).__name__})", file=sys.stderr)
                time.sleep(pause)
                pause = min(2 * pause, PAUSE_MOST_S)

    def stop(self, *_):
        """End after the entry at hand."""
        self.stopped = True

    def step(self, block_ms=1000):
        """Handle what is due: retries, what a dead reader left, and what is new."""
        try:
            _, stale, *_ = self.client.xautoclaim(
                self.stream, self.group, self.name, min_idle_time=STALE_MS, count=50
            )
            wait = 50 if self._waiting else block_ms
            fresh = self.client.xreadgroup(self.group, self.name, {self.stream: ">"}, count=50, block=wait)
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._make_group()  # the first start, or Redis came back empty
            return
        known = {item[0] for items in self._waiting.values() for item in items}
        for entry, fields in [*stale, *_entries(fresh)]:
            if fields and entry not in known:
                self._waiting.setdefault(_subject(fields), []).append([entry, fields, 0, 0.0])
        self._work()

    def _work(self):
        for subject, items in list(self._waiting.items()):
            while items and items[0][3] <= time.monotonic() and not self.stopped:
                if not self._handle(items[0]):
                    break
                items.pop(0)
            if not items:
                del self._waiting[subject]

    def _handle(self, item):
        entry, fields, tries, _ = item
        try:
            result = json.loads(fields[b"json"])
            if result.get("schema_version") not in VERSIONS:
                raise Unusable(f"schema_version {result.get('schema_version')} is not known here")
            self.take_over(result)
        except (Unusable, KeyError, ValueError, AttributeError) as error:
            self._bury(entry, fields, error)
        except Exception as error:  # noqa: BLE001 - whatever the caller's code raises is retried, then buried
            item[2] = tries = tries + 1
            if tries < self.tries:
                item[3] = time.monotonic() + min(self.pause_s * 2 ** (tries - 1), PAUSE_MOST_S)
                return False
            self._bury(entry, fields, error)
        self.client.xack(self.stream, self.group, entry)
        return True

    def _bury(self, entry, fields, error):
        letter = {"json": fields.get(b"json", b""), "reason": f"{type(error).__name__}: {error}"[:500]}
        letter.update(entry=entry, group=self.group)
        self.client.xadd(f"{self.stream}:dead", letter, maxlen=100_000)

    def answer(self, result_id, outcome, by, note="", key=""):
        """Tell what was done: reviewed, contacted, offered, placed, refused or not_found.

        The same ``key`` (or, without one, the same result, outcome and sender) is stored once.
        """
        digest = hashlib.sha256(f"{result_id}\x1f{key or outcome}\x1f{by}".encode()).hexdigest()
        document = {
            "feedback_id": f"fb_{digest[:24]}",
            "result_id": result_id,
            "outcome": outcome,
            "by": by,
            "at": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
            "note": note,
            "schema_version": 1,
        }
        return self.client.xadd(FEEDBACK, {"json": json.dumps(document, ensure_ascii=False)})

    def _make_group(self):
        try:
            self.client.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _entries(reply):
    """Flatten what XREADGROUP answers: a mapping under RESP3, pairs under RESP2."""
    if not reply:
        return
    for block in reply.values() if isinstance(reply, dict) else [entries for _, entries in reply]:
        for item in block:
            yield from item if item and isinstance(item[0], (list, tuple)) else [item]


def _subject(fields):
    try:
        return json.loads(fields[b"json"])["subject"]
    except (KeyError, TypeError, ValueError):
        return ""


def _run_program(program):
    def take_over(result):
        text = json.dumps(result, ensure_ascii=False)
        subprocess.run([program], input=text.encode(), check=True, timeout=60)

    return take_over


def _print(result):
    print(json.dumps(result, ensure_ascii=False), flush=True)


def main():
    """Read the command line and run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="redis://127.0.0.1:6379")
    parser.add_argument("--district", required=True, help="e.g. 天河区, or unassigned")
    parser.add_argument("--name", default="desk-1", help="this reader, unique in its district")
    parser.add_argument("--exec", dest="program", help="stores the result on its standard input")
    options = parser.parse_args()
    take_over = _run_program(options.program) if options.program else _print
    consumer = Consumer(options.url, options.district, take_over, name=options.name)
    signal.signal(signal.SIGTERM, consumer.stop)
    try:
        consumer.run()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
