"""Whether gradients vanish or explode: their size at every observed step and in every layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def gradient_health(
    model: nn.Module, *, states: Sequence[Tensor], clipped: float, loss_scale: float
) -> dict[str, float]:
    """Norms of one batch's gradients, as metrics.

    ``gradient/hidden_00``, ``gradient/hidden_01`` ...: of the loss with respect to the hidden states of all agents
    after each observed step; where they fall to nothing towards the first, gradients vanish.
    ``gradient/layer.<name>``: with respect to the parameters of each layer that has some of its own.

    Args:
        model: After the backward pass and after clipping.
        states: The hidden states after each observed step; ``retain_grad`` was called on them.
        clipped: What clipping multiplied the gradients of the parameters by; it is undone.
        loss_scale: What the loss was multiplied by before the backward pass.
    """
    hidden = {
        f"gradient/hidden_{step:02d}": (0.0 if state.grad is None else float(state.grad.norm()) / loss_scale)
        for step, state in enumerate(states)
    }
    layers: dict[str, float] = {}
    for name, layer in model.named_modules():
        own = layer.parameters(recurse=False)
        grads = [parameter.grad.flatten() for parameter in own if parameter.grad is not None]
        if grads:
            layers[f"gradient/layer.{name}"] = float(torch.cat(grads).norm()) / clipped
    return hidden | layers
