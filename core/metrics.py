"""Prometheus metrics that every process exposes at ``/metrics``. No personal data in labels."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

REGISTRY = CollectorRegistry()

TURN_SECONDS = Histogram(
    "nuanye_turn_seconds",
    "Time to answer one turn.",
    ["channel"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 0.6, 1, 2.5, 5),
)
TURN_FAILURES = Counter("nuanye_turn_failures_total", "Turns that failed.", ["code"], registry=REGISTRY)
CALLS = Counter("nuanye_calls_total", "Finished call attempts.", ["disposition"], registry=REGISTRY)
TURN_GAP_SECONDS = Histogram(
    "nuanye_turn_gap_seconds",
    "End of a resident's speech to the first audio of the reply.",
    registry=REGISTRY,
    buckets=(0.2, 0.4, 0.6, 0.9, 1.2, 1.6, 2, 2.5, 3, 4, 6),
)
RESULTS_RELAYED = Counter("nuanye_results_relayed_total", "Outbox rows published.", registry=REGISTRY)


def render_metrics() -> tuple[bytes, str]:
    """Return the exposition text and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
