"""A call's recording: its sound (in ranges) and its shape."""

from __future__ import annotations

import asyncio
import tempfile
from functools import lru_cache
from pathlib import Path

from aiohttp import web

from console.context import context
from console.security import login_of
from console.views.lookup import CALL_ID, find_call
from core.audio import Peaks, peaks
from core.clock import Clock
from core.errors import BadInput, StorageError
from core.logs import get_log
from core.recordings import LocalRecordings, Stored
from core.s3 import Layered

_PAUSE_MS = 60_000
_MAX_REMEMBERED = 10_000


class Playbacks:
    """Tells a playback from the further ranges that the same playback asks for. Pure."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}

    def begins(self, session_id: str, call_id: str, *, from_start: bool) -> bool:
        """Return whether this request begins a playback."""
        now = self._clock.monotonic_ms()
        key = (session_id, call_id)
        last = self._last.pop(key, None)
        self._last[key] = now
        if len(self._last) > _MAX_REMEMBERED:
            del self._last[next(iter(self._last))]
        return from_start or last is None or now - last > _PAUSE_MS


PLAYBACKS: web.AppKey[Playbacks] = web.AppKey("playbacks", Playbacks)
RECORDINGS: web.AppKey[LocalRecordings | Layered] = web.AppKey("recordings")

_HEADERS = {"Content-Type": "audio/wav", "Content-Disposition": "inline"}
_log = get_log("console.audio")


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get(f"/calls/{CALL_ID}/recording", stream_recording),
        web.get(f"/calls/{CALL_ID}/peaks", show_peaks),
    ]


async def stream_recording(request: web.Request) -> web.StreamResponse:
    """The WAV file, whole or the range that was asked for; every playback is noted."""
    record = (await find_call(request)).record
    path = recording_path(context(request).settings.recordings_dir, record.recording)
    far = None if path is not None else await _far(request, record.recording)
    if path is None and far is None:
        raise web.HTTPNotFound
    login = login_of(request)
    asked = request.headers.get("Range", "").replace(" ", "")
    from_start = not asked or asked.startswith("bytes=0-")
    if request.app[PLAYBACKS].begins(login.session_id, record.call_id, from_start=from_start):
        await context(request).store.log_access(login.member.username, "play_recording", record.call_id)
    if path is not None:
        return web.FileResponse(path, headers=_HEADERS)
    return await _stream(request, far)


async def show_peaks(request: web.Request) -> web.Response:
    """The waveform of both lanes, left channel (the resident) first."""
    record = (await find_call(request)).record
    path = recording_path(context(request).settings.recordings_dir, record.recording)
    if path is not None:
        found = await asyncio.to_thread(_peaks, path, (await asyncio.to_thread(path.stat)).st_mtime_ns)
    elif far := await _far(request, record.recording):
        found = await _far_peaks(request, far.name)
    else:
        raise web.HTTPNotFound
    return web.json_response({"duration_ms": found.duration_ms, "lanes": found.lanes})


async def has_recording(request: web.Request, name: str) -> bool:
    """Whether there is something to hear, here or in the far storage."""
    if recording_path(context(request).settings.recordings_dir, name) is not None:
        return True
    return await _far(request, name) is not None


async def _far(request: web.Request, name: str) -> Stored | None:
    """Return what the far storage knows of a recording; ``None`` also while it is away."""
    recordings = request.app[RECORDINGS]
    if not name or not isinstance(recordings, Layered):
        return None
    try:
        return await recordings.far.stat(name)
    except (StorageError, BadInput) as error:
        _log.warning("recording_not_found", code=error.code)
        return None


async def _stream(request: web.Request, far: Stored | None) -> web.StreamResponse:
    if far is None:
        raise web.HTTPNotFound
    asked = request.http_range
    start = asked.start or 0
    if start < 0:
        start = max(0, far.size + start)
    stop = min(far.size, asked.stop or far.size)
    if start >= far.size:
        raise web.HTTPRequestRangeNotSatisfiable
    ranged = "Range" in request.headers
    response = web.StreamResponse(status=206 if ranged else 200, headers=_HEADERS)
    response.content_length = stop - start
    response.headers["Accept-Ranges"] = "bytes"
    if ranged:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{far.size}"
    await response.prepare(request)
    async for piece in request.app[RECORDINGS].read(far.name, start, stop - start):
        await response.write(piece)
    return response


async def _far_peaks(request: web.Request, name: str) -> Peaks:
    """Read it into a file that is gone again at once: nothing of a call stays on the console's host."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        async for piece in request.app[RECORDINGS].read(name):
            await asyncio.to_thread(file.write, piece)
        file.flush()
        return await asyncio.to_thread(peaks, Path(file.name))


def recording_path(root: Path, relative: str) -> Path | None:
    """Return the recording's file, or ``None`` when there is none inside ``root``."""
    if not relative or "\x00" in relative:
        return None
    base = root.resolve()
    path = (base / relative).resolve()
    return path if path.is_relative_to(base) and path.suffix == ".wav" and path.is_file() else None


@lru_cache(maxsize=64)
def _peaks(path: Path, _modified_ns: int) -> Peaks:
    return peaks(path)
