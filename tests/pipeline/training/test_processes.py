"""A batch in parts, one after the other or in several processes, trains as the batch at once does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import TrainConfig
from pipeline.training.fit import Fitted, fit_anew
from pipeline.training.scenes import balanced
from tests.shapes import unchecked
from tests.small_windows import NO_CHANCE, small_windows

ROOT = Path(__file__).parents[3]


def test_parts_hold_about_as_many_agents() -> None:
    assert balanced([1, 7, 3, 4, 1], count=2) == [0, 0, 1, 1, 1]
    assert balanced([5], count=3) == [0]


def train(config: TrainConfig, **changed: object) -> Fitted:
    with unchecked():
        return fit_anew(small_windows(num_scenes=48), config=config.model_copy(update=changed))


def test_a_batch_in_parts_trains_as_at_once(config: TrainConfig) -> None:
    """Classes weigh differently, so a mean of the parts' means would be another."""
    plain = NO_CHANCE | {"class_balance": 0.5, "max_epochs": 2, "agents_per_batch": 40}
    one, other = (train(config, **plain, accumulate=count) for count in (1, 3))
    for name in ("train_loss", "train_single_m", "train_manoeuvre", "validation_cost"):
        assert other.history[-1][name] == pytest.approx(one.history[-1][name], rel=1e-4), name
    drawn = train(config, **plain | {"scale_augmentation": 0.3})
    assert drawn.history[-1]["train_loss"] != pytest.approx(one.history[-1]["train_loss"], rel=1e-3)


def test_two_processes_train_as_one_does_in_two_parts(config: TrainConfig, tmp_path: Path) -> None:
    """Augmentation and dropout included: what is drawn follows from the seed, the step and the part."""
    recipe = config.model_copy(update={"max_epochs": 2, "agents_per_batch": 40})
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    worker = ["-m", "tests.pipeline.training.in_processes", str(tmp_path / "recipe.json"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *launch, *worker], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    together = train(recipe, accumulate=2)
    history = json.loads((tmp_path / "history.json").read_text())
    for name in ("train_loss", "gradient_norm", "validation_cost"):
        assert history[-1][name] == pytest.approx(together.history[-1][name], rel=1e-4), name
    for name, value in load_file(tmp_path / "model.safetensors").items():
        torch.testing.assert_close(value, together.model.state_dict()[name], rtol=1e-3, atol=1e-4, msg=name)
