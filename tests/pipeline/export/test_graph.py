"""The graph forecasts what the model does, for any number of agents and scenes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.batch import Observed
from models.flat import columns, columns_of, input_names, steady
from models.forecaster import Forecaster
from pipeline.errors import InputError
from pipeline.export import agreement, graph
from pipeline.export.double import TAIL
from pipeline.export.runtime import OnnxForecaster
from pipeline.export.scenes import made_up_scenes
from pipeline.training.bundle import Bundle
from tests.shapes import unchecked
from tests.tiny_bundle import make_bundle

SHORT = {"observed_s": 0.4, "future_s": 0.4}  # three steps and two: a graph has all of them one by one


@pytest.fixture(
    params=[
        {"cell": "lstm", "interaction": "none", "decoder": "low_rank", "base": "linear", "scene": False},
        {"cell": "peephole", "interaction": "occupancy", "decoder": "low_rank", "base": "motion", "observed_s": 0.8},
        {"cell": "peephole", "interaction": "attention", "decoder": "unicycle", "turn_to_heading": False},
        {"cell": "lstm", "interaction": "social", "decoder": "autoregressive", "scene": False},
    ],
    ids=lambda param: "-".join(map(str, param.values())),
)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    """Of every cell, interaction and decoder one at least, each with random weights; one without the head.

    The default (``lstm``, ``social``, ``low_rank``) goes through the command below, and through ``score``.
    """
    bundle = make_bundle(**SHORT | request.param)
    model = bundle.model
    if bundle.model.config.interaction == "none":
        model = Forecaster(replace(bundle.model.config, num_directions=0, num_paces=0))
        state = {name: value for name, value in bundle.model.state_dict().items() if not name.startswith("manoeuvres")}
        model.load_state_dict(state | {"linear": torch.full_like(model.linear, 0.3)})
    return replace(bundle, model=model.eval())


def test_onnxruntime_and_the_program_agree_with_the_model_for_other_agents_than_were_traced(
    bundle: Bundle, tmp_path: Path
) -> None:
    model = steady(bundle.model)

    def scenes(*num_agents: int) -> Observed:
        return made_up_scenes(model, windows=bundle.windows, num_agents=num_agents, seed=7)

    with unchecked():  # sizes are symbols while a graph is traced
        program = graph.trace(model, scenes(4, 2))
        graph.write_onnx(program, tmp_path / "a.onnx", forecaster=model)
    onnx, module = OnnxForecaster(tmp_path / "a.onnx"), program.module()

    def run_program(observed: Observed) -> dict[str, torch.Tensor]:
        return module(*(getattr(observed, name) for name in input_names(model.config)))

    for num_agents in ((1,), (2, 1, 5, 3, 1), (30,)):
        observed = scenes(*num_agents)
        for network in (onnx, run_program):
            apart, where = agreement.difference(network, model, observed)
            assert apart <= 1e-4, (num_agents, where)
    nobody = Observed(**{f.name: getattr(scenes(1), f.name)[:0] for f in fields(Observed)})
    with torch.no_grad():
        expected = columns_of(model, nobody)
    assert {name: value.shape for name, value in onnx(nobody).items()} == {k: v.shape for k, v in expected.items()}


def test_neighbours_count_in_the_graph_too(tmp_path: Path) -> None:
    """What agrees with a model in which nobody matters proves nothing of the pairs."""
    model = (made := make_bundle(**SHORT, scene=False)).model
    together = made_up_scenes(model, windows=made.windows, num_agents=(8,), seed=1)
    apart = replace(
        together,
        scene=torch.arange(8),
        frame_feature=together.frame_feature.repeat(8, 1, 1),
        frame_feature_valid=together.frame_feature_valid.repeat(8, 1),
    )
    with torch.no_grad():
        assert (model(together).single.xy_m - model(apart).single.xy_m).abs().max() > 1e-2


def test_what_forecasts_otherwise_is_told() -> None:
    bundle = make_bundle(**SHORT, interaction="none", scene=False)

    @torch.no_grad()
    def shifted(observed: Observed) -> dict[str, torch.Tensor]:
        found = columns(bundle.model(observed))
        return found | {"single_xy_m": found["single_xy_m"] + 2e-4}

    with pytest.raises(InputError, match=r"a\.onnx: differs .* in single_xy_m"):
        agreement.agreement(shifted, bundle.model, windows=bundle.windows, name="a.onnx")


def test_gelu_of_doubles_is_torchs() -> None:
    """Over all of what it is given, the far tail too."""
    x = np.linspace(-40.0, 40.0, 4001)
    z = np.abs(x) * np.sqrt(0.5)
    t = 2.0 / (2.0 + z)
    tail = 0.5 * t * np.exp(np.polynomial.Polynomial(TAIL)(2.0 * t - 1.0) - z * z)
    expected = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    assert np.abs(x * np.where(x > 0.0, 1.0 - tail, tail) - expected).max() < 1e-13
