"""The command: what it writes, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import torch

from models.batch import Observed
from models.flat import columns
from pipeline import cli
from pipeline.errors import InputError
from pipeline.export import export, graph
from pipeline.export.runtime import OnnxForecaster
from pipeline.export.scenes import made_up_scenes
from pipeline.training.bundle import bundle_digest, load_bundle, write_bundle
from tests.architecture.closure import ROOT
from tests.shapes import unchecked
from tests.tiny_bundle import make_bundle

SHORT = {"observed_s": 0.4, "future_s": 0.4}  # three steps and two: a graph has all of them one by one


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command in this process: exit code, standard output, standard error."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["headway", "export", *map(str, arguments)])
        with unchecked(), pytest.raises(SystemExit) as end:
            cli.main()
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "model", make_bundle(**SHORT))
    return tmp_path / "model"


def test_the_command_writes_three_files_and_tells_the_largest_difference(
    here: Callable[..., tuple[int, str, str]], model_dir: Path, tmp_path: Path
) -> None:
    code, out, err = here("--model", model_dir, "--out", tmp_path / "out")
    assert (code, "headway:" in err) == (0, False)
    files = ["forecaster.json", "forecaster.onnx", "forecaster.pt2"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    assert all(name in out for name in files)
    assert "largest difference" in out
    told = json.loads((tmp_path / "out" / "forecaster.json").read_text())
    assert told["model"]["digest"] == bundle_digest(model_dir)
    assert not [name for name in files if str(ROOT).encode() in (tmp_path / "out" / name).read_bytes()]
    session = onnxruntime.InferenceSession(tmp_path / "out" / "forecaster.onnx", providers=["CPUExecutionProvider"])
    kinds = {"float32": "tensor(float)", "int64": "tensor(int64)", "bool": "tensor(bool)"}
    for side, given in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        written = [(each["name"], each["shape"], kinds[each["dtype"]]) for each in told[side]]
        assert written == [(each.name, each.shape, each.type) for each in given]
    loaded = torch.export.load(tmp_path / "out" / "forecaster.pt2").module()
    bundle = make_bundle(**SHORT)
    observed = made_up_scenes(bundle.model, windows=bundle.windows, num_agents=(2, 5), seed=3)
    found = loaded(*(getattr(observed, each["name"]) for each in told["inputs"]))
    with torch.no_grad():
        torch.testing.assert_close(found["mode_xy_m"], columns(bundle.model(observed))["mode_xy_m"])


def test_what_forecasts_otherwise_is_never_written(
    here: Callable[..., tuple[int, str, str]], model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_bundle(model_dir).model

    def wrong(_: Path) -> Callable[[Observed], dict[str, torch.Tensor]]:
        def run(observed: Observed) -> dict[str, torch.Tensor]:
            found = columns(model(observed))
            return found | {"mode_xy_m": found["mode_xy_m"] + 2e-4}

        return torch.no_grad()(run)

    monkeypatch.setattr(export, "OnnxForecaster", wrong)
    monkeypatch.setattr(graph, "trace", lambda *_: None)
    monkeypatch.setattr(graph, "write_onnx", lambda _, path, forecaster: path.write_bytes(b""))
    code, _, err = here("--model", model_dir, "--out", tmp_path / "out")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "forecaster.onnx: differs from the model by 0.0002 in mode_xy_m of 1 agents; nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_cannot_be(
    here: Callable[..., tuple[int, str, str]], model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "text").write_text("mine")
    code, _, err = here("--model", model_dir, "--out", tmp_path / "mine")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "is there already and is no earlier result" in err
    code, _, err = here("--model", tmp_path, "--out", tmp_path / "out")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "is no model" in err
    monkeypatch.setattr(graph, "find_spec", lambda name: None if name == "onnxscript" else object())
    code, _, err = here("--model", model_dir, "--out", tmp_path / "out")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "headway export: needs onnxscript, not installed here; install the extra" in err
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="is no ONNX file that can be run"):
        OnnxForecaster(tmp_path / "broken.onnx")
