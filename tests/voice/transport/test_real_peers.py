"""Calls to SIP software that is not ours: baresip answers, SIPp takes twenty at once."""

from __future__ import annotations

import asyncio
import resource
import shutil
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from core.types import AudioFrame, CallEvent
from tests.voice.transport.lines import FAR_HZ, OUR_HZ, PORTS, story, task_for
from tests.voice.transport.sounds import ms_of, tone
from voice.recording import CallRecorder
from voice.transport.sip import SipOptions, SipTransport

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.needs("sipp", "baresip")]

BARESIP = """\
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
rtp_ports {rtp}-{rtp_end}
audio_source aufile,{folder}/says.wav
snd_path {folder}
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
module_app account.so
module_app menu.so
"""


@asynccontextmanager
async def program(name: str, *args: str, cwd: Path) -> AsyncIterator[None]:
    """Run a peer until the block ends."""
    path = shutil.which(name)
    assert path is not None, f"{name} is missing: make setup installs it"
    process = await asyncio.create_subprocess_exec(
        path,
        *args,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.sleep(0.8)
        assert process.returncode is None, f"{name} did not stay up"
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def module_folder() -> str:
    folders = sorted(Path("/usr/lib").glob("**/baresip/modules/g711.so"))
    assert folders, "baresip's modules are missing: make setup installs baresip-core"
    return str(folders[0].parent)


def dump(folder: Path) -> Path:
    """What baresip heard."""
    return next(folder.glob("dump-*-dec.wav"))


def frames_of(path: Path, channel: int = 0) -> list[AudioFrame]:
    with wave.open(str(path)) as source:
        data = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2")
        lane = data.reshape(-1, source.getnchannels())[:, channel]
    return [AudioFrame(lane[i : i + 160].tobytes(), 8000) for i in range(0, len(lane) - 159, 160)]


async def test_baresip_answers_and_both_sides_hear_each_other(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """A softphone that is not ours speaks a tone, records ours, and our recording holds both."""
    port, rtp = free_port(), 36000
    with wave.open(str(tmp_path / "says.wav"), "wb") as says:
        says.setparams((1, 2, 8000, 0, "NONE", ""))
        says.writeframes(b"".join(frame.pcm for frame in tone(FAR_HZ, 8000)))
    config = BARESIP.format(port=port, folder=tmp_path, modules=module_folder(), rtp=rtp, rtp_end=rtp + 200)
    (tmp_path / "config").write_text(config, encoding="utf-8")
    account = f"<sip:softphone@127.0.0.1:{port}>;answermode=auto;regint=0\n"
    (tmp_path / "accounts").write_text(account, encoding="utf-8")
    recorder = CallRecorder(tmp_path / "call.wav")
    async with program("baresip", "-f", str(tmp_path), cwd=tmp_path):
        address = f"sip:softphone@127.0.0.1:{port}"
        async with SipTransport(SipOptions(ports=PORTS)) as ours, ours.dial(task_for(address)) as call:
            call.tap = recorder
            assert await call.play(tone(OUR_HZ, 2000)) == 2000
            await call.hangup()
            heard = [frame async for frame in call.frames()]
            events = await story(call)
        await asyncio.sleep(0.5)
    recorder.close()
    assert [event.kind for event in events] == ["ringing", "answered", "hung_up"]
    assert ms_of(heard, FAR_HZ) >= 1800
    assert ms_of(frames_of(dump(tmp_path)), OUR_HZ) >= 1800
    assert ms_of(frames_of(tmp_path / "call.wav", 0), FAR_HZ) >= 1800
    assert ms_of(frames_of(tmp_path / "call.wav", 1), OUR_HZ) == 2000


async def test_twenty_calls_at_once(
    tmp_path: Path,
    free_port: Callable[[], int],
    open_sockets: Callable[[], int],
    record_property: Callable[[str, object], None],
) -> None:
    """SIPp echoes twenty calls: all are heard back whole, on the beat, and nothing is left behind."""
    port = free_port()
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    gaps: list[float] = []

    async def one(ours: SipTransport) -> tuple[int, int, list[CallEvent]]:
        async with ours.dial(task_for(f"sip:echo@127.0.0.1:{port}")) as call:
            sent = await call.play(tone(OUR_HZ, 5000))
            await asyncio.sleep(0.2)
            await call.hangup()
            heard = [frame async for frame in call.frames()]
            gaps.append(call.media.stats.worst_gap_ms)
            return sent, ms_of(heard, OUR_HZ), await story(call)

    sipp = (
        "-sn",
        "uas",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        "-rtp_echo",
        "-mp",
        str(free_port() & ~1),
        "-nostdin",
    )
    async with program("sipp", *sipp, cwd=tmp_path), SipTransport(SipOptions(ports=PORTS)) as ours:
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = asyncio.get_running_loop().time()
        results = await asyncio.gather(*(one(ours) for _ in range(20)))
        elapsed = asyncio.get_running_loop().time() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record_property("core_percent_per_call", round(used / elapsed / 20 * 100, 2))
    record_property("worst_frame_gap_ms", round(max(gaps), 1))
    assert {sent for sent, _, _ in results} == {5000}
    assert min(heard for _, heard, _ in results) >= 4800
    assert {tuple(e.kind for e in events) for _, _, events in results} == {("ringing", "answered", "hung_up")}
    assert used / elapsed / 20 < 0.05  # of one core; measured 0.012
    assert asyncio.all_tasks() == tasks
    assert open_sockets() == sockets
