"""How long a call waits for whom. All in ms; docs/phone.md says why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Times that are the same for every deployment; what differs is in ``core.settings``."""

    ring_ms: int = 45_000
    silence_ms: int = 6_000
    barge_in_ms: int = 160
    recognition_limit_ms: int = 10_000  # after the end of the utterance
    render_limit_ms: int = 8_000
    dialogue_limit_ms: int = 4_000
    dialogue_retry_ms: int = 300
    lift_pause_ms: int = 600  # answer → our first word; most people say 喂 by then, and are heard out
    greeting_ms: int = 1_500  # so long at most their first words are waited for
    hold_ms: int = 14_000  # "等一下": more silence than usual before we speak again
    farewell_pause_ms: int = 250  # our last word → BYE
    announcement_limit_ms: int = 10_000  # early media still being recognised when the network gave up
    last_words_ms: int = 15_000  # "别再打了" and gone: recognise and answer it all the same
    idle_ms: int = 60_000  # nothing at all happened, not even silence: on hold, or a part of ours is stuck
    patience_ms: int = 8_000  # of a resident who is being put through, until we say that it takes a moment
    max_call_ms: int = 900_000
