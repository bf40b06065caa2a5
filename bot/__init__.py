"""Understands and answers: the Rasa dialogue core, policy knowledge and its retrieval."""
