"""`nuanye demo` does what it reports, on processes that it starts and stops."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from core.settings import load_settings
from nuanye.supervisor import running_pid

pytestmark = [pytest.mark.slow, pytest.mark.net, pytest.mark.sip, pytest.mark.rasa, pytest.mark.timeout(600)]


async def test_demo_answers_records_and_calls(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """One policy answer with its source, one intention and one call whose result is in the stream."""
    data_dir = tmp_path / "var"
    ports = {f"NUANYE_{name}_PORT": str(free_port()) for name in ("DIALOGUE", "CHAT", "CONSOLE")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nuanye", "demo", "--json",
        env={**os.environ, **ports, "NUANYE_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]
    report = json.loads(out)

    assert report["chat"]["policy_ids"] == ["unemp_registration"]
    assert report["chat"]["sources"][0]["as_of"]
    assert report["intention"]["fields"]["district"] == "荔湾区"
    assert report["intention"]["stream_id"]
    call = report["call"]
    assert call["disposition"] == "completed"
    assert call["fields"]["employment_status"] == "unemployed"
    assert any(item["words"] and item["end_ms"] > item["start_ms"] for item in call["evidence"])
    assert 0 < call["turn_gap_ms"]["p50"] <= call["turn_gap_ms"]["p90"]
    with wave.open(call["recording"]) as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
        assert recording.getnframes() > 8000 * 20
    assert running_pid(load_settings({"NUANYE_DATA_DIR": str(data_dir)})) is None
