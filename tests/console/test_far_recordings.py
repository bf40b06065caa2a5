"""A recording that was shipped to S3-compatible storage plays like one on the disk, and is noted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from casework.store import Store
from console.app import create_app
from console.views.audio import recording_path
from core.s3 import Layered, open_recordings, ship
from core.s3_fake import FakeS3
from tests.console import seed
from tests.console.conftest import try_login

CALL = f"/calls/{seed.CALL_ID}"


@pytest.fixture
async def far():
    """A storage server and its address."""
    fake = FakeS3()
    server = TestServer(fake.app())
    await server.start_server()
    yield fake, str(server.make_url("")).rstrip("/")
    await server.close()


async def test_a_shipped_recording_plays(console_settings, store: Store, clock, far) -> None:
    """Whole, in ranges, with its waveform; away: 404; every playback stands in the chained log."""
    settings = replace(
        console_settings, s3_bucket="n", s3_endpoint=far[1], s3_access_key="t" * 20, s3_secret_key="t" * 20
    )
    whole = (settings.recordings_dir / seed.RECORDING).read_bytes()
    recordings = open_recordings(settings)
    assert isinstance(recordings, Layered)
    assert await ship(recordings.near, recordings.far, older_than_s=0, now_s=4e9) >= 1
    assert recording_path(Path(settings.recordings_dir), seed.RECORDING) is None
    app = create_app(settings, store, None, clock=clock)
    async with TestClient(TestServer(app), headers={"Accept": "text/html"}) as client:
        assert (await try_login(client, seed.USER, seed.PASSWORD))[0] == 302
        full = await client.get(f"{CALL}/recording")
        assert (full.status, await full.read()) == (200, whole)
        part = await client.get(f"{CALL}/recording", headers={"Range": "bytes=100-199"})
        assert (part.status, await part.read()) == (206, whole[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
        tail = await client.get(f"{CALL}/recording", headers={"Range": "bytes=-50"})
        assert await tail.read() == whole[-50:]
        beyond = await client.get(f"{CALL}/recording", headers={"Range": f"bytes={len(whole)}-"})
        assert beyond.status == 416
        peaks = await (await client.get(f"{CALL}/peaks")).json()
        assert len(peaks["lanes"]) == 2
        far[0].broken = True
        assert (await client.get(f"{CALL}/recording")).status == 404
    assert (await store.verify_access_log()).ok
    assert "play_recording" in [entry.action for entry in await store.read_access_log()]
