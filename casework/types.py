"""Records that casework keeps: what the voice worker writes and the console reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.types import Disposition, FieldValue, Utterance


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished attempt. ``call_id`` is the ``CallTask.task_id``.

    ``recording`` is a path relative to ``Settings.recordings_dir`` (stereo WAV, left = resident,
    right = bot; empty: nothing recorded). ``turn_gaps_ms`` holds, per bot turn, the time from the
    end of the resident's speech to the first audio of the reply. ``detail`` carries what explains
    the ending: ``sip_code``, ``sip_reason``, ``hung_up_by``, ``recognizer``, ``synthesizer``.
    """

    call_id: str
    campaign_id: str
    person_id: str
    callee_name: str
    callee_address: str
    district: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    disposition: Disposition
    answered_at: datetime | None = None
    recording: str = ""
    utterances: tuple[Utterance, ...] = ()
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    needs_review: tuple[str, ...] = ()
    turn_gaps_ms: tuple[int, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
