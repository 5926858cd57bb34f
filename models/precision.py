"""Where half precision ends."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def at_least_single(values: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Half precision becomes single; single and double stay."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
