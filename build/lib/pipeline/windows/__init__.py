"""Scenes around forecast times, cut into observed and future, in flat arrays."""
