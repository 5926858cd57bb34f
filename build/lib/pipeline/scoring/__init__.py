"""The model bundle, and forecasts of new drives."""
