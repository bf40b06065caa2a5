"""A call's recording: its sound (in ranges) and its shape."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from pathlib import Path

from aiohttp import web

from console.context import context
from console.security import login_of
from console.views.lookup import CALL_ID, find_call
from core.audio import Peaks, peaks
from core.clock import Clock

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


def routes() -> list[web.RouteDef]:
    """Return this file's routes."""
    return [
        web.get(f"/calls/{CALL_ID}/recording", stream_recording),
        web.get(f"/calls/{CALL_ID}/peaks", show_peaks),
    ]


async def stream_recording(request: web.Request) -> web.StreamResponse:
    """The WAV file, whole or the range that was asked for; every playback is noted."""
    call_id, path = await _find(request)
    login = login_of(request)
    asked = request.headers.get("Range", "").replace(" ", "")
    from_start = not asked or asked.startswith("bytes=0-")
    if request.app[PLAYBACKS].begins(login.session_id, call_id, from_start=from_start):
        await context(request).store.log_access(login.member.username, "play_recording", call_id)
    return web.FileResponse(path, headers={"Content-Type": "audio/wav", "Content-Disposition": "inline"})


async def show_peaks(request: web.Request) -> web.Response:
    """The waveform of both lanes, left channel (the resident) first."""
    _, path = await _find(request)
    found = await asyncio.to_thread(_peaks, path, (await asyncio.to_thread(path.stat)).st_mtime_ns)
    return web.json_response({"duration_ms": found.duration_ms, "lanes": found.lanes})


def recording_path(root: Path, relative: str) -> Path | None:
    """Return the recording's file, or ``None`` when there is none inside ``root``."""
    if not relative or "\x00" in relative:
        return None
    base = root.resolve()
    path = (base / relative).resolve()
    return path if path.is_relative_to(base) and path.suffix == ".wav" and path.is_file() else None


async def _find(request: web.Request) -> tuple[str, Path]:
    record = (await find_call(request)).record
    path = recording_path(context(request).settings.recordings_dir, record.recording)
    if path is None:
        raise web.HTTPNotFound
    return record.call_id, path


@lru_cache(maxsize=64)
def _peaks(path: Path, _modified_ns: int) -> Peaks:
    return peaks(path)
