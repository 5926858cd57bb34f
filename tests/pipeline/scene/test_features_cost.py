from pathlib import Path

from pipeline.config import SceneConfig
from pipeline.params import load_section
from pipeline.scene.features_cost import cost_lines, features_costs, stage_used

PARAMS = Path(__file__).parents[3] / "params.yaml"


def test_frames_per_second_and_the_share_of_the_peak_are_told() -> None:
    small = {"width_px": 64, "height_px": 32, "stage": 1, "channels": 8}
    config = load_section("scene_features", SceneConfig, path=PARAMS).model_copy(update=small)
    costs = [*features_costs(config, backbones=["compact"], num_frames=16, repeats=2)]
    cost = costs[0]
    assert len(cost.frames_per_s) == len(cost.cnn_per_s) == 2
    assert min(cost.frames_per_s) > 0.0
    assert 0.0 < cost.peak_share < 1.0
    # The first convolution alone: 3 x 7 x 7 inputs for each of 16 channels on 32 x 16 pixels, twice.
    assert cost.gflops_per_frame > 2 * 3 * 49 * 16 * 32 * 16 / 1e9
    assert "compact" in list(cost_lines(costs))[1]


def test_the_stage_is_run_over_all_drives_in_a_process_of_its_own() -> None:
    small = {"width_px": 64, "height_px": 32, "stage": 1}
    config = load_section("scene_features", SceneConfig, path=PARAMS).model_copy(update=small)
    assert 100.0 < stage_used(config, num_drives=2, num_frames=3).peak_mb < 4000.0
