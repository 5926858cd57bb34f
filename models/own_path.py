"""The single path's residual to a linear base, from the agent's own past alone.

A state that must also tell the modes apart is a worse start for it: on KITTI's training drives, cross-validated, the
final error is 2.41 m from there and 2.33 m from here (five modes, one seed).
"""

from __future__ import annotations

from typing import Final

from jaxtyping import Float
from torch import Tensor, nn

_DROPOUT: Final = 0.5  # windows overlap, so a training split has few pasts that differ


class OwnPath(nn.Module):
    """Two hidden layers over the past in one row, ``inputs.past_inputs``, and what is known besides."""

    def __init__(self, *, in_width: int, width: int, rank: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(in_width, width), nn.GELU(), nn.Dropout(_DROPOUT)),
            *(nn.Linear(width, width), nn.GELU(), nn.Dropout(_DROPOUT)),
        )
        self.coefficients = nn.Linear(width, rank)
        # At the start the single path is the base path.
        nn.init.zeros_(self.coefficients.weight)
        nn.init.zeros_(self.coefficients.bias)

    def forward(self, past: Float[Tensor, "n w"]) -> Float[Tensor, "n r"]:
        """Coefficients of the residuals' basis."""
        return self.coefficients(self.layers(past))
