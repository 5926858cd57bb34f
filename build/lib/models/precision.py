"""Where half precision ends."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def at_least_single(values: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Half precision becomes single; single and double stay."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def product_dtype(values: Tensor) -> torch.dtype:
    """What matrix products of ``values`` run in: autocast's precision where it is on, else their own."""
    kind = values.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else values.dtype
