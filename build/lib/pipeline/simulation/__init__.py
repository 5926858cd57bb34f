"""The embedded default: simulated traffic, what an ego in it senses, and its camera frames."""
