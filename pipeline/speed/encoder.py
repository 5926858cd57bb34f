"""The encoder with each kind of interaction, trained: beside the fused LSTM, its FLOPs, and the literature's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

import torch
from torch import Tensor, nn

from models.batch import Observed
from models.forecaster import Forecaster
from models.inputs import static_inputs
from models.interaction import InteractionName
from pipeline.config import TrainConfig
from pipeline.speed.clock import Contestant, in_turn
from pipeline.speed.literature import literature_states
from pipeline.speed.made_up import OBSERVED, Size, made_up
from pipeline.speed.measure import PRODUCT, Measure, measures
from pipeline.training.network import forecaster_config
from pipeline.training.scenes import SceneTensors

FUSED: Final = "fused LSTM"
LITERATURE: Final = "literature's social LSTM"
_LITERATURE_SCENES: Final = 4  # it goes scene by scene, so that a few tell what many take
_PRODUCT: Final = 2048  # side of the matrices whose product is the arithmetic floor
_GPU_PRODUCT: Final = 8192


def encoder(config: TrainConfig, *, size: Size, repeats: int, device: torch.device) -> list[Measure]:
    """Forward, backward and optimiser of the encoder alone, in single precision.

    Args:
        config: Its recipe; with every kind of interaction in turn.
        size: Of the batch.
        repeats: How often.
        device: Where.

    Raises:
        AssertionError: The literature's way and ours differ in what they give.
    """
    scenes = SceneTensors.of(made_up(size, seed=0), device=device)
    few = torch.arange(min(_LITERATURE_SCENES, size.scenes), device=device)
    observed, (little, _) = scenes.observed, scenes.gather(few)
    names: tuple[InteractionName, ...] = get_args(InteractionName)
    networks = {name: network(config, interaction=name, device=device) for name in names}
    same = network(config, interaction="social", device=device)
    with torch.no_grad():
        torch.testing.assert_close(literature_states(same, little), encoded(same, little), rtol=1e-4, atol=1e-5)
    contestants: dict[str, Contestant] = {
        FUSED: fused(same, size=size, device=device),
        PRODUCT: product(size, device=device),
        **{name: training(one, observed, size=size) for name, one in networks.items()},
        LITERATURE: Contestant(
            run=_trained(same, lambda: literature_states(same, little)), agents=len(few) * size.agents, scenes=len(few)
        ),
    }
    taken = in_turn(contestants, repeats=repeats, device=device, time_alone=[LITERATURE])
    return measures("encoder", contestants, taken=taken, references=(FUSED, PRODUCT, LITERATURE))


def network(config: TrainConfig, *, interaction: InteractionName, device: torch.device) -> Forecaster:
    """A forecaster as the recipe has it but for its interaction, with weights from a seed."""
    windows = made_up(Size(scenes=1, agents=1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        chosen = config.model_copy(update={"interaction": interaction})
        return Forecaster(forecaster_config(chosen, windows=windows)).to(device)


def training(model: Forecaster, observed: Observed, *, size: Size) -> Contestant:
    """Forward, backward and optimiser of a forecaster's encoder."""
    return Contestant(run=_trained(model, lambda: encoded(model, observed)), agents=size.total, scenes=size.scenes)


def encoded(model: Forecaster, observed: Observed) -> Tensor:
    """Each agent's state and what it sees of its neighbours, from the observed steps."""
    frame = model.frame(observed)
    static = torch.cat((static_inputs(observed, frame=frame), model.category(observed.category)), dim=-1)
    return model.encode(observed, frame=frame, static=static)[0]


def fused(model: Forecaster, *, size: Size, device: torch.device, trained: bool = True) -> Contestant:
    """The fused LSTM of torch, as wide as the model's in inputs and state, nothing between its steps.

    Args:
        model: Whose widths.
        size: Of the batch.
        device: Where.
        trained: Backward and optimiser too.
    """
    width, in_width = model.config.width, model.recurrence.inputs.in_features
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lstm = nn.LSTM(in_width, width, batch_first=True).to(device)
        inputs = torch.randn(size.total, OBSERVED, in_width).to(device)

    @torch.no_grad()
    def forward() -> None:
        lstm(inputs)

    run = _trained(lstm, lambda: lstm(inputs)[0][:, -1]) if trained else forward
    return Contestant(run=run, agents=size.total, scenes=size.scenes)


def product(size: Size, *, device: torch.device) -> Contestant:
    """One large matrix product, on a GPU in bf16: what the machine's arithmetic can do."""
    on_gpu = device.type == "cuda"
    side = _GPU_PRODUCT if on_gpu else _PRODUCT
    matrix = torch.randn(side, side, device=device, dtype=torch.bfloat16 if on_gpu else torch.float32)
    return Contestant(run=lambda: torch.mm(matrix, matrix), agents=size.total, scenes=size.scenes)


def _trained(module: nn.Module, forward: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(module.parameters(), foreach=True)

    def run() -> None:
        optimizer.zero_grad()
        forward().square().mean().backward()
        optimizer.step()

    return run
