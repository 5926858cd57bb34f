"""What the frames up to the forecast time say about each agent: an LSTM over the frame sequence."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.lstm import LSTMCell
from models.precision import at_least_single


class SceneEncoder(nn.Module):
    """An LSTM over CNN features at the agent's own place and of the whole frame.

    A masked agent (out of view) still gets the whole frame; a missing frame leaves the state as it is; an agent
    without any frame keeps the zero state.
    """

    def __init__(self, *, channels: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.inputs = nn.Linear(2 * channels + 1, 4 * width)
        self.cell = LSTMCell(width)
        self.width = width

    mean: Tensor
    scale: Tensor

    def forward(
        self,
        agent_feature: Float[Tensor, "n f c"],
        *,
        agent_valid: Bool[Tensor, "n f"],
        frame_feature: Float[Tensor, "b f c"],
        frame_valid: Bool[Tensor, "b f"],
        scene: Int[Tensor, " n"],
    ) -> Float[Tensor, "n d"]:
        """Encode f frame slots, oldest first; see ``models.batch.Observed`` for the arguments."""
        agent = torch.where(agent_valid[..., None], (agent_feature - self.mean) / self.scale, 0.0)
        frame = torch.where(frame_valid[..., None], (frame_feature - self.mean) / self.scale, 0.0)[scene]
        projected = self.inputs(torch.cat((agent, frame, agent_valid[..., None].to(agent.dtype)), dim=-1))
        there = (frame_valid[scene] | agent_valid).unbind(1)
        hidden = cell = at_least_single(projected).new_zeros(scene.shape[0], self.width)
        for step, valid in zip(projected.unbind(1), there, strict=True):
            hidden, cell = self.cell(step, hidden=hidden, cell=cell, valid=valid)
        return hidden
