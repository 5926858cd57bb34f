"""ETH/UCY's protocol on made-up recordings: who is scored, what is trained on, and the shape of the result."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import TrainConfig
from pipeline.errors import InputError
from pipeline.evaluation.eth_ucy import METRICS, RECORDINGS, SCENES, STEP_NS, WINDOWS, read_part, run, table
from pipeline.evaluation.protocol import in_all_steps, windows_of
from pipeline.params import load_benchmark
from tests.shapes import unchecked

PARAMS = Path(__file__).parents[3] / "params.yaml"
FRAMES = 42


def write_recordings(root: Path) -> Path:
    """Walkers at constant velocity; one in three is there for ten frames alone."""
    for part, ending in (("train", "_train"), ("val", "_val"), ("all_data", "")):
        (root / part).mkdir(parents=True)
        for number, name in enumerate(RECORDINGS):
            rng = np.random.default_rng([number, len(part)])
            rows = []
            for person in range(6):
                start, velocity = rng.uniform(-5, 5, 2), rng.uniform(-0.6, 0.6, 2)
                there = range(10) if person % 3 == 0 else range(FRAMES)
                # Every tenth frame is annotated, with a hole after the fifteenth that consecutive frames pass over.
                rows += [(10 * (k + 7 * (k > 15)), person, *(start + k * velocity)) for k in there]
            text = "\n".join("\t".join(f"{value:g}" for value in row) for row in sorted(rows))
            (root / part / f"{name}{ending}.txt").write_text(text + "\n")
    return root


@pytest.fixture
def config() -> TrainConfig:
    small = {"width": 8, "max_epochs": 1, "basis_rank": 4, "pooled_width": 4, "agents_per_batch": 2048}
    return load_benchmark("eth_ucy", path=PARAMS).model_copy(update=small | {"device": "cpu", "precision": "fp32"})


def test_who_is_there_in_twenty_consecutive_annotated_frames_is_scored(tmp_path: Path) -> None:
    raw = write_recordings(tmp_path / "raw")
    windows = windows_of(read_part(raw / "all_data", ["biwi_eth"]), config=WINDOWS)
    scored = in_all_steps(windows.observed, windows.future)
    assert scored.sum() == 4 * (FRAMES - 20 + 1)
    assert len(scored) > scored.sum(), "others are seen too"
    steps_m = np.diff(windows.observed.xy_m[scored], axis=1)
    np.testing.assert_allclose(steps_m, np.broadcast_to(steps_m[:, :1], steps_m.shape), atol=3e-4)


def test_at_another_pace_people_walk_faster_and_no_frame_is_a_forecast_time_twice(tmp_path: Path) -> None:
    raw = write_recordings(tmp_path / "raw")
    speeds, frames = [], []
    for pace in (Fraction(1), Fraction(3, 5)):
        windows = windows_of(read_part(raw / "all_data", ["biwi_eth"], pace=pace), config=WINDOWS)
        scored = in_all_steps(windows.observed, windows.future)
        steps_m = np.diff(np.concatenate([windows.observed.xy_m, windows.future.xy_m], axis=1)[scored], axis=1)
        np.testing.assert_allclose(steps_m, np.broadcast_to(steps_m[:, :1], steps_m.shape), atol=3e-4)
        speeds.append(np.unique(np.linalg.norm(steps_m[:, 0], axis=-1).round(3)))
        index = windows.index
        start = np.array([int(name.split("+")[1]) for name in index.drive_names])
        scenes = np.unique(windows.observed.scene[scored])
        frames.append(index.t0_ns[scenes] / float(STEP_NS * pace) + start[index.drive[scenes]])
    np.testing.assert_allclose(speeds[1], speeds[0] * 5 / 3, atol=2e-3)
    assert (frames[1] == frames[1].round()).all(), "nobody is known between annotated frames"
    assert len(set(frames[1])) == len(frames[1])
    assert sorted(frames[1]) == [*range(15, FRAMES - 20)], "twelve steps are twenty frames"


def test_all_scenes_are_trained_and_judged(tmp_path: Path, config: TrainConfig) -> None:
    with unchecked():
        results = run(write_recordings(tmp_path / "raw"), config=config, seeds=[0], num_processes=1)
    assert set(results) == {"scenes", "average", "parameters", "train_minutes", "seeds", "minutes"}
    assert set(results["scenes"]) == set(SCENES)
    assert results["scenes"]["univ"]["num_windows"] == 2 * results["scenes"]["eth"]["num_windows"]
    for name in METRICS:
        mean = np.mean([scene[name] for scene in results["scenes"].values()])
        assert results["average"][name] == pytest.approx(mean)
    assert results["average"]["constant_velocity"]["ade_m"] < 1e-3, "they walk at constant velocity"
    lines = table(results)
    assert any(line.startswith("MoFlow (2025)") and line.split()[-1] == "0.20/0.32" for line in lines)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    raw = write_recordings(tmp_path / "raw")
    (raw / "val" / "uni_examples_val.txt").unlink()
    with pytest.raises(InputError, match=r"val: has no uni_examples_val\.txt"):
        read_part(raw / "val", ["crowds_zara03_val", "uni_examples_val"])
