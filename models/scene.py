"""What the frames up to the forecast time say about each agent: an LSTM over the frame sequence."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from models.batch import Observed
from models.lamps import NUM_LAMPS
from models.lstm import LSTMCell, project
from models.precision import at_least_single

NUM_AIMS = 3  # features at the agent's own place, along the road ahead of it, and of the whole frame


class SceneEncoder(nn.Module):
    """An LSTM over the CNN features of the frame slots, oldest first.

    What is not there is masked: an agent out of view still has the road ahead of it and the whole frame. A missing
    frame leaves the state as it is; an agent without any keeps the zero state.

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
        self.inputs = nn.Linear(NUM_AIMS * channels + 2, 4 * width)
        self.cell = LSTMCell(width)
        self.width = width

    mean: Tensor
    scale: Tensor

    def forward(self, observed: Observed) -> Float[Tensor, "n d"]:
        """Encode the frame slots of each agent."""
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
        steps = rearrange(torch.cat((shown, flags), dim=-1), "n f c -> f n c")
        projected = project(steps, layer=self.inputs, bias=self.cell.bias)
        there = (whole | own | ahead).unbind(1)
        hidden = cell = at_least_single(projected).new_zeros(scene.shape[0], self.width)
        for step, valid in zip(projected.unbind(0), there, strict=True):
            hidden, cell = self.cell(step, hidden=hidden, cell=cell, valid=valid)
        return hidden


class SceneCorrection(nn.Module):
    """What frames change in what is known of an agent, given all that is known without them.

    A change is a sum of products: of what is known, and of what the frames say less what they say in the mean. So what
    does not hang on the frames changes nothing in the mean, and nothing but seeing can be learned here; layers that had
    both side by side would go on learning from what is known, whatever the frames show. At the start nothing changes.

    Args:
        looked_width: Of the scene encoder's state.
        known_width: Of what is known.
        width: Of the products.
        dropout: Of what is known in them.
    """

    def __init__(self, *, looked_width: int, known_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.known = nn.Sequential(nn.Linear(known_width, width), nn.GELU(), nn.Dropout(dropout))
        self.looked = nn.Sequential(nn.Linear(looked_width, width), nn.Tanh())
        self.mean = nn.Parameter(torch.zeros(width))
        self.change = nn.Linear(width, known_width, bias=False)
        nn.init.zeros_(self.change.weight)

    def forward(
        self, known: Float[Tensor, "n k"], *, looked: Float[Tensor, "n d"], sees: Bool[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n k"], Float[Tensor, " n"]]:
        """What is known with frames, and the error of the mean, which it learns from; of those without frames, none."""
        said = at_least_single(self.looked(looked))
        change = at_least_single(self.change(self.known(known) * (said - self.mean.detach())))
        error = (said.detach() - self.mean).square().mean(dim=1)
        return known + torch.where(sees[:, None], change, 0.0), torch.where(sees, error, 0.0)
