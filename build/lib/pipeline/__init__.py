"""From raw drives to batches, training, scoring and tracking."""

import os

# Threads that spin while they wait make a busy machine ten times slower. Read once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
