"""``score --runtime onnx``: the tables of torch, made by onnxruntime, and never mixed with them."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import cli
from pipeline.errors import InputError
from pipeline.export import graph
from pipeline.parallel import in_processes
from pipeline.scoring import engine as engine_module
from pipeline.scoring import work
from pipeline.scoring.score import score
from pipeline.training.bundle import write_bundle
from tests.shapes import unchecked
from tests.small_drives import write_small_drive
from tests.tiny_bundle import make_bundle

DRIVES = ("monday", "tuesday")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    write_bundle(folder, make_bundle(scene=False, observed_s=0.6, future_s=0.6))
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for number, name in enumerate(DRIVES):
        write_small_drive(folder / name, seed=number, seconds=4.0, with_frames=False)
    return folder


def test_the_tables_are_torchs_within_a_tenth_of_a_millimetre(
    model: Path, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine_module, "in_processes", partial(in_processes, alone_s=0.0))
    assert score(model, [raw], out=tmp_path / "torch", device="cpu", workers=1).exit_code == 0
    with unchecked():
        made = score(model, [raw], out=tmp_path / "onnx", cache=tmp_path / "cache", runtime="onnx", workers=2)
    assert (made.exit_code, made.runtime, made.device) == (0, "onnx", "cpu")
    (file,) = (tmp_path / "cache" / "onnx").iterdir()
    assert file.suffix == ".onnx"
    for name in DRIVES:
        for table in (f"{name}.parquet", f"manoeuvres/{name}.parquet"):
            one, other = (pd.read_parquet(tmp_path / runtime / table) for runtime in ("torch", "onnx"))
            for column in one:
                if column.endswith(("x_m", "y_m")) or column in ("probability", "direction_keep", "pace_cruise"):
                    values = [np.stack(rows[column].to_numpy()).astype(float) for rows in (one, other)]
                    np.testing.assert_allclose(*values, atol=1e-4, rtol=0.0, err_msg=column)
                elif one[column].dtype != object:
                    pd.testing.assert_series_equal(one[column], other[column], atol=1e-4)
        assert not pd.read_parquet(tmp_path / "torch" / f"{name}.parquet").equals(
            pd.read_parquet(tmp_path / "onnx" / f"{name}.parquet")
        ), "the very same bits: nothing but torch ran"

    # The same command finds all done, and does not write the model again; another runtime takes nothing for done.
    read: list[str] = []
    original = work.read_drive
    monkeypatch.setattr(work, "read_drive", lambda ref: read.append(ref.name) or original(ref))
    monkeypatch.setattr(engine_module, "in_processes", in_processes)
    assert score(model, [raw], out=tmp_path / "onnx", runtime="onnx", workers=1).exit_code == 0
    assert read == []
    with unchecked():
        assert score(model, [raw], out=tmp_path / "torch", runtime="onnx", cache=tmp_path / "cache", workers=1)
    assert read == list(DRIVES)
    assert [file] == list((tmp_path / "cache" / "onnx").iterdir())
    for name in DRIVES:
        pd.testing.assert_frame_equal(
            *(pd.read_parquet(tmp_path / out / f"{name}.parquet") for out in ("torch", "onnx")), check_exact=True
        )
    file.write_bytes(b"broken")
    work.network_of.cache_clear()
    with pytest.raises(InputError, match="is no ONNX file that can be run; remove it"):
        score(model, [raw], out=tmp_path / "more", runtime="onnx", cache=tmp_path / "cache", workers=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--runtime", "tensorrt"], "--runtime: 'tensorrt' is not known; choose torch or onnx"),
        (["--runtime", "onnx", "--device", "cuda"], "--runtime: onnx runs on the CPU"),
        (["--runtime", "onnx"], "--runtime onnx: needs onnx, onnxscript, onnxruntime, not installed here; install"),
    ],
)
def test_runtimes_that_cannot_be(
    arguments: list[str],
    words: str,
    model: Path,
    raw: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "not installed" in words:
        monkeypatch.setattr(graph, "find_spec", lambda name: None)
    command = ["headway", "score", "--model", model, "--drives", raw, "--out", tmp_path / "out", *arguments]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 1
    assert words in line
    assert not (tmp_path / "out").exists()
