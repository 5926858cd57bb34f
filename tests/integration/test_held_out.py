"""``headway benchmark held-out``: several trainings, joined without counting a track twice."""

import json
from pathlib import Path

import pytest
import yaml

from pipeline.config import EvaluateConfig
from pipeline.evaluation.seeds import evaluate_seeds
from pipeline.params import load_section
from pipeline.training import recipe as recipe_module
from pipeline.training.recipe import load_recipe
from pipeline.windows.store import write_windows
from tests.small_windows import NUM_CHANNELS, small_windows

PARAMS = Path(__file__).parents[2] / "params.yaml"


def test_seeds_are_joined_as_copies_of_the_same_tracks(tmp_path: Path) -> None:
    params = yaml.safe_load(PARAMS.read_text())
    params["train"] |= {"width": 8, "max_epochs": 2, "basis_rank": 3, "num_modes": 6, "precision": "fp32"}
    params["scene_features"] |= {"stage": 1, "channels": NUM_CHANNELS, "weights": None}
    params["evaluate"] |= {"bootstrap": 50}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    folder = tmp_path / "windows"
    write_windows(folder, small_windows(num_scenes=60), extra={"backbone": ""})
    found = evaluate_seeds(
        folder,
        recipe=load_recipe(path),
        seeds=(3, 4),
        config=load_section("evaluate", EvaluateConfig, path=path),
        checkpoints=tmp_path / "checkpoints",
    )
    movers = found.report["social_lstm"]["movers"]
    by_seed = found.by_seed["social_lstm"]["movers"]["ade_m"]
    assert by_seed[0] != by_seed[1]
    assert movers["ade_m"] == pytest.approx(sum(by_seed) / 2, abs=1e-4)
    assert movers["num_agents"] == 2 * movers["num_tracks"]  # here every window is a track of its own
    assert found.by_seed["kalman"]["movers"]["ade_m"][0] == found.by_seed["kalman"]["movers"]["ade_m"][1]
    assert not list((tmp_path / "checkpoints").glob("*"))
    json.dumps(found.to_json(), allow_nan=False)


def test_the_name_of_a_resumable_state_stands_for_recipe_data_and_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "windows"
    write_windows(folder, small_windows(num_scenes=60), extra={"backbone": ""})
    recipe = load_recipe(PARAMS).without_neighbours_and_frames()
    first = recipe_module.Training(folder, recipe=recipe, checkpoints=tmp_path).path
    assert recipe_module.Training(folder, recipe=recipe, checkpoints=tmp_path).path == first
    assert recipe_module.Training(folder, recipe=recipe.with_seed(9), checkpoints=tmp_path).path != first
    monkeypatch.setattr(recipe_module, "code_digest", lambda: "other code")
    assert recipe_module.Training(folder, recipe=recipe, checkpoints=tmp_path).path != first
    write_windows(folder, small_windows(num_scenes=61), extra={"backbone": ""})
    monkeypatch.undo()
    assert recipe_module.Training(folder, recipe=recipe, checkpoints=tmp_path).path != first
