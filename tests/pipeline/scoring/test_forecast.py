"""From raw files to forecasts: what may change them, and what may not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.drives.registry import find_drives, read_drive
from pipeline.scoring.forecast import forecast_drive, scenes_of_drives
from pipeline.scoring.table import write_table
from pipeline.training.bundle import Bundle
from tests.small_drives import write_small_drive
from tests.tiny_bundle import make_bundle

LISTS = ["t_s", "x_m", "y_m", "sigma_x_m", "sigma_y_m", "rho", "heading_rad", "speed_mps"]
Edit = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return make_bundle()


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_drive(tmp_path_factory.mktemp("raw") / "small", seconds=6.0)


@pytest.fixture(scope="module")
def base(bundle: Bundle, drive: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return scored(bundle, drive, tmp_path_factory.mktemp("scored"))


def scored(bundle: Bundle, folder: Path, out: Path) -> pd.DataFrame:
    (ref,) = find_drives(folder)
    write_table(out / "a.parquet", forecast_drive(bundle, read_drive(ref), device="cpu"))
    return pd.read_parquet(out / "a.parquet")


def edited(drive: Path, folder: Path, *, tracks: Edit = lambda t: t, frames: Edit = lambda f: f) -> Path:
    """A copy of a drive with other tables."""
    shutil.copytree(drive, folder)
    for name, edit in (("tracks", tracks), ("frames", frames)):
        table = pd.read_csv(folder / f"{name}.csv", dtype={"track_id": str})
        edit(table).to_csv(folder / f"{name}.csv", index=False)
    return folder


def numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    return np.array(rows[column].tolist(), float)


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """But for the rounding of the last digit, which depends on a row's place in its batch."""
    measured = [*LISTS, "radius_50", "radius_90", "accel_mps2", "curvature_1pm"]
    exact = [frame.reset_index(drop=True).drop(columns=[*measured, "probability"]) for frame in (one, other)]
    pd.testing.assert_frame_equal(*exact, check_exact=True)
    np.testing.assert_allclose(one["probability"], other["probability"], rtol=0, atol=1e-5)
    for name in measured:
        np.testing.assert_allclose(numbers(one, name), numbers(other, name), rtol=0, atol=1e-4, err_msg=name)


def test_every_agent_gets_a_finite_answer_at_every_forecast_time(base: pd.DataFrame) -> None:
    for name in LISTS:
        assert np.isfinite(numbers(base, name)).all(), name
    assert base.groupby(["agent_id", "t0_ns"])["mode"].apply(list).map(lambda m: m == [-1, 0, 1, 2]).all()
    assert set(base["agent_id"]) == {
        *("ego", "leader", "follower", "oncoming", "turning"),
        *("bicycle", "parked", "cone", "walker", "crosser"),
    }
    probability = base[base["mode"] >= 0].groupby(["agent_id", "t0_ns"])["probability"]
    np.testing.assert_allclose(probability.sum(), 1.0, atol=1e-5)
    assert probability.apply(lambda p: p.is_monotonic_decreasing).all()


def test_health_tells_where_the_model_was_not_asked(base: pd.DataFrame) -> None:
    first = base["t0_ns"] == base["t0_ns"].min()
    static = base["agent_id"] == "cone"
    assert (base[static]["health"] == "static").all()
    assert (base[first & ~static]["health"] == "short_history").all()  # seen once: no velocity can be known
    assert (base[~first & ~static]["health"] == "ok").all()
    cone = base[static]
    np.testing.assert_array_equal(np.ptp(numbers(cone, "x_m"), axis=1), 0.0)
    assert np.abs(numbers(cone, "speed_mps")).max() == 0.0


