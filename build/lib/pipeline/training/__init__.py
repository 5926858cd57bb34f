"""Fit the forecaster: statistics, batches, the loop, checkpoints."""
