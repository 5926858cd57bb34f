"""How much of the machine a run takes: processes, and agents that go through the network at once."""

from __future__ import annotations

from typing import Final

import torch

from pipeline.parallel import num_processors
from pipeline.training.predict import AGENTS_PER_BATCH

GPU_WORKERS: Final = 4  # they read and write while others use it; each keeps some memory of it for itself
_AGENT_BYTES: Final = 512 * 1024  # that one agent takes of a GPU at most, in scenes of a hundred agents
_SHARE: Final = 0.5  # of a GPU's free memory
_SMALLEST, _LARGEST = 256, 65536


def pick_workers(device: str) -> int:
    """A process for each processor; few where they share a GPU."""
    return num_processors() if device == "cpu" else min(num_processors(), GPU_WORKERS)


def pick_batch_size(device: str, *, num_workers: int) -> int:
    """A fixed number on the CPU, so that results are the same on all of them; on a GPU as its free memory allows.

    A power of two there, so that what other programs take seldom matters.

    Args:
        device: ``cpu`` or ``cuda``.
        num_workers: Processes that share the device.
    """
    if device == "cpu":
        return AGENTS_PER_BATCH
    free_bytes, _ = torch.cuda.mem_get_info()
    agents = int(_SHARE * free_bytes / num_workers / _AGENT_BYTES)
    return min(max(1 << max(agents.bit_length() - 1, 0), _SMALLEST), _LARGEST)
