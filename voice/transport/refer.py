"""Where a far end is referred to (RFC 3515, RFC 3891)."""

from __future__ import annotations

from urllib.parse import quote

from aiosipua.dialog import Dialog


def in_place_of_us(dialog: Dialog) -> str:
    """Return the URI by which somebody else takes our place in ``dialog`` (RFC 3891 3, RFC 5589 7.1)."""
    replaces = f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
    return f"{dialog.remote_target}?Replaces={quote(replaces, safe='')}"
