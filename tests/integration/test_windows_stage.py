import sys
from pathlib import Path

import pytest

from pipeline.config import IngestConfig
from pipeline.drives.registry import find_drives, read_drive
from pipeline.files import write_json
from pipeline.ingest import store as clean_store
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.split import Block, Split
from pipeline.params import load_section
from pipeline.scene import store as feature_store
from pipeline.scene.store import SceneFeatures
from pipeline.stages import run_stage, windows
from pipeline.windows.store import read_extra, read_windows
from tests.small_drives import write_small_drive


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Two clean drives of one source, the first for training; the working folder has the repository's parameters."""
    ingest, features, blocks = tmp_path / "ingest" / "small", tmp_path / "features" / "small", {}
    for number, split in enumerate(("train", "test")):
        [ref] = find_drives(write_small_drive(tmp_path / "raw" / f"d{number}", seed=number, with_frames=False))
        clean = ingest_drive(read_drive(ref), config=load_section("ingest", IngestConfig))
        clean_store.write_clean(ingest, clean)
        feature_store.write_features(features, SceneFeatures.empty(clean, 3))
        times_ns = clean.step_times_ns
        blocks[clean.name] = (Block(split=split, start_ns=int(times_ns[0]), end_ns=int(times_ns[-1])),)
    clean_store.write_index(ingest, drives=blocks, rejected={})
    feature_store.write_index(features, drives=blocks)
    write_json(tmp_path / "split.json", Split(method="drives", why="", blocks=blocks).to_json())
    params = Path("params.yaml").read_text(encoding="utf-8")
    head, tail = params.index("sources:"), params.index("\ningest:")
    sources = "sources:\n  small: {format: auto, path: raw}\n"
    (tmp_path / "params.yaml").write_text(params[:head] + sources + params[tail:], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    arguments = ["--ingest", "ingest", "--scene-features", "features", "--split", "split.json", "--out", "out"]
    monkeypatch.setattr(sys, "argv", ["windows", *arguments])
    return tmp_path


def test_the_stage_writes_windows_and_says_what_they_hold(prepared, capsys):
    run_stage(windows.main)
    stored, extra = read_windows(prepared / "out"), read_extra(prepared / "out")
    assert stored.index.drive_names == ("d0", "d1")
    assert extra["backbone"] == ""
    assert extra["scene_channels"] == 3
    train = extra["counts"]["train"]
    assert train["scenes"] == (stored.index.split == 0).sum() > 10
    assert train["drives"] == 1
    assert extra["counts"]["validation"]["agents"] == 0
    assert f"train {train['scenes']} scenes" in capsys.readouterr().err


def test_a_split_without_training_scenes_ends_in_one_line(prepared):
    split = prepared / "split.json"
    split.write_text(split.read_text(encoding="utf-8").replace('"train"', '"validation"'), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"split\.json: leaves no scene to train on"):
        run_stage(windows.main)
    assert not (prepared / "out").exists()
