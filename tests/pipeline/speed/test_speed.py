"""``headway benchmark speed`` from end to end on a tiny batch; never how fast anything is."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from pipeline import cli
from pipeline.config import SceneConfig
from pipeline.params import load_benchmark, load_section
from pipeline.speed import speed as speed_module
from pipeline.speed.clock import Contestant, Taken, in_turn
from pipeline.speed.made_up import Size, made_up
from pipeline.speed.measure import PRODUCT, Bar, measures

ROOT = Path(__file__).parents[3]


def test_the_network_parts_are_measured_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_module, "STANDARD", Size(scenes=20, agents=8))
    out = tmp_path / "speed"
    params = str(ROOT / "params.yaml")
    done = CliRunner().invoke(
        cli.app, ["benchmark", "speed", "--repeats", "1", "--out", str(out), "--params", params], prog_name="headway"
    )
    assert done.exit_code == 0, done.output
    results = json.loads((out / "results.json").read_text())
    assert results["size"] == {"scenes": 20, "agents": 8, "observed": 8}
    rows = {(row["part"], row["name"]): row for row in results["measures"]}
    assert {"windows", "encoder", "training step", "forecasts", "one scene"} < {part for part, _ in rows}
    for name in ("none", "occupancy", "attention", "social"):
        row = rows["encoder", name]
        assert set(row["ratios"]) == {"fused LSTM", "matrix product", "literature's social LSTM"}
        assert row["milliseconds"]["low"] <= row["milliseconds"]["median"] <= row["milliseconds"]["high"]
        assert row["agents_per_s"] == pytest.approx(8 * row["scenes_per_s"])
        assert row["peak_mb"] > 0.0
        assert row["gflop"] > 0.0
        assert rows["one scene", name]["agents"] == 16
    assert len(results["bars"]) == 10
    for bar in results["bars"]:
        reached = bar["value"] <= bar["at_most"] if "at_most" in bar else bar["value"] >= bar["at_least"]
        assert bar["holds"] == reached
        assert f"{'holds' if reached else 'MISSED':8}{bar['what']}" in done.output
    assert {(point["axis"], point["name"]) for point in results["curve"]} > {("agents", "social"), ("batch", "none")}
    assert (out / "scaling.png").stat().st_size > 10_000


def test_the_operations_of_steps_and_forecasts_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_module, "STANDARD", Size(scenes=20, agents=8))
    params = str(ROOT / "params.yaml")
    done = CliRunner().invoke(cli.app, ["benchmark", "speed", "operations", "--params", params], prog_name="headway")
    assert done.exit_code == 0, done.output
    for what in ("training step, social", "training step, attention", "forecasts, social", "forecasts, attention"):
        assert f"{what}: " in done.output
    assert "aten::addmm" in done.output
    assert "aten::mm" in done.output


def test_what_cannot_be_measured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'fast' is none; choose of windows, train, forward, operations, f"):
        speed_module.chosen(["train", "fast"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    scene = load_section("scene_features", SceneConfig, path=ROOT / "params.yaml")
    with pytest.raises(ValueError, match="--device"):
        speed_module.measure_speed(
            ["train"], config=load_benchmark("speed", path=ROOT / "params.yaml"), scene=scene, model=Path(),
            device="cuda", repeats=1, scaling=False,
        )  # fmt: skip


def test_every_contestant_runs_in_every_repeat_and_its_work_is_counted() -> None:
    matrix = torch.ones(64, 64)
    order: list[str] = []
    contestants = {
        "one": Contestant(run=lambda: (order.append("one"), matrix @ matrix), agents=1, scenes=1),
        "two": Contestant(run=lambda: (order.append("two"), matrix @ matrix @ matrix), agents=1, scenes=1),
    }
    taken = in_turn(contestants, repeats=3, device=torch.device("cpu"))
    assert order[:6] == ["one", "two"] * 3
    assert [len(each.seconds) for each in taken.values()] == [3, 3]
    assert taken["one"].flops == 2 * 64**3
    assert taken["two"].flops == 4 * 64**3
    assert taken["one"].peak_bytes == matrix.nbytes
    assert taken["two"].peak_bytes == 2 * matrix.nbytes


def test_ratios_are_those_of_the_time_per_agent_repeat_by_repeat() -> None:
    taken = {
        "own": Taken(seconds=(6.0, 8.0), peak_bytes=0, flops=30),
        "reference": Taken(seconds=(1.0, 2.0), peak_bytes=0, flops=0),
        PRODUCT: Taken(seconds=(1.0, 1.0), peak_bytes=0, flops=10),
    }
    contestants = {name: Contestant(run=lambda: None, agents=2 if name == "own" else 1, scenes=1) for name in taken}
    own, reference, _ = measures("part", contestants, taken=taken, references=["reference", PRODUCT])
    assert own.ratios == {"reference": [3.0, 2.0], PRODUCT: [2.0, pytest.approx(8.0 / 3.0)]}
    assert reference.ratios == {"reference": [1.0, 1.0]}


def test_a_bar_holds_on_its_own_side() -> None:
    assert Bar(what="a ratio", value=2.0, bar=2.5, at_most=True).holds
    assert not Bar(what="a rate", value=2.0, bar=2.5, at_most=False).holds


def test_made_up_agents_are_all_there_and_meet() -> None:
    windows = made_up(Size(scenes=5, agents=4), seed=1)
    assert windows.observed.valid.all()
    assert windows.future.valid.all()
    last = windows.observed.xy_m[:, -1].reshape(5, 4, 2)
    assert (abs(last[:, :, None] - last[:, None]).max() < 60.0).all()
    assert not (made_up(Size(scenes=5, agents=4), seed=2).observed.xy_m == windows.observed.xy_m).all()
