"""The stages ingest and split, as DVC calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.config import IngestConfig, SplitConfig
from pipeline.drives.registry import find_drives
from pipeline.errors import InputError
from pipeline.ingest.source import ingest_all
from pipeline.ingest.split import Split
from pipeline.ingest.store import clean_names, read_clean
from pipeline.params import load_section, load_sources
from pipeline.stages.ingest import main as ingest_main
from pipeline.stages.split import main as split_main
from tests.raw_drives import CONFIG
from tests.small_drives import write_small_drive

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml and two sources: two good drives and one bad, and one good."""
    for index, name in enumerate(("one", "two")):
        write_small_drive(tmp_path / "raw" / "city" / name, seed=index, seconds=3.0, with_frames=index == 0)
    write_small_drive(tmp_path / "raw" / "land" / "three", seed=7, seconds=3.0, with_frames=False)
    bad = write_small_drive(tmp_path / "raw" / "city" / "bad", seconds=1.0, with_frames=False)
    (bad / "tracks.csv").write_text((bad / "tracks.csv").read_text().splitlines()[0] + "\n")
    params = yaml.safe_load(PARAMS.read_text())
    params["sources"] = {name: {"format": "auto", "path": f"raw/{name}"} for name in ("city", "land")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, main, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", *arguments])
    main()


def test_raw_drives_to_split(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for source in ("city", "land"):
        run(monkeypatch, ingest_main, "--source", source, "--out", f"artifacts/ingest/{source}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "raw/city/bad/tracks.csv" in lines[0]
    city = Path("artifacts/ingest/city")
    assert clean_names(city) == ["one", "two"]
    assert list(json.loads((city / "drives.json").read_text())["rejected"]) == ["bad"]
    clean = read_clean(city, "one")
    assert clean.source_path == "raw/city/one"
    assert len(clean.step_times_ns) == 31
    assert len(clean.frames)
    run(monkeypatch, split_main, "--ingest", "artifacts/ingest", "--out", "artifacts/split.json")
    split = Split.from_json(json.loads(Path("artifacts/split.json").read_text()))
    assert sorted(split.blocks) == ["one", "three", "two"]


def test_a_source_without_a_usable_drive_ends_the_stage_and_leaves_nothing(workspace: Path):
    (workspace / "raw" / "land" / "three" / "tracks.csv").write_text("")
    command = [sys.executable, "-m", "pipeline.stages.ingest", "--source", "land", "--out", "artifacts/ingest/land"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(PARAMS.parent)})
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("headway: raw/land/three/tracks.csv: ")
    assert "has no usable drive" in second
    assert not list(Path("artifacts/ingest").iterdir())


def test_drives_of_one_name_in_two_sources_are_named(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    write_small_drive(workspace / "raw" / "land" / "one", seconds=1.0, with_frames=False)
    for source in ("city", "land"):
        run(monkeypatch, ingest_main, "--source", source, "--out", f"artifacts/ingest/{source}")
    with pytest.raises(InputError, match="drive 'one': is in both artifacts/ingest/city and artifacts/ingest/land"):
        run(monkeypatch, split_main, "--ingest", "artifacts/ingest", "--out", "artifacts/split.json")


def test_an_unknown_source_is_named(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="no source 'sea'; it has city, land"):
        run(monkeypatch, ingest_main, "--source", "sea", "--out", "x")


def test_several_processes_do_the_same(workspace: Path):
    refs = find_drives(Path("raw/city"))
    folders = [workspace / name for name in ("alone", "together")]
    problems = [
        {ref.name: done.problem for ref, done in ingest_all(refs, config=CONFIG, folder=folder, **how)}
        for folder, how in zip(folders, ({}, {"alone_s": 0.0, "num_processes": 2}), strict=True)
    ]
    assert problems[0] == problems[1]
    assert problems[0]["one"] is None
    for file in sorted(folders[0].iterdir()):
        assert file.read_bytes() == (folders[1] / file.name).read_bytes(), file.name


def test_sources_and_sections_name_what_is_wrong(tmp_path: Path):
    path = tmp_path / "params.yaml"
    params = yaml.safe_load(PARAMS.read_text())
    for sources, match in (
        ({}, "sources: holds no source"),
        ({"../x": {"format": "auto", "path": "x"}}, r"source named '\.\./x'"),
        ({"a": {"format": "auto"}}, r"sources\.a\.path"),
    ):
        path.write_text(yaml.safe_dump(params | {"sources": sources}))
        with pytest.raises(InputError, match=match):
            load_sources(path=path)
    path.write_text(yaml.safe_dump(params | {"ingest": params["ingest"] | {"snap_s": 0.05}}))
    with pytest.raises(InputError, match="snap_s must be less than half a step"):
        load_section("ingest", IngestConfig, path=path)
    path.write_text(yaml.safe_dump(params | {"split": params["split"] | {"validation": 0.8}}))
    with pytest.raises(InputError, match="validation and test together must be less than 1"):
        load_section("split", SplitConfig, path=path)