def test_raw_files_after_the_forecast_time_change_no_forecast_up_to_it(
    bundle: Bundle, drive: Path, base: pd.DataFrame, tmp_path: Path
) -> None:
    until_ns = int(np.unique(base["t0_ns"])[7])
    rng = np.random.default_rng(0)

    def disturb(tracks: pd.DataFrame) -> pd.DataFrame:
        later = tracks["timestamp_ns"] > until_ns
        gone = later & (tracks["track_id"] == "leader")
        tracks.loc[later, ["x_m", "y_m", "heading_rad"]] += rng.normal(0.0, 1.0, (later.sum(), 3))
        tracks.loc[later, ["length_m", "width_m"]] *= 2.0
        tracks.loc[later & (tracks["track_id"] == "walker"), "category"] = "car"
        stranger = tracks[later].iloc[:20].assign(track_id="stranger")
        return pd.concat([stranger, tracks[~gone]])

    def move(frames: pd.DataFrame) -> pd.DataFrame:
        frames.loc[frames["timestamp_ns"] > until_ns, "x_m"] += 5.0
        return frames

    other = edited(drive, tmp_path / "other", tracks=disturb, frames=move)
    for path in (other / "frames").rglob("*.jpg"):
        if int(path.stem) > until_ns:
            cv2.imwrite(str(path), rng.integers(0, 255, (96, 160, 3), np.uint8))
    changed = scored(bundle, other, tmp_path)
    assert_same(base[base["t0_ns"] <= until_ns], changed[changed["t0_ns"] <= until_ns])
    later = base["t0_ns"] > until_ns
    assert not np.array_equal(
        numbers(base[later], "x_m")[:40], numbers(changed[changed["t0_ns"] > until_ns], "x_m")[:40]
    )


def test_frames_matter_to_this_model(bundle: Bundle, drive: Path, base: pd.DataFrame, tmp_path: Path) -> None:
    other = edited(drive, tmp_path / "other")
    for path in (other / "frames").rglob("*.jpg"):
        cv2.imwrite(str(path), np.zeros((96, 160, 3), np.uint8))
    assert np.abs(numbers(scored(bundle, other, tmp_path), "x_m") - numbers(base, "x_m")).max() > 1e-3


def test_the_order_of_rows_changes_nothing(bundle: Bundle, drive: Path, base: pd.DataFrame, tmp_path: Path) -> None:
    shuffle: Edit = lambda table: table.sample(frac=1.0, random_state=1)  # noqa: E731
    assert_same(base, scored(bundle, edited(drive, tmp_path / "other", tracks=shuffle, frames=shuffle), tmp_path))


def test_new_track_ids_permute_the_forecasts(bundle: Bundle, drive: Path, base: pd.DataFrame, tmp_path: Path) -> None:
    names = sorted(set(base["agent_id"]))
    renamed = dict(zip(names, reversed(names), strict=True))

    def rename(tracks: pd.DataFrame) -> pd.DataFrame:
        return tracks.assign(track_id=tracks["track_id"].map(renamed))

    other = scored(bundle, edited(drive, tmp_path / "other", tracks=rename), tmp_path)
    key = ["t0_ns", "agent_id", "mode"]
    base = base.assign(agent_id=base["agent_id"].map(renamed)).sort_values(key, ignore_index=True)
    other = other.sort_values(key, ignore_index=True)
    assert base["health"].equals(other["health"])
    for name in LISTS:
        np.testing.assert_allclose(numbers(other, name), numbers(base, name), atol=1e-3, err_msg=name)


def test_moving_and_turning_the_drive_moves_and_turns_the_forecasts(
    bundle: Bundle, drive: Path, base: pd.DataFrame, tmp_path: Path
) -> None:
    angle, shift = 2.1, np.array([690_000.0, 5_334_000.0])  # to where UTM coordinates lie
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])

    def place(table: pd.DataFrame) -> pd.DataFrame:
        table[["x_m", "y_m"]] = table[["x_m", "y_m"]].to_numpy() @ turn.T + shift
        if "heading_rad" in table:
            table["heading_rad"] += angle
        else:
            w, x, y, z = table[["qw", "qx", "qy", "qz"]].to_numpy().T
            c, s = np.cos(angle / 2), np.sin(angle / 2)
            table[["qw", "qx", "qy", "qz"]] = np.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], 1)
        return table

    other = scored(bundle, edited(drive, tmp_path / "other", tracks=place, frames=place), tmp_path)
    assert other["agent_id"].equals(base["agent_id"])
    assert other["health"].equals(base["health"])
    world = np.stack([numbers(other, f"{a}_m") + numbers(other, f"origin_{a}_m")[:, None] for a in "xy"], axis=-1)
    there = np.stack([numbers(base, "x_m"), numbers(base, "y_m")], axis=-1) @ turn.T + shift
    np.testing.assert_allclose(world, there, atol=0.02)
    np.testing.assert_allclose(numbers(other, "speed_mps"), numbers(base, "speed_mps"), atol=0.05)
    spread = numbers(base, "sigma_x_m") ** 2 + numbers(base, "sigma_y_m") ** 2  # does not turn
    np.testing.assert_allclose(numbers(other, "sigma_x_m") ** 2 + numbers(other, "sigma_y_m") ** 2, spread, rtol=0.01)


