"""Keeping and forgetting: who looked at what, how long things stay, erasure, keys, backups, reports."""
