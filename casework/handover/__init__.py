"""Conversations that a person is to take over: who waits, who answers, what was said meanwhile."""
