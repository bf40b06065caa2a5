"""The web chat: a page for residents and the HTTP API under it."""
