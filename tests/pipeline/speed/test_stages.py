from pathlib import Path

import pytest

from pipeline.child import Used, run_stage_alone
from pipeline.speed.stages import StageCost, cost_lines, plot, stage_costs

PARAMS = Path(__file__).parents[3] / "params.yaml"


def test_every_stage_is_run_over_made_up_drives(tmp_path: Path) -> None:
    costs = [*stage_costs([6], params=PARAMS, num_agents=3, seconds=10.0)]
    assert [cost.stage for cost in costs] == ["ingest", "split", "scene_features", "windows"]
    for cost in costs:
        assert (cost.num_drives, cost.minutes) == (6, 1.0)
        assert cost.start_cpu_s > 0.0
        assert 0.0 < cost.used.cpu_s < 100.0
        assert 50.0 < cost.used.peak_mb < 4000.0
    plot(tmp_path / "stages.png", costs)
    assert 1000 < (tmp_path / "stages.png").stat().st_size < 60_000


def test_what_is_beyond_the_start_counts_for_the_other_drives() -> None:
    used = Used(cpu_s=13.0, wall_s=8.0, peak_mb=300.0)
    cost = StageCost(stage="windows", num_drives=11, minutes=4.4, used=used, start_cpu_s=5.0)
    assert cost.beyond_start_s_per_minute == pytest.approx(8.0 / 4.0)
    assert cost.to_json()["cpu_s_per_minute"] == pytest.approx(13.0 / 4.4)
    assert list(cost_lines([cost]))[1].split() == ["windows", "11", "4.4", "2.955", "2.000", "1.818", "300"]


def test_a_stage_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"params\.yaml"):
        run_stage_alone("split", ["--ingest", "nowhere", "--out", "split.json"], folder=tmp_path)
