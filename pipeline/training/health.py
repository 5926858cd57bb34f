"""Whether gradients vanish or explode: their size at every observed step and in every layer; and clipping them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from models.forecaster import Forecaster


def clip(model: Forecaster, *, max_norm: float) -> Float[Tensor, " p"]:
    """Clip the gradients of each of ``Forecaster.parts`` by its own norm, so that none holds the others back.

    Returns:
        The norms before.
    """
    return torch.stack([clip_grad_norm_(part, max_norm, foreach=True) for part in model.parts()])


def clipped_by(model: Forecaster, norms: Sequence[float], *, max_norm: float) -> dict[Tensor, float]:
    """What ``clip`` multiplied the gradient of each weight by."""
    shares = [min(1.0, max_norm / (norm + 1e-6)) for norm in norms]
    return {weight: share for part, share in zip(model.parts(), shares, strict=True) for weight in part}


def gradient_health(
    model: nn.Module, *, states: Sequence[Tensor], clipped: Mapping[Tensor, float], loss_scale: float
) -> dict[str, float]:
    """Norms of one batch's gradients, as metrics.

    ``gradient/hidden_00``, ``gradient/hidden_01`` ...: of the loss with respect to the hidden states of all agents
    after each observed step; where they fall to nothing towards the first, gradients vanish.
    ``gradient/layer.<name>``: with respect to the parameters of each layer that has some of its own.

    Args:
        model: After the backward pass and after clipping.
        states: The hidden states after each observed step; ``retain_grad`` was called on them.
        clipped: What clipping multiplied the gradient of each weight by; it is undone.
        loss_scale: What the loss was multiplied by before the backward pass.
    """
    hidden = {
        f"gradient/hidden_{step:02d}": (0.0 if state.grad is None else float(state.grad.norm()) / loss_scale)
        for step, state in enumerate(states)
    }
    layers: dict[str, float] = {}
    for name, layer in model.named_modules():
        own = layer.parameters(recurse=False)
        grads = [weight.grad.flatten() / clipped[weight] for weight in own if weight.grad is not None]
        if grads:
            layers[f"gradient/layer.{name}"] = float(torch.cat(grads).norm())
    return hidden | layers
