"""How many threads torch takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread(device: torch.device | str = "cpu") -> Generator[None]:
    """Within, one on the CPU, where processes share the processors or operations are too small to share.

    Threads that sleep while they wait for one another cost more than they do; those that spin take turns with every
    other program on the machine. And results do not depend on how many threads a machine allows.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if torch.device(device).type == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
