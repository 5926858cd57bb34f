"""What the frames up to the forecast time say about each agent: an LSTM over the frame sequence."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from models.batch import Observed
from models.frames import AgentFrame, unrotate
from models.lamps import NUM_LAMPS
from models.lstm import LSTMCell, project
from models.precision import at_least_single

NUM_AIMS = 3  # features at the agent's own place, along the road ahead of it, and of the whole frame
_VIEW_WIDTH = 5  # of ``view_of``
_METRES = 30.0  # distances to the camera are divided by this before a layer sees them


class SceneEncoder(nn.Module):
    """An LSTM over the CNN features of the frame slots, oldest first.

    What is not there is masked: an agent out of view still has the road ahead of it and the whole frame. A missing
    frame leaves the state as it is; an agent without any keeps the zero state. What a frame shows means one thing to
    who drives as the recording vehicle does and another to who crosses its way, so each step also sees ``view_of``.

    Args:
        channels: Of the features; the last ``NUM_LAMPS`` are lamps.
        width: Of the state.
        dropout: Probability with which an agent does without one of the other channels of one aim, in all frames: by
            them a network learns single places by heart, of which there are as many as drives.
    """

    def __init__(self, *, channels: int, width: int, dropout: float) -> None:
        super().__init__()
        self.appearance = nn.Dropout(dropout)
        self.register_buffer("mean", torch.zeros(NUM_AIMS, channels))
        self.register_buffer("scale", torch.ones(NUM_AIMS, channels))
        self.inputs = nn.Linear(NUM_AIMS * channels + 2 + _VIEW_WIDTH, 4 * width)
        self.cell = LSTMCell(width)
        self.width = width

    mean: Tensor
    scale: Tensor

    def forward(self, observed: Observed, *, frame: AgentFrame) -> Float[Tensor, "n d"]:
        """Encode the frame slots of each agent.

        Args:
            observed: The agents.
            frame: Theirs.
        """
        scene = observed.scene
        own, ahead = observed.agent_feature_valid, observed.ahead_feature_valid
        whole = observed.frame_feature_valid[scene]
        features = (observed.agent_feature, observed.ahead_feature, observed.frame_feature[scene])
        parts = [
            torch.where(valid[..., None], (feature - mean) / scale, 0.0)
            for feature, valid, mean, scale in zip(features, (own, ahead, whole), self.mean, self.scale, strict=True)
        ]
        network, lamps = torch.stack(parts, dim=2).split((self.mean.shape[1] - NUM_LAMPS, NUM_LAMPS), dim=-1)
        network = network * self.appearance(torch.ones_like(network[:, :1]))  # the same ones in all frames of an agent
        shown = torch.cat((network, lamps), dim=-1).flatten(2)
        flags = torch.stack((own, ahead), dim=-1).to(shown.dtype)
        view = view_of(observed, frame=frame)[:, None].expand(-1, flags.shape[1], -1)
        steps = rearrange(torch.cat((shown, flags, view), dim=-1), "n f c -> f n c")
        projected = project(steps, layer=self.inputs, bias=self.cell.bias)
        there = (whole | own | ahead).unbind(1)
        hidden = cell = at_least_single(projected).new_zeros(scene.shape[0], self.width)
        for step, valid in zip(projected.unbind(0), there, strict=True):
            hidden, cell = self.cell(step, hidden=hidden, cell=cell, valid=valid)
        return hidden


def view_of(observed: Observed, *, frame: AgentFrame) -> Float[Tensor, "n 5"]:
    """How the recording vehicle stands to each agent: where it is, its axis, and that it is known; else zero."""
    num_scenes = observed.frame_feature.shape[0]
    columns = torch.cat((frame.origin_m, frame.axis, torch.ones_like(frame.age_s)[:, None]), dim=-1)
    ego = columns * (observed.is_ego & frame.known)[:, None]
    ego = columns.new_zeros(num_scenes, _VIEW_WIDTH).index_add(0, observed.scene, ego)[observed.scene]
    place_m, axis, there = ego.split((2, 2, 1), dim=-1)
    place = unrotate(place_m - frame.origin_m, frame.axis) / _METRES
    return torch.cat((place * there, unrotate(axis, frame.axis), there), dim=-1)
