"""The sending half of an RTP stream: sequence, time stamps, codec, key presses; no sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from aiortp.codecs import Codec, PcmaCodec, PcmuCodec
from aiortp.packet import RtpPacket

from voice.transport.keys import press
from voice.transport.playback import FRAME_BYTES, PlaybackQueue
from voice.transport.sdp import PCMA, PCMU, MediaTarget

SILENCE = bytes(FRAME_BYTES)
CODECS: dict[int, Codec] = {PCMA: PcmaCodec(), PCMU: PcmuCodec()}
_SAMPLES = FRAME_BYTES // 2


class OutgoingLine(Protocol):
    """What lies between a mouth and the network, for tests under the conditions of a street."""

    def sounds(self, pcm: bytes) -> bytes:
        """Return what the microphone picks up in these 20 ms, in which ``pcm`` is said."""
        ...

    def delay_s(self) -> float | None:
        """Return how much later the next packet arrives; ``None``: it is lost."""
        ...


class RtpOut:
    """``packet`` is called once per 20 ms and says what leaves now."""

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.packets = 0
        self.octets = 0
        self.timestamp = secrets.randbits(32)
        self.speech = PlaybackQueue()
        self.line: OutgoingLine | None = None
        self._sequence = secrets.randbits(16)
        self._keys: deque[tuple[Iterator[bytes], asyncio.Event]] = deque()
        self._key_stamp: int | None = None
        self._talking = False

    async def press(self, digit: str) -> None:
        """Send one key as telephone-events instead of audio; return once it has left."""
        done = asyncio.Event()
        self._keys.append((press(digit), done))
        await done.wait()

    def packet(self, target: MediaTarget, *, may_speak: bool) -> tuple[bytes, bytes | None]:
        """Return the datagram for this tick and the speech in it (PCM), if any."""
        event = self._key_payload(target)
        if event is not None:
            data = self._wrap(event, target.dtmf_type or 0, self._key_stamp or 0, marker=False)
            self._advance()
            return data, None
        speech = self.speech.next_frame() if may_speak else None
        sound = speech or SILENCE
        payload = CODECS[target.codec].encode(self.line.sounds(sound) if self.line is not None else sound)
        # The marker lets the far end's jitter buffer start afresh where talk begins (RFC 3551).
        marker = self.packets == 0 or (speech is not None and not self._talking)
        self._talking = speech is not None
        data = self._wrap(payload, target.payload_type, self.timestamp, marker=marker)
        self._advance()
        return data, speech

    def idle(self) -> None:
        """Let 20 ms pass without sending; speech and keys wait."""
        self._advance()

    def close(self) -> None:
        """Release whoever waits for speech or keys to leave."""
        self.speech.close()
        for _, done in self._keys:
            done.set()
        self._keys.clear()

    def _advance(self) -> None:
        self.timestamp = (self.timestamp + _SAMPLES) & 0xFFFFFFFF

    def _key_payload(self, target: MediaTarget) -> bytes | None:
        while self._keys:
            payloads, done = self._keys[0]
            payload = next(payloads, None) if target.dtmf_type is not None else None
            if payload is not None:
                if self._key_stamp is None:
                    self._key_stamp = self.timestamp
                return payload
            self._key_stamp = None
            self._keys.popleft()
            done.set()
        return None

    def _wrap(self, payload: bytes, payload_type: int, timestamp: int, *, marker: bool) -> bytes:
        packet = RtpPacket(
            payload_type=payload_type,
            marker=int(marker),
            sequence_number=self._sequence,
            timestamp=timestamp,
            ssrc=self.ssrc,
            payload=payload,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return bytes(packet.serialize())
