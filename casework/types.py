"""Records that casework keeps: what the voice worker writes and the console reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from casework.plans import CampaignPlan
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


class CampaignState(StrEnum):
    """Whether a campaign's attempts are handed out."""

    DRAFT = "draft"  # its list is being entered; for good when that broke off
    READY = "ready"  # its audience is frozen and counted; it waits to be launched
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"  # for good: what was planned is cancelled
    FINISHED = "finished"  # nothing is left to do


class AttemptState(StrEnum):
    """How far an attempt has come."""

    PLANNED = "planned"
    QUEUED = "queued"  # handed out, no worker has begun it
    RUNNING = "running"  # a worker holds its lease
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Contact:
    """One line of a campaign's list. ``address`` is a telephone number or a SIP URI.

    ``variables``: what the script may mention to this person, over those of the campaign.
    """

    name: str
    address: str
    district: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A list of people to follow up. ``ignore_window``: calling hours and budget do not apply.

    ``pause_reason``: why it was paused without anybody's doing (``failure_spike``).
    """

    campaign_id: str
    name: str
    state: CampaignState
    ignore_window: bool
    created_at: datetime
    ended_at: datetime | None = None
    plan: CampaignPlan = field(default_factory=CampaignPlan)
    pause_reason: str = ""


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """Counts of a campaign: people, attempts by state, finished calls by disposition.

    ``cancelled`` attempts ended without a call (opted out, stopped). ``districts``: people as the
    list was frozen; ``variants``: finished calls by script variant and disposition.
    """

    campaign: Campaign
    persons: int
    planned: int
    queued: int
    running: int
    ended: int
    cancelled: int
    dispositions: Mapping[str, int]
    next_due: datetime | None = None
    districts: Mapping[str, int] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One line of the console's list of calls."""

    call_id: str
    campaign_id: str
    person_id: str
    callee_name: str
    callee_address: str
    district: str
    attempt: int
    started_at: datetime
    duration_ms: int
    disposition: Disposition
    needs_review: tuple[str, ...]
    has_recording: bool


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls, newest first. ``before`` fetches the next one; empty on the last page."""

    calls: tuple[CallSummary, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A finished call with its campaign (``None`` for a single call) and its results' ids."""

    record: CallRecord
    campaign: Campaign | None
    result_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Who may log in to the console. ``role`` is ``staff`` or ``admin``.

    ``must_change_password``: the password was made for them; they set their own before anything else.
    """

    username: str
    password_hash: str
    role: str
    created_at: datetime
    password_set_at: datetime
    disabled: bool = False
    must_change_password: bool = False
