"""What a running call remembers, and the finished story that ``voice.outcome`` judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.types import CallEvent, CallTask, ConversationState, Disposition, Utterance
from voice.perceptions import Heard


class EndedBy(StrEnum):
    """Who or what ended the attempt."""

    RESIDENT = "resident"  # the far end hung up, declined or rang out
    BOT = "bot"  # the conversation was over
    NETWORK = "network"  # an announcement, a SIP error, lost media
    SHUTDOWN = "shutdown"  # our process is stopping
    FAULT = "fault"  # something of ours failed; ``CallStory.fault`` names it


@dataclass(frozen=True, slots=True)
class TurnGap:
    """The pause before one reply, in ms. ``total_ms``: last voiced frame → first frame of our audio."""

    total_ms: int
    endpoint_ms: int
    recognition_ms: int
    dialogue_ms: int
    synthesis_ms: int

    @property
    def other_ms(self) -> int:
        """Everything that is neither waiting for the end of speech nor recognition."""
        return max(0, self.total_ms - self.endpoint_ms - self.recognition_ms)


@dataclass(frozen=True, slots=True)
class Asked:
    """When a turn was sent, and what it was made from."""

    message_id: str
    at_ms: int
    answered_ms: int
    heard: Heard | None

    def gap(self, heard: Heard, first_audio_ms: int) -> TurnGap:
        """Account for the pause between the end of speech and our first sound."""
        return TurnGap(
            total_ms=max(0, first_audio_ms - heard.end_ms),
            endpoint_ms=max(0, heard.decided_ms - heard.end_ms),
            recognition_ms=max(0, heard.ready_ms - heard.decided_ms),
            dialogue_ms=max(0, self.answered_ms - self.at_ms),
            synthesis_ms=max(0, first_audio_ms - self.answered_ms),
        )


@dataclass(frozen=True, slots=True)
class CallStory:
    """One attempt from dialling to its end. Times inside are offsets in ms from dialling."""

    task: CallTask
    started_at: datetime
    ended_at: datetime
    ended_by: EndedBy
    answered_at: datetime | None = None
    events: tuple[CallEvent, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    state: ConversationState = field(default_factory=ConversationState)
    gaps: tuple[TurnGap, ...] = ()
    announcement: Disposition | None = None
    disposition: Disposition | None = None  # a transport error's own verdict
    fault: str = ""
    recording: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class CallNotes:
    """The story while it is being lived; only the session writes here."""

    task: CallTask
    started_at: datetime
    on_utterance: Callable[[Utterance], None] | None = None
    answered_at: datetime | None = None
    events: list[CallEvent] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    state: ConversationState = field(default_factory=ConversationState)
    gaps: list[TurnGap] = field(default_factory=list)
    announcement: Disposition | None = None
    disposition: Disposition | None = None
    ended_by: EndedBy | None = None
    fault: str = ""
    recording: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    def heard(self, utterance: Utterance) -> None:
        """Append to the transcript and show it to whoever is watching."""
        self.utterances.append(utterance)
        if self.on_utterance is not None:
            self.on_utterance(utterance)

    def end(self, by: EndedBy, *, fault: str = "") -> None:
        """Say why the attempt ends; the first reason stands."""
        if self.ended_by is None:
            self.ended_by = by
            self.fault = fault

    def story(self, ended_at: datetime) -> CallStory:
        """Close the book."""
        return CallStory(
            task=self.task,
            started_at=self.started_at,
            ended_at=ended_at,
            ended_by=self.ended_by or EndedBy.FAULT,
            answered_at=self.answered_at,
            events=tuple(self.events),
            utterances=tuple(sorted(self.utterances, key=lambda item: item.start_ms)),
            state=self.state,
            gaps=tuple(self.gaps),
            announcement=self.announcement,
            disposition=self.disposition,
            fault=self.fault,
            recording=self.recording,
            detail=dict(self.detail),
        )
