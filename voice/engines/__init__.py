"""Recognisers, synthesisers and voice activity detection behind `voice.interfaces`."""
