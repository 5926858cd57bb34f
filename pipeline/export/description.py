"""What an exported forecaster takes and gives, for whoever calls it from another program."""

from __future__ import annotations

from typing import Any, Final

from models.batch import REGIONS
from models.flat import input_names, output_names
from pipeline.behaviour.manoeuvre import Direction, Pace
from pipeline.drives.categories import Category
from pipeline.export.graph import AGENTS, SCENES
from pipeline.training.bundle import Bundle

_SCENE_FRAME: Final = "scene: metres along the world's axes from any origin near the scene, the same for all its agents"

# By name: type, unit, frame, meaning.
_INPUTS: Final[dict[str, tuple[str, str | None, str | None, str]]] = {
    "scene": ("int64", None, None, "number of each agent's scene, ascending from 0"),
    "category": ("int64", None, None, "index into `categories`"),
    "is_ego": ("bool", None, None, "the recording vehicle"),
    "size_m": ("float32", "m", None, "length and width; zero where unknown"),
    "xy_m": ("float32", "m", _SCENE_FRAME, "centres at the observed steps, the last one at the forecast time"),
    "heading_rad": ("float32", "rad", "scene", "counter-clockwise from +x"),
    "heading_valid": ("bool", None, None, "the heading is there"),
    "valid": ("bool", None, None, "the step was measured and known by the forecast time"),
    "agent_feature": ("float32", None, None, "features at the agent's place in the frames, oldest first"),
    "agent_feature_valid": ("bool", None, None, "there was a frame and the agent was in view"),
    "ahead_feature": ("float32", None, None, "features along the road ahead of the agent, oldest first"),
    "ahead_feature_valid": ("bool", None, None, "there was a frame, and that road was in view or a signal told it"),
    "frame_feature": ("float32", None, None, "features of whole frames, oldest first"),
    "frame_feature_valid": ("bool", None, None, "there was a frame"),
}
_OUTPUTS: Final[dict[str, tuple[str, str | None, str | None, str]]] = {
    "single_xy_m": ("float32", "m", "scene", "the best single forecast, at each future step"),
    "single_sigma_m": ("float32", "m", "scene", "its standard deviations along x and y"),
    "single_rho": ("float32", None, "scene", "its correlation of x and y"),
    "mode_xy_m": ("float32", "m", "scene", "alternative futures, in no particular order"),
    "mode_sigma_m": ("float32", "m", "scene", "their standard deviations"),
    "mode_rho": ("float32", None, "scene", "their correlations"),
    "probability": ("float32", None, None, "of each alternative; they sum to one"),
    "radius": ("float32", None, None, "standard deviations around the single forecast that hold the shares `regions`"),
    "direction": ("float32", None, None, "probability of each of `directions`"),
    "direction_choice": ("int64", None, None, "the one to name: index into `directions`"),
    "pace": ("float32", None, None, "probability of each of `paces`"),
    "pace_choice": ("int64", None, None, "the one to name: index into `paces`"),
}


def description(bundle: Bundle, *, opset: int) -> dict[str, Any]:
    """As JSON: inputs and outputs with name, shape, type, unit, frame and meaning, and what their numbers stand for.

    Args:
        bundle: What was exported.
        opset: Of the ONNX file.
    """
    config, windows = bundle.model.config, bundle.windows
    steps, frames, channels = windows.num_observed, windows.num_frames, config.scene_channels
    after, modes = config.num_future, config.num_modes
    shapes: dict[str, list[str | int]] = {
        **{name: [AGENTS] for name in ("scene", "category", "is_ego", "direction_choice", "pace_choice")},
        **{name: [AGENTS, steps] for name in ("heading_rad", "heading_valid", "valid")},
        "size_m": [AGENTS, 2],
        "xy_m": [AGENTS, steps, 2],
        "agent_feature": [AGENTS, frames, channels],
        "agent_feature_valid": [AGENTS, frames],
        "ahead_feature": [AGENTS, frames, channels],
        "ahead_feature_valid": [AGENTS, frames],
        "frame_feature": [SCENES, frames, channels],
        "frame_feature_valid": [SCENES, frames],
        **{f"single_{name}_m": [AGENTS, after, 2] for name in ("xy", "sigma")},
        "single_rho": [AGENTS, after],
        **{f"mode_{name}_m": [AGENTS, modes, after, 2] for name in ("xy", "sigma")},
        "mode_rho": [AGENTS, modes, after],
        "probability": [AGENTS, modes],
        "radius": [AGENTS, len(REGIONS), after],
        "direction": [AGENTS, config.num_directions],
        "pace": [AGENTS, config.num_paces],
    }

    def told(name: str, of: dict[str, tuple[str, str | None, str | None, str]]) -> dict[str, Any]:
        kind, unit, frame, meaning = of[name]
        return {"name": name, "shape": shapes[name], "dtype": kind, "unit": unit, "frame": frame, "meaning": meaning}

    return {
        "opset": opset,
        "rate_hz": config.rate_hz,
        "categories": [each.name.lower() for each in Category][: config.num_categories],
        "directions": [each.name.lower() for each in Direction][: config.num_directions],
        "paces": [each.name.lower() for each in Pace][: config.num_paces],
        "regions": list(REGIONS),
        "inputs": [told(name, _INPUTS) for name in input_names(config)],
        "outputs": [told(name, _OUTPUTS) for name in output_names(config)],
    }
