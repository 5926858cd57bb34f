"""What holds for every drive that is ingested."""

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.drives.drive import Drive
from pipeline.ingest.ingest import ingest_drive
from tests.raw_drives import CONFIG, drawn_drive, raw_rows
from tests.raw_futures import known

SEEDS = st.integers(0, 2**32 - 1)


def change_after(drive: Drive, time_ns: int, rng: np.random.Generator) -> Drive:
    """Remove, change and add rows after a time."""
    tracks = drive.tracks
    later = tracks["timestamp_ns"].to_numpy() > time_ns
    kept = ~later | (rng.uniform(size=len(tracks)) < rng.choice([0.0, 0.5, 1.0]))
    changed = tracks.copy()
    moved = later & (rng.uniform(size=len(tracks)) < 0.5)
    changed.loc[moved, ["x_m", "y_m"]] += rng.normal(0.0, 30.0, (int(moved.sum()), 2))
    changed.loc[moved, "heading_rad"] = 1.0
    changed.loc[moved, "x_m"] = changed.loc[moved, "x_m"].where(rng.uniform(size=int(moved.sum())) < 0.8, np.nan)
    changed.loc[moved, "category"] = 2
    changed.loc[moved, "timestamp_ns"] += rng.integers(0, 50_000_000, int(moved.sum()))
    parts = [changed[kept]]
    for track_id in rng.choice([*tracks["track_id"].unique(), "t1~2", "new"], 3, replace=False):
        times_ms = time_ns / 1e6 + np.sort(rng.uniform(0.001, 1500.0, 5))
        new = raw_rows(str(track_id), times_ms.tolist(), x_m=rng.normal(0.0, 30.0, 5), y_m=rng.normal(0.0, 30.0, 5))
        parts.append(new.astype(tracks.dtypes.to_dict()))
    return replace(drive, tracks=pd.concat(parts, ignore_index=True))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, snap_s=st.sampled_from([0.0, 0.01, 0.049]), rate_hz=st.sampled_from([2.0, 10.0]))
def test_nothing_later_changes_what_is_known(seed: int, snap_s: float, rate_hz: float):
    rng = np.random.default_rng(seed)
    config = CONFIG.model_copy(update={"snap_s": snap_s, "rate_hz": rate_hz})
    drive = drawn_drive(rng)
    clean = ingest_drive(drive, config=config)
    times = drive.tracks["timestamp_ns"].to_numpy()
    time_ns = int(rng.choice(times) + rng.choice([0, 0, -1, 3_000_000]))
    time_ns = max(time_ns, 0)
    other = ingest_drive(change_after(drive, time_ns, rng), config=config)
    pd.testing.assert_frame_equal(known(clean, time_ns), known(other, time_ns), check_exact=True)


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_the_rows_does_not_matter(seed: int):
    rng = np.random.default_rng(seed)
    drive = drawn_drive(rng)
    order = rng.permutation(len(drive.tracks))
    shuffled = replace(drive, tracks=drive.tracks.iloc[order].reset_index(drop=True))
    clean, other = ingest_drive(drive, config=CONFIG), ingest_drive(shuffled, config=CONFIG)
    pd.testing.assert_frame_equal(clean.tracks, other.tracks, check_exact=True)
    assert clean.dropped == other.dropped


@settings(max_examples=12, deadline=None)
@given(
    seed=SEEDS,
    angle=st.floats(-3.0, 3.0),
    x=st.floats(-1e4, 1e4),
    y=st.floats(-1e4, 1e4),
    later_ns=st.integers(0, 2 * 10**18),
)
def test_moving_the_drive_moves_the_clean_drive(seed: int, angle: float, x: float, y: float, later_ns: int):
    shift = np.array([x, y])
    drive = drawn_drive(np.random.default_rng(seed))
    cos, sin = np.cos(angle), np.sin(angle)

    def move(table: pd.DataFrame, *columns: str) -> np.ndarray:
        return table[list(columns)].to_numpy() @ np.array([[cos, sin], [-sin, cos]])

    xy = move(drive.tracks, "x_m", "y_m") + shift
    moved = drive.tracks.assign(x_m=xy[:, 0], y_m=xy[:, 1], heading_rad=drive.tracks["heading_rad"] + angle)
    moved["timestamp_ns"] += later_ns
    clean = ingest_drive(drive, config=CONFIG).tracks
    other = ingest_drive(replace(drive, tracks=moved), config=CONFIG).tracks
    for name in ("agent_id", "step", "category", "z_m", "length_m"):
        assert (clean[name] == other[name]).all(), name
    for name in ("t_ns", "known_at_ns"):
        assert (clean[name] + later_ns == other[name]).all(), name
    np.testing.assert_allclose(other[["x_m", "y_m"]], move(clean, "x_m", "y_m") + shift, atol=1e-6)
    np.testing.assert_allclose(other[["vx_mps", "vy_mps"]], move(clean, "vx_mps", "vy_mps"), atol=1e-3)
    turned = (other["heading_rad"] - clean["heading_rad"] - angle).to_numpy()
    assert (np.isnan(turned) == np.isnan(clean["heading_rad"])).all()
    np.testing.assert_allclose(np.cos(turned[~np.isnan(turned)]), 1.0, atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_the_clean_table_keeps_its_contract(seed: int):
    clean = ingest_drive(drawn_drive(np.random.default_rng(seed)), config=CONFIG)
    tracks = clean.tracks
    assert (tracks["known_at_ns"] >= tracks["t_ns"]).all()
    assert (tracks["t_ns"].to_numpy() == clean.step_times_ns[tracks["step"].to_numpy()]).all()
    keys = tracks[["agent_id", "step"]]
    assert keys.equals(keys.sort_values(["agent_id", "step"], ignore_index=True))
    assert not tracks.duplicated(["agent_id", "step"]).any()
    assert tracks.groupby("agent_id")["known_at_ns"].is_monotonic_increasing.all()
    heading = tracks["heading_rad"].dropna()
    assert heading.between(-np.pi, np.pi).all()
