"""What an agent does over the horizon, as probabilities: a head beside the decoder."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.batch import Manoeuvres
from models.precision import at_least_single


class ClassHead(nn.Module):
    """Probabilities of classes from features, and which class to name.

    The likeliest class is nearly always to keep on. The one to name has the largest product of probability and weight;
    the classes' weights (1 until they are set) are fitted so that rare ones are named as often as pays by macro-F1.
    """

    temperature: Tensor
    class_weight: Tensor

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, num_classes)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("class_weight", torch.ones(num_classes))

    def set_statistics(self, *, temperature: Float[Tensor, ""], class_weight: Float[Tensor, " c"]) -> None:
        """Take what logits are divided by, and the classes' weights; they become part of the head's own."""
        self.temperature.copy_(temperature)
        self.class_weight.copy_(class_weight)

    def forward(self, features: Float[Tensor, "n w"]) -> tuple[Float[Tensor, "n c"], Int[Tensor, " n"]]:
        """Log-probabilities, in single precision at least, and the numbers of the classes to name."""
        log_probability = (at_least_single(self.logits(features)) / self.temperature).log_softmax(dim=-1)
        return log_probability, (log_probability + self.class_weight.log()).argmax(dim=-1)


class ManoeuvreHead(nn.Module):
    """From an agent's state to the probabilities of the direction that it takes and of what it does to its speed."""

    def __init__(self, *, in_width: int, width: int, num_directions: int, num_paces: int, dropout: float) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(in_width, width), nn.GELU(), nn.Dropout(dropout))
        self.direction, self.pace = ClassHead(width, num_directions), ClassHead(width, num_paces)

    def forward(self, features: Float[Tensor, "n s"]) -> Manoeuvres:
        """Both, see ``ClassHead``."""
        features = self.trunk(features)
        direction, direction_choice = self.direction(features)
        pace, pace_choice = self.pace(features)
        return Manoeuvres(direction=direction, direction_choice=direction_choice, pace=pace, pace_choice=pace_choice)


def manoeuvre_loss(told: Manoeuvres, did: Tensor, *, share: Float[Tensor, "n 2"]) -> Float[Tensor, ""]:
    """Cross-entropy in nats of direction and pace together, each a mean over agents, or what these add to it.

    Args:
        told: Log-probabilities.
        did: Class numbers of direction and pace (n 2); negative where not known.
        share: Of each agent in the means, see ``losses.shares``; zero where not known.
    """
    total = share.new_zeros(())
    for log_probability, true, part in zip((told.direction, told.pace), did.unbind(1), share.unbind(1), strict=True):
        surprise = -log_probability.gather(1, true.clamp(min=0)[:, None]).squeeze(1)
        total = total + (surprise * part).sum()
    return total


def mirrored_directions(direction: Tensor, *, mirror: Tensor, counterpart: Tensor) -> Tensor:
    """Class numbers of directions in mirrored scenes; negative ones, which are not known, stay.

    Args:
        direction: Class numbers (n).
        mirror: Of which agents the scene is mirrored (n).
        counterpart: The class in a mirror by class number.
    """
    return torch.where(mirror & (direction >= 0), counterpart[direction.clamp(min=0)], direction)
