import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

from pipeline.config import IngestConfig
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.store import write_clean, write_index
from pipeline.params import load_section
from pipeline.scene.source import extract_all
from pipeline.scene.store import feature_names, read_features
from pipeline.stages.scene_features import main
from tests.small_drives import write_small_drive

PARAMS = Path(__file__).parents[3] / "params.yaml"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run the stage in: drives ``one`` with frames (the last is cut off), ``bare`` without, and ingest."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    params["scene_features"] |= {"stage": 1, "channels": 8, "width_px": 48, "height_px": 32, "weights": None}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    config = load_section("ingest", IngestConfig)
    for name in ("one", "bare"):
        write_small_drive(tmp_path / "raw" / name, seconds=2.0, with_frames=name == "one")
    last = sorted((tmp_path / "raw" / "one").rglob("*.jpg"))[-1]
    last.write_bytes(last.read_bytes()[:-50])
    for ref in find_drives(Path("raw")):
        write_clean(Path("ingest"), ingest_drive(read_drive(ref), config=config))
    write_index(Path("ingest"), drives=["one", "bare"], rejected={})
    monkeypatch.setattr(sys, "argv", ["scene_features", "--ingest", "ingest", "--out", "features"])
    return tmp_path


def test_every_drive_is_written_and_a_second_run_computes_nothing(
    stage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main()
    assert feature_names(Path("features")) == ["bare", "one"]
    features = read_features(Path("features"), "one")
    assert features.frames["ok"].sum() == len(features.frames) - 1 == 10
    assert len(read_features(Path("features"), "bare").frames) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "truncated image; 1 such frames of one are masked" in lines[0]
    assert lines[1:] == ["scene features: 10 frames computed, 0 from the cache"]
    main()
    assert "0 frames computed, 10 from the cache" in capsys.readouterr().err


def test_two_processes_write_and_say_what_one_does(
    stage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ingest/bare.parquet").write_bytes(b"")
    written, said = [], []
    for number in (1, 2):
        how = partial(extract_all, alone_s=0.0, num_processes=number)
        monkeypatch.setattr("pipeline.stages.scene_features.extract_all", how)
        shutil.rmtree(".headway", ignore_errors=True)
        with pytest.raises(InputError, match="1 drives failed: bare"):
            main()
        assert feature_names(Path("features")) == ["one"]
        written.append({file.name: file.read_bytes() for file in Path("features").iterdir()})
        said.append([line for line in capsys.readouterr().err.splitlines() if "drives: " not in line])  # how far it is
    assert written[0] == written[1]
    assert said[0] == said[1]
    assert "bare.parquet" in said[0][0]
    assert "truncated image; 1 such frames of one are masked" in said[0][1]
    assert said[0][2] == "scene features: 10 frames computed, 0 from the cache"
