"""Recordings on the disk and in S3-compatible storage keep one contract; boto3 is the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from core.errors import BadInput, ConfigError, StorageError
from core.recordings import LocalRecordings, Recordings, check_name, sha256_of
from core.s3 import Layered, open_recordings, ship
from core.s3_fake import FakeS3
from core.settings import Settings

NAME = "20261123/att_1.wav"
SOUND = bytes(range(256)) * 3000


@pytest.fixture
async def far() -> AsyncIterator[tuple[FakeS3, str]]:
    """A storage server and its address."""
    fake = FakeS3()
    server = TestServer(fake.app())
    await server.start_server()
    yield fake, str(server.make_url(""))
    await server.close()


def _settings(tmp_path: Path, url: str) -> Settings:
    return replace(
        Settings(data_dir=tmp_path / "var"),
        s3_bucket="nuanye",
        s3_endpoint=url.rstrip("/"),
        s3_prefix="city/",
        s3_access_key="only-for-tests",
        s3_secret_key="only-for-tests",
    )


@pytest.fixture(params=["disk", "s3", "both"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, far: tuple[FakeS3, str]) -> Recordings:
    """Each implementation, empty."""
    layered = open_recordings(_settings(tmp_path, far[1]))
    assert isinstance(layered, Layered)
    return {"disk": LocalRecordings(tmp_path / "disk"), "s3": layered.far, "both": layered}[request.param]


async def _whole(kept: Recordings, *span: int) -> bytes:
    return b"".join([piece async for piece in kept.read(NAME, *span)])


async def test_what_is_put_comes_back(kept: Recordings, tmp_path: Path) -> None:
    """Whole, in ranges, listed, and gone once deleted."""
    source = tmp_path / "call.wav"
    source.write_bytes(SOUND)
    assert await kept.stat(NAME) is None
    assert await kept.delete(NAME) is False
    stored = await kept.put(NAME, source)
    assert (stored.size, stored.sha256) == (len(SOUND), sha256_of(source))
    assert await _whole(kept) == SOUND
    assert await _whole(kept, 1000, 500) == SOUND[1000:1500]
    assert await _whole(kept, len(SOUND) - 7) == SOUND[-7:]
    for number in range(2, 9):
        await kept.put(f"20261124/att_{number}.wav", source)
    assert len([each async for each in kept.names()]) == 8
    assert await kept.delete(NAME) is True
    assert await kept.stat(NAME) is None
    with pytest.raises(StorageError):
        await _whole(kept)


@pytest.mark.parametrize(
    "name", ["../secret.wav", "/etc/x.wav", "a//b.wav", "a/./b.wav", "x.key", "a\0.wav", ""]
)
def test_a_name_means_a_wav_below_the_root(name: str) -> None:
    """Nothing that climbs, nothing that is not a recording."""
    with pytest.raises(BadInput):
        check_name(name)


async def test_a_storage_that_keeps_something_else_is_noticed(
    tmp_path: Path, far: tuple[FakeS3, str]
) -> None:
    """The file stays on the disk when the far storage does not show what was sent, or is away."""
    layered = open_recordings(_settings(tmp_path, far[1]))
    assert isinstance(layered, Layered)
    source = tmp_path / "call.wav"
    source.write_bytes(SOUND)
    await layered.near.put(NAME, source)
    far[0].damages = True
    with pytest.raises(StorageError, match="does not have"):
        await ship(layered.near, layered.far, older_than_s=0, now_s=4e9)
    far[0].damages, far[0].broken = False, True
    with pytest.raises(StorageError):
        await ship(layered.near, layered.far, older_than_s=0, now_s=4e9)
    assert await layered.near.stat(NAME) is not None
    far[0].broken = False
    assert await ship(layered.near, layered.far, older_than_s=0, now_s=0) == 0
    assert await ship(layered.near, layered.far, older_than_s=0, now_s=4e9) == 1
    assert await layered.near.stat(NAME) is None
    assert (await layered.stat(NAME)).size == len(SOUND)
    assert list(far[0].objects) == [f"nuanye/city/{NAME}"]


async def test_without_credentials_the_setting_is_named(tmp_path: Path) -> None:
    """A bucket without keys is a configuration error; no bucket is the disk."""
    with pytest.raises(ConfigError, match="s3_access_key"):
        open_recordings(replace(Settings(), s3_bucket="nuanye"))
    assert isinstance(open_recordings(Settings(data_dir=tmp_path)), LocalRecordings)
    link = tmp_path / "recordings" / "out"
    await asyncio.to_thread(link.parent.mkdir)
    await asyncio.to_thread(link.symlink_to, "/")
    with pytest.raises(BadInput):
        await LocalRecordings(tmp_path / "recordings").stat("out/etc/x.wav")
