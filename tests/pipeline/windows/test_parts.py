from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import WindowsConfig
from pipeline.errors import InputError
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.split import Block, Split
from pipeline.ingest.store import write_clean
from pipeline.scene.kind import FeatureKind, common_digest
from pipeline.scene.store import SceneFeatures, read_kind, write_features
from pipeline.windows.build import build
from pipeline.windows.parts import Part, write_parts
from pipeline.windows.store import write_windows
from pipeline.windows.summary import summarise, tally
from tests.made_up_cleans import clean_drive, random_clean_drive
from tests.pipeline.windows.test_inputs import CAMERA, make_features, make_frames

CONFIG = WindowsConfig(
    observed_s=1.0, future_s=1.0, rate_hz=5.0, every_s=0.5, max_age_s=0.4, num_frames=2, frame_spacing_s=0.5
)
CHANNELS = 3


def make_drives() -> tuple[list[CleanDrive], dict[str, SceneFeatures], Split]:
    """Drives with and without frames, one held out, and one that is too short for any scene of a data set."""
    bare, held_out = random_clean_drive(0, name="bare"), random_clean_drive(2, name="held-out")
    filmed = random_clean_drive(1, name="filmed", num_agents=12)
    filmed = replace(filmed, cameras={"front": CAMERA}, frames=make_frames([(step, "front") for step in range(60)]))
    short = clean_drive({"ego": [{"step": 0}]}, num_steps=1, name="short")
    cleans = [bare, short, filmed, held_out]
    features = {clean.name: SceneFeatures.empty(clean, 8) for clean in (bare, short, held_out)}
    features["filmed"] = make_features(filmed, channels=CHANNELS)
    part = {"held-out": "test"}
    blocks = {
        clean.name: (
            Block(
                split=part.get(clean.name, "train"),
                start_ns=int(clean.step_times_ns[0]),
                end_ns=int(clean.step_times_ns[-1]),
            ),
        )
        for clean in cleans
    }
    return cleans, features, Split(method="drives", why="", blocks=blocks)


def store(folder: Path, cleans: list[CleanDrive], features: dict[str, SceneFeatures], split: Split) -> list[Part]:
    for clean in cleans:
        write_clean(folder / "clean", clean)
        write_features(folder / "features", features[clean.name])
    return [
        Part(name=one.name, clean=folder / "clean", features=folder / "features", split=split.only(one.name))
        for one in cleans
    ]


def test_drive_by_drive_in_processes_gives_the_bytes_of_all_at_once(tmp_path: Path) -> None:
    cleans, features, split = make_drives()
    parts = store(tmp_path, cleans, features, split)
    built = build(cleans, features, config=CONFIG, split=split)
    summary = summarise(tally(built), backbone="d", channels=CHANNELS)
    write_windows(tmp_path / "at once", built.windows, extra=summary)
    summaries: list[dict[str, Any]] = []
    write_parts(tmp_path / "joined", parts, config=CONFIG, check=summaries.append, alone_s=0.0, num_processes=2)

    files = {file.name: file.read_bytes() for file in (tmp_path / "at once").iterdir()}
    assert {file.name: file.read_bytes() for file in (tmp_path / "joined").iterdir()} == files
    for name, array in (("xy_m", built.windows.observed.xy_m), ("frame_feature", built.windows.observed.frame_feature)):
        file = tmp_path / f"{name}.npy"
        np.save(file, array)
        assert file.read_bytes() == files[f"observed.{name}.npy"]
    assert set(built.windows.index.drive) == {0, 2, 3}
    assert built.windows.observed.frame_feature_valid.any()
    assert summaries == [summary]
    assert summary["counts"]["train"]["drives"] == 2
    assert summary["counts"]["test"]["scenes"] > 0 < summary["left_out"]["no agent with two known steps"]


@pytest.mark.parametrize("num_processes", [1, 2])
def test_a_drive_that_cannot_be_read_is_named_and_nothing_is_left(tmp_path: Path, num_processes: int) -> None:
    parts = store(tmp_path, *make_drives())
    (tmp_path / "clean" / "filmed.parquet").write_bytes(b"")
    before = {*tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"filmed\.parquet"):
        write_parts(tmp_path / "out", parts, config=CONFIG, check=refuse, alone_s=0.0, num_processes=num_processes)
    assert {*tmp_path.iterdir()} == before


def refuse(summary: dict[str, Any]) -> None:
    raise AssertionError(summary)


def test_the_kind_of_features_is_read_without_them_and_must_agree(tmp_path: Path) -> None:
    cleans, features, split = make_drives()
    store(tmp_path, cleans, features, split)
    kinds = [read_kind(tmp_path / "features", name) for name in features]
    assert kinds == [one.kind for one in features.values()]
    assert common_digest(kinds) == "d"
    with pytest.raises(InputError, match=r"different CNNs \(filmed, other\)"):
        common_digest([*kinds, FeatureKind(name="other", num_frames=1, channels=3, digest="e")])
