"""``headway benchmark speed``: the parts, their bars, and what is written."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch

from models.resnet import BackboneName
from pipeline.config import SceneConfig, TrainConfig
from pipeline.errors import InputError
from pipeline.scene.features_cost import FeaturesCost, cost_lines, features_costs
from pipeline.scoring.fleet_cost import FleetCost, fleet_cost
from pipeline.scoring.share import pick_workers
from pipeline.speed.curve import Point, curve
from pipeline.speed.encoder import FUSED, LITERATURE, encoder
from pipeline.speed.forward import forward
from pipeline.speed.gpu import gpu_bars, idle_share, train_on_gpu
from pipeline.speed.made_up import OBSERVED, STANDARD, Size
from pipeline.speed.measure import Bar, Measure, table
from pipeline.speed.operations import Operations, operations
from pipeline.speed.train import INPUT_PATH, INTERACTIONS, train
from pipeline.speed.windows import windows
from pipeline.threads import one_thread

_NETWORK: Final = ("windows", "train", "forward")
_PARTS: Final = (*_NETWORK, "operations", "features", "score")
_BACKBONES: Final[tuple[BackboneName, ...]] = ("compact",)
_FRAMES: Final = 160
_DRIVES: Final = 20
_AT_MOST: Final = {"attention": 2.5, "social": 4.0}  # times the fused LSTM
_AGENTS_PER_S: Final = {"attention": 10_000.0, "social": 6_000.0}
_LITERATURE: Final = 10.0
_FORECASTS_PER_S: Final = 30_000.0
_ONE_SCENE_MS: Final = 2.0
_INPUT_SHARE: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """All that was measured.

    Attributes:
        device: Where, in words.
        size: Of the batch.
        config: The recipe.
        rows: Of all parts.
        points: Of the scaling curve.
        idle: A GPU's share of an epoch; None: not asked for.
        operations: Where the time goes.
        features: Of the scene features; None: not asked for.
        fleet: Of scoring; None: not asked for.
    """

    device: str
    size: Size
    config: TrainConfig
    rows: Sequence[Measure]
    points: Sequence[Point]
    idle: Bar | None
    operations: Sequence[Operations]
    features: Sequence[FeaturesCost] | None
    fleet: FleetCost | None

    def bars(self) -> list[Bar]:
        """What was to be reached at the standard size, on two CPU cores and on a GPU."""
        if self.config.device == "cuda":
            return [*gpu_bars(self.rows), *([] if self.idle is None else [self.idle])]
        found: list[Bar] = []
        for row in self.rows:
            if row.part == "encoder" and row.name in _AT_MOST:
                what, ratio = f"encoder, {row.name}, times the fused LSTM", median(row.ratios[FUSED])
                found.append(Bar(what=what, value=ratio, bar=_AT_MOST[row.name], at_most=True))
            if row.part == "encoder" and row.name == "social":
                faster = 1.0 / median(row.ratios[LITERATURE])
                what = "encoder, social, times faster than the literature's"
                found.append(Bar(what=what, value=faster, bar=_LITERATURE, at_most=False))
            if row.part == "training step" and row.name == INPUT_PATH:
                share = max(median(row.ratios[f"step, {name}"]) for name in INTERACTIONS)
                found.append(Bar(what="input path's share of a step", value=share, bar=_INPUT_SHARE, at_most=True))
            interaction = row.name.removeprefix("step, ")
            rate = row.agents / row.seconds
            if row.part == "training step" and interaction in _AGENTS_PER_S:
                what, bar = f"{row.name}, agents per second", _AGENTS_PER_S[interaction]
                found.append(Bar(what=what, value=rate, bar=bar, at_most=False))
            if row.part == "forecasts" and interaction in _AGENTS_PER_S:
                what = f"forecasts, {row.name}, agents per second"
                found.append(Bar(what=what, value=rate, bar=_FORECASTS_PER_S, at_most=False))
            if row.part == "one scene" and interaction in _AGENTS_PER_S:
                what = f"one scene, {row.name}, ms"
                found.append(Bar(what=what, value=1000.0 * row.seconds, bar=_ONE_SCENE_MS, at_most=True))
        return found

    def to_json(self) -> dict[str, Any]:
        """For ``results.json``."""
        return {
            "device": self.device,
            "torch": torch.__version__,
            "size": {"scenes": self.size.scenes, "agents": self.size.agents, "observed": OBSERVED},
            "train": self.config.model_dump(),
            "measures": [row.to_json() for row in self.rows],
            "bars": [bar.to_json() for bar in self.bars()],
            "curve": list(self.points),
            "operations": [asdict(each) for each in self.operations],
            "features": None if self.features is None else [asdict(cost) for cost in self.features],
            "score": None if self.fleet is None else asdict(self.fleet),
        }

    def lines(self) -> Iterator[str]:
        """For people: a table for each part, and the bars."""
        yield f"{self.size.scenes} scenes of {self.size.agents} agents, {OBSERVED} steps, {self.device}"
        for part in dict.fromkeys(row.part for row in self.rows):
            yield ""
            yield from table([row for row in self.rows if row.part == part])
        yield ""
        yield from (bar.line() for bar in self.bars())
        for each in self.operations:
            yield from each.lines()
        if self.features is not None:
            yield from cost_lines(self.features)
        if self.fleet is not None:
            yield from self.fleet.lines()


def chosen(parts: Sequence[str] | None) -> Sequence[str]:
    """The parts that are asked for; those of the network where none is.

    Raises:
        InputError: There is no such part.
    """
    for part in parts or ():
        if part not in _PARTS:
            raise InputError("PARTS", f"'{part}' is none", f"choose of {', '.join(_PARTS)}")
    return parts or _NETWORK


def measure_speed(
    parts: Sequence[str],
    *,
    config: TrainConfig,
    scene: SceneConfig,
    model: Path,
    device: str,
    repeats: int,
    scaling: bool,
    size: Size | None = None,
) -> Speed:
    """Measure; the network on one thread where it runs on the CPU, as the trainer does.

    Args:
        parts: Of ``chosen``.
        config: The recipe.
        scene: The section ``scene_features``, for the part features.
        model: A folder that training wrote, for the part score.
        device: ``cpu`` or ``cuda``.
        repeats: How often.
        scaling: The scaling curve too.
        size: Of a batch; None: the standard one.

    Raises:
        InputError: There is no such device.
    """
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise InputError("--device", f"'{device}' cannot be used here", "say cpu")
    size = size or STANDARD
    place, config = torch.device(device), config.model_copy(update={"device": device})
    on_gpu = place.type == "cuda"
    measured = {
        "windows": (windows,),
        "train": (encoder, train_on_gpu if on_gpu else train),
        "forward": (forward,),
    }
    with one_thread(place):
        rows = [
            row
            for part in _NETWORK
            if part in parts
            for measure in measured[part]
            for row in measure(config, size=size, repeats=repeats, device=place)
        ]
        points = curve(config, device=place, largest=size.total) if scaling else []
        idle = idle_share(config, size=size) if on_gpu and "train" in parts else None
        found = operations(config, size=size, device=place) if "operations" in parts else []
    features = fleet = None
    if "features" in parts:
        features = [*features_costs(scene, backbones=_BACKBONES, num_frames=_FRAMES, repeats=3)]
    if "score" in parts:
        fleet = fleet_cost(
            model, num_drives=_DRIVES, num_agents=40, seconds=60.0, every_s=0.5, workers=pick_workers("cpu")
        )
    return Speed(
        device=_name(place),
        size=size,
        config=config,
        rows=rows,
        points=points,
        idle=idle,
        operations=found,
        features=features,
        fleet=fleet,
    )


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"one thread of a {platform.machine()} CPU, processor time"
