"""Change what a raw drive recorded after a time, and compare what is seen up to it."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd

from pipeline.config import IngestConfig, WindowsConfig
from pipeline.drives.drive import Drive
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_section
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.select import select_scenes
from pipeline.windows.windows import Observed


def changed_after(drive: Drive, t_ns: int, *, seed: int) -> Drive:
    """Half of the later measurements are gone, the others are elsewhere, of another size and shuffled."""
    rng = np.random.default_rng(seed)
    tracks = drive.tracks.copy()
    later = (tracks["timestamp_ns"] > t_ns).to_numpy()
    for column, scale in {"x_m": 100.0, "y_m": 3.0, "z_m": 1.0, "heading_rad": 1.0, "length_m": 0.1}.items():
        tracks.loc[later, column] += np.abs(rng.normal(0, scale, later.sum()))
    tracks = tracks[~later | (rng.random(len(tracks)) < 0.5)]
    return replace(drive, tracks=tracks.sample(frac=1.0, random_state=seed).reset_index(drop=True))


def cut_after(drive: Drive, t_ns: int) -> Drive:
    """Nothing was measured later."""
    return replace(drive, tracks=drive.tracks[drive.tracks["timestamp_ns"] <= t_ns].reset_index(drop=True))


def known(clean: CleanDrive, t_ns: int) -> pd.DataFrame:
    """The clean rows that are known by ``t_ns``."""
    return clean.tracks[clean.tracks["known_at_ns"] <= t_ns].reset_index(drop=True)


def observed_up_to(clean: CleanDrive, t_ns: int, *, every_s: float) -> tuple[Observed, np.ndarray, list[str]]:
    """What is seen at forecast times up to ``t_ns`` with the repository's own parameters, the origins, the agents."""
    config = load_section("windows", WindowsConfig).model_copy(update={"every_s": every_s})
    windows = build_windows([clean], {clean.name: SceneFeatures.empty(clean, 1)}, config=config, split=None)
    windows = select_scenes(windows, np.flatnonzero(windows.index.t0_ns <= t_ns))
    agents = [windows.index.track_names[track][1] for track in windows.index.track]
    return windows.observed, windows.index.origin_m, agents


def assert_later_measurements_change_nothing(drive: Drive, t_ns: int, *, every_s: float, seed: int = 0) -> None:
    """All that is known and seen up to ``t_ns`` is the same to the bit, whatever the raw drive holds after it."""
    config = load_section("ingest", IngestConfig)
    clean = ingest_drive(drive, config=config)
    for other_drive in (changed_after(drive, t_ns, seed=seed), cut_after(drive, t_ns)):
        other = ingest_drive(other_drive, config=config)
        pd.testing.assert_frame_equal(known(clean, t_ns), known(other, t_ns), check_exact=True)
        until_ns = min(t_ns, int(other.step_times_ns[-1]))  # a drive that was cut has no forecast time after its end
        before, origin_m, agents = observed_up_to(clean, until_ns, every_s=every_s)
        after, other_origin_m, other_agents = observed_up_to(other, until_ns, every_s=every_s)
        assert before.valid.sum() > 50
        assert agents == other_agents
        np.testing.assert_array_equal(origin_m, other_origin_m)
        for field in fields(Observed):
            left, right = getattr(before, field.name), getattr(after, field.name)
            np.testing.assert_array_equal(left, right, err_msg=field.name)
