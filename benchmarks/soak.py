"""Hold twenty calls at once against SIPp for half an hour: python -m benchmarks.soak [--minutes 30].

The whole phone side is real (worker, ledger, SIP and RTP, end of turn, dialogue core); SIPp echoes what it
hears, and the recogniser is told that nobody said a word. Ends with status 1 when a task, a socket or an
attempt is left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.logs import configure_logs
from core.settings import Settings, load_settings
from nuanye.lab import laboratory
from voice.lab.soak import SoakPlan, sipp_echo, soak


async def run(settings: Settings, lines: int, minutes: float) -> dict[str, Any]:
    """Soak and return the report."""

    def progress(calls: int, seconds: int) -> None:
        print(f"\r{seconds} s  {calls} calls", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        async with (
            laboratory(settings, lambda line: print(line, file=sys.stderr)) as own,
            sipp_echo(Path(folder)) as where,
        ):
            return await soak(SoakPlan(where, lines, minutes * 60), own, progress)


def main() -> int:
    """Print the report as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--lines", type=int, default=20)
    arguments = parser.parse_args()
    configure_logs("error", process="soak")
    found = asyncio.run(run(load_settings(os.environ), arguments.lines, arguments.minutes))
    found["load_average"] = round(os.getloadavg()[0], 2)
    print(json.dumps(found, ensure_ascii=False))
    return 1 if any(found["leaks"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
