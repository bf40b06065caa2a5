"""The shared words of Nuanye: types, interfaces, errors, settings, clock, logs, metrics, streams."""