def test_one_measurement_is_enough_for_an_answer(bundle: Bundle, drive: Path, tmp_path: Path) -> None:
    times: list[int] = []

    def keep(tracks: pd.DataFrame) -> pd.DataFrame:
        times.extend(np.unique(tracks["timestamp_ns"]))
        lone = (tracks["track_id"] == "walker") & (tracks["timestamp_ns"] == times[20])
        blind = (tracks["track_id"] == "crosser") & (tracks["timestamp_ns"] == times[20])
        tracks.loc[blind, "heading_rad"] = np.nan
        return tracks[(tracks["track_id"] == "ego") | lone | blind]

    rows = scored(bundle, edited(drive, tmp_path / "other", tracks=keep), tmp_path)
    for agent in ("walker", "crosser"):
        own = rows[rows["agent_id"] == agent]
        assert set(own["health"]) == {"short_history"}
        assert times[20] in set(own["t0_ns"])
        for name in ("x_m", "y_m", "sigma_x_m", "sigma_y_m", "rho", "speed_mps"):
            assert np.isfinite(numbers(own, name)).all()
    assert np.isfinite(numbers(rows[rows["agent_id"] == "walker"], "heading_rad")).all()
    assert np.isnan(numbers(rows[rows["agent_id"] == "crosser"], "heading_rad")).all()  # null: it has no direction


def test_a_broken_model_is_found_out_and_does_not_answer(drive: Path, tmp_path: Path) -> None:
    bundle = make_bundle(scene=False)
    bundle.model.decoder.anchors.fill_(float("nan"))
    rows = scored(bundle, drive, tmp_path)
    assert set(rows["health"]) == {"static", "short_history", "non_finite"}
    assert np.isfinite(numbers(rows, "x_m")).all()


def test_other_forecast_times_can_be_asked_for(drive: Path) -> None:
    (ref,) = find_drives(drive)
    found = forecast_drive(make_bundle(scene=False), read_drive(ref), device="cpu", every_s=0.2)
    assert set(np.diff(found.windows.index.t0_ns)) == {200_000_000}


def test_scenes_of_drives_are_those_that_are_scored(bundle: Bundle, drive: Path, tmp_path: Path) -> None:
    """Two drives in one: the same scenes as one by one, frames included; one that cannot be read is told."""
    other = edited(drive, tmp_path / "other", tracks=lambda table: table[table["timestamp_ns"] > 1e9])
    broken = edited(drive, tmp_path / "broken", tracks=lambda table: table.drop(columns="z_m"))
    refs = [ref for folder in (drive, other, broken) for ref in find_drives(folder)]
    found, problems = scenes_of_drives(bundle, refs, device="cpu")
    assert [problem.where for problem in problems] == [str(broken / "tracks.csv")]
    alone = [forecast_drive(bundle, read_drive(ref), device="cpu").windows for ref in refs[:2]]
    for name in ("xy_m", "valid", "agent_feature", "agent_feature_valid"):
        expected = np.concatenate([getattr(each.observed, name) for each in alone])
        np.testing.assert_array_equal(getattr(found.observed, name), expected)
    assert found.observed.agent_feature_valid.any()
    assert found.index.drive_names == tuple(ref.name for ref in refs[:2])
