"""``Recordings`` in S3-compatible storage (AWS, MinIO, Ceph, the clouds' object stores), by boto3.

Uploads carry SHA-256 (Content-MD5's successor: ``x-amz-checksum-sha256``) and the digest as metadata; what
is read whole can be checked against it. boto3 blocks, so every call runs in a thread.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import BadInput, ConfigError, StorageError
from core.logs import get_log
from core.recordings import CHUNK_BYTES, LocalRecordings, Recordings, Stored, check_name, sha256_of
from core.settings import Settings

SHIP_EVERY_S = 60.0
SHIP_AFTER_S = 1800.0  # a call is long over by then, and heard again where that was wanted
_CONNECT_S = 5
_READ_S = 30
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}

_log = get_log("recordings")


class S3Recordings:
    """``Recordings`` in one bucket, under a prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    async def put(self, name: str, source: Path) -> Stored:
        """See ``Recordings``; the server refuses what does not have the file's SHA-256."""
        return await asyncio.to_thread(self._put, check_name(name), source)

    async def stat(self, name: str) -> Stored | None:
        """See ``Recordings``."""
        return await asyncio.to_thread(self._stat, check_name(name))

    async def read(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See ``Recordings``."""
        last = "" if length is None else str(start + length - 1)
        wanted = {} if start == 0 and length is None else {"Range": f"bytes={start}-{last}"}
        with _errors("read"):
            answer = await asyncio.to_thread(
                self._client.get_object, Bucket=self._bucket, Key=self._key(check_name(name)), **wanted
            )
            body = answer["Body"]
            try:
                while piece := await asyncio.to_thread(body.read, CHUNK_BYTES):
                    yield piece
            finally:
                body.close()

    async def delete(self, name: str) -> bool:
        """See ``Recordings``."""
        return await asyncio.to_thread(self._delete, check_name(name))

    async def names(self) -> AsyncIterator[Stored]:
        """See ``Recordings``."""
        token: dict[str, str] = {}
        while True:
            with _errors("listed"):
                page = await asyncio.to_thread(
                    self._client.list_objects_v2, Bucket=self._bucket, Prefix=self._prefix, **token
                )
            for item in page.get("Contents", ()):
                yield Stored(item["Key"].removeprefix(self._prefix), item["Size"], item["LastModified"])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _put(self, name: str, source: Path) -> Stored:
        try:
            digest = sha256_of(source)
            with source.open("rb") as file, _errors("written"):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(name),
                    Body=file,
                    ContentType="audio/wav",
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
                    Metadata={"sha256": digest},
                )
        except OSError as error:
            raise StorageError(f"a recording cannot be read ({type(error).__name__})") from error
        kept = self._stat(name)
        if kept is None or kept.size != source.stat().st_size or kept.sha256 != digest:
            raise StorageError("the storage does not have the recording that was sent")
        return kept

    def _stat(self, name: str) -> Stored | None:
        with _errors("found"):
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            except self._client.exceptions.ClientError as error:
                if _code(error) in _NOT_THERE:
                    return None
                raise
        return Stored(name, head["ContentLength"], head["LastModified"], head["Metadata"].get("sha256", ""))

    def _delete(self, name: str) -> bool:
        if self._stat(name) is None:
            return False
        with _errors("deleted"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))
        return True

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"


class Layered:
    """``Recordings`` on the disk first, then in the far storage: a file lies here until it is shipped."""

    def __init__(self, near: LocalRecordings, far: S3Recordings) -> None:
        self.near = near
        self.far = far

    async def put(self, name: str, source: Path) -> Stored:
        """Keep it far."""
        return await self.far.put(name, source)

    async def stat(self, name: str) -> Stored | None:
        """Look near, then far."""
        return await self.near.stat(name) or await self.far.stat(name)

    async def read(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Read it where it is."""
        where: Recordings = self.near if await self.near.stat(name) else self.far
        async for piece in where.read(name, start, length):
            yield piece

    async def delete(self, name: str) -> bool:
        """Delete it in both places."""
        near, far = await self.near.delete(name), await self.far.delete(name)
        return near or far

    async def names(self) -> AsyncIterator[Stored]:
        """Yield what is far, and what is only near."""
        seen = set()
        async for stored in self.far.names():
            seen.add(stored.name)
            yield stored
        async for stored in self.near.names():
            if stored.name not in seen:
                yield stored


async def ship(near: LocalRecordings, far: S3Recordings, *, older_than_s: float, now_s: float) -> int:
    """Move finished files from the disk to the far storage; return how many. Raises ``StorageError``.

    A file is deleted here after the far storage has shown size and SHA-256 of it. One that was changed
    within ``older_than_s`` may still be written.
    """
    count = 0
    async for stored in near.names():
        if now_s - stored.modified_at.timestamp() >= older_than_s:
            await far.put(stored.name, near.path(stored.name))
            await near.delete(stored.name)
            count += 1
    return count


def open_recordings(settings: Settings) -> LocalRecordings | Layered:
    """Return where recordings lie: the disk, with ``s3_bucket`` also S3. Raises ``ConfigError``."""
    near = LocalRecordings(settings.recordings_dir)
    if not settings.s3_bucket:
        return near
    if not (settings.s3_access_key and settings.s3_secret_key):
        raise ConfigError("s3_bucket needs s3_access_key and s3_secret_key", hint="see docs/settings.md")
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"},
        ),
    )
    return Layered(near, S3Recordings(client, settings.s3_bucket, settings.s3_prefix))


async def keep_shipping(recordings: LocalRecordings | Layered, stop: asyncio.Event) -> None:
    """Ship what is finished, every minute until ``stop``; an outage is waited out, files stay here."""
    while not stop.is_set():
        if isinstance(recordings, Layered):
            try:
                await ship(recordings.near, recordings.far, older_than_s=SHIP_AFTER_S, now_s=time.time())
            except (StorageError, BadInput) as error:
                _log.warning("recordings_stay_here", code=error.code)
        try:
            await asyncio.wait_for(stop.wait(), SHIP_EVERY_S)
        except TimeoutError:
            continue


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn what boto3 raises into ``StorageError``; no key, no name in it."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        said = _code(error) or type(error).__name__
        raise StorageError(f"a recording cannot be {what} ({said})", hint="check the s3_… settings") from None


def _code(error: Any) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
