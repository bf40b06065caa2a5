"""Rasa custom actions, one file per topic."""
