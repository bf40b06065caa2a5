"""Rasa graph components, one file each."""
