"""From raw drives to batches, training, scoring and tracking."""
