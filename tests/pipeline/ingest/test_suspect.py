"""The made-up scene, spoilt in one way at a time, names the right cause; as it is, it is above suspicion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.drives.categories import Category
from pipeline.drives.drive import FRAME_COLUMNS, TRACK_COLUMNS, Drive
from pipeline.drives.map import DriveMap, union
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError, Suspicion
from pipeline.ingest.ingest import ingest_drive
from tests.formats.scene import CAMERA, EGO_FROM_OPTICAL, RATE_HZ, START_NS, made_up_scene
from tests.raw_drives import CONFIG, raw_drive, raw_rows
from tests.small_drives import write_small_drive

XYZ, QUATERNION = ["x_m", "y_m", "z_m"], ["qw", "qx", "qy", "qz"]
SIZES = ["length_m", "width_m", "height_m"]


@pytest.fixture
def scene() -> Drive:
    return scene_drive()


def scene_drive() -> Drive:
    truth = made_up_scene()
    words = truth.tracks["category"].map(lambda number: Category(number).name.lower())
    tracks = truth.tracks.assign(source_row=np.arange(len(truth.tracks)) + 2, raw_category=words)
    position, quaternion = truth.camera_pose()
    frames = pd.DataFrame({"timestamp_ns": truth.times_ns, "camera": "front", "path": "x.jpg"})
    frames[XYZ], frames[QUATERNION] = position, quaternion
    return Drive(
        name="scene",
        format="neutral",
        path=Path("raw/scene"),
        rate_hz=RATE_HZ,
        tracks=tracks[list(TRACK_COLUMNS)].astype(TRACK_COLUMNS),
        cameras={"front": CAMERA},
        frames=frames[list(FRAME_COLUMNS)].astype(FRAME_COLUMNS),
        map=truth.map,
    )


def found(drive: Drive) -> tuple[Suspicion, ...]:
    return ingest_drive(drive, config=CONFIG).suspicions


def tracks(drive: Drive, **columns: object) -> Drive:
    return replace(drive, tracks=drive.tracks.assign(**columns).astype(TRACK_COLUMNS))


def scaled(drive: Drive, factor: float, *, sizes: bool = True) -> Drive:
    columns = [*XYZ, *(SIZES if sizes else [])]
    frames = drive.frames.assign(**{name: drive.frames[name] * factor for name in XYZ})
    return replace(tracks(drive, **{name: drive.tracks[name] * factor for name in columns}), frames=frames)


def in_units(drive: Drive, ns: int) -> Drive:
    frames = drive.frames.assign(timestamp_ns=drive.frames["timestamp_ns"] // ns)
    return replace(tracks(drive, timestamp_ns=drive.tracks["timestamp_ns"] // ns), frames=frames)


def headed(drive: Drive, meaning: Callable[[pd.Series], pd.Series]) -> Drive:
    return tracks(drive, heading_rad=meaning(drive.tracks["heading_rad"]))


def only_ego(drive: Drive, spoil: Callable[[Drive], Drive]) -> Drive:
    return replace(drive, tracks=drive.tracks.where(~drive.tracks["is_ego"], spoil(drive).tracks).astype(TRACK_COLUMNS))


def swapped(drive: Drive) -> Drive:
    return tracks(drive, length_m=drive.tracks["width_m"], width_m=drive.tracks["length_m"])


def without_sizes(drive: Drive) -> Drive:
    return tracks(drive, **dict.fromkeys(SIZES, np.nan))


def posed(drive: Drive, change: Callable[[np.ndarray, Rotation], tuple[np.ndarray, np.ndarray]]) -> Drive:
    pose = Rotation.from_quat(drive.frames[QUATERNION].to_numpy(), scalar_first=True)
    position, quaternion = change(drive.frames[XYZ].to_numpy(), pose)
    frames = drive.frames.copy()
    frames[XYZ], frames[QUATERNION] = position, quaternion
    return replace(drive, frames=frames)


def turned(drive: Drive, by: Rotation) -> Drive:
    return posed(drive, lambda position, pose: (position, (pose * by).as_quat(scalar_first=True)))


def southward(drive: Drive) -> Drive:
    """In a world turned by 2 rad, without the map: near its x axis the two orders are much alike."""
    turn = Rotation.from_euler("z", 2.0)
    moved = drive.tracks[XYZ].to_numpy() @ turn.as_matrix().T
    whole = tracks(drive, **dict(zip(XYZ, moved.T, strict=True)), heading_rad=drive.tracks["heading_rad"] + 2.0)
    return posed(replace(whole, map=None), lambda p, pose: (turn.apply(p), (turn * pose).as_quat(scalar_first=True)))


def mapped(drive: Drive, move: Callable[[shapely.Polygon], shapely.Polygon]) -> Drive:
    area = union(move(part) for part in drive.map.drivable_area.geoms)
    return replace(drive, map=DriveMap(lanes=(), crossings=(), drivable_area=area))


def twice(drive: Drive) -> Drive:
    again = drive.tracks.assign(track_id=drive.tracks["track_id"] + "-again", is_ego=False)
    return replace(drive, tracks=pd.concat([drive.tracks, again], ignore_index=True))


def jumping(drive: Drive) -> Drive:
    step = drive.tracks.groupby("track_id").cumcount()
    return tracks(drive, x_m=drive.tracks["x_m"] + 40.0 * (step > 12))


@pytest.mark.parametrize("change", [lambda drive: drive, southward])
def test_nothing_is_said_of_the_scene_as_it_is(change: Callable[[Drive], Drive], scene: Drive) -> None:
    clean = ingest_drive(change(scene), config=CONFIG)
    assert (clean.suspicions, clean.notes, clean.dropped) == ((), (), ())


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_said_of_the_small_drives(seed: int, tmp_path: Path) -> None:
    (ref,) = find_drives(write_small_drive(tmp_path / "one", seed=seed, with_frames=seed < 1))
    clean = ingest_drive(read_drive(ref), config=CONFIG)
    assert (clean.suspicions, clean.notes, clean.dropped) == ((), (), ())


# What was done to the scene, the kind of the one suspicion, and words in its place, its measure, cause and remedy.
SPOILT = {
    "centimetres": (
        lambda d: scaled(d, 100),
        "length unit",
        "are 180 m wide (median of 5) and move at",
        "sizes and positions in centimetres",
    ),
    "millimetres": (lambda d: scaled(d, 1000), "length unit", "are 1,800 m wide", "positions in millimetres"),
    "feet": (lambda d: scaled(d, 3.281), "length unit", "divide by 3.281;", "sizes and positions in feet"),
    "inches": (lambda d: scaled(d, 39.37), "length unit", "wide (median of 5)", "sizes and positions in inches"),
    "kilometres": (lambda d: scaled(d, 0.001), "length unit", "multiply by 1,000", "positions in kilometres"),
    "places in km": (lambda d: scaled(without_sizes(d), 0.001), "length unit", "of one place", "in kilometres"),
    "sizes in cm": (
        lambda d: tracks(d, **{name: d.tracks[name] * 100 for name in SIZES}),
        "length unit",
        "divide by 100",
        "sizes alone in centimetres",
    ),
    "places in cm": (lambda d: scaled(d, 100, sizes=False), "speed", "vehicles that move", "positions in centimetres"),
    "ms": (lambda d: in_units(d, 1_000_000), "time unit", "are 1e-07 s apart", "times in milliseconds"),
    "us": (lambda d: in_units(d, 1000), "time unit", "multiply by 1,000;", "times in microseconds"),
    "5 Hz": (lambda d: replace(d, rate_hz=5.0), "rate", "0.1 s apart, and the rate is given as 5 Hz", "of 10 Hz"),
    "clockwise": (lambda d: headed(d, np.negative), "heading", "those of 4 of 4 moving vehicles", "clockwise from +x"),
    "compass": (
        lambda d: headed(d, lambda h: np.pi / 2 - h),
        "heading",
        "44 degrees off their motion",
        "clockwise from +y",
    ),
    "quarter": (lambda d: headed(d, lambda h: h - np.pi / 2), "heading", "90 degrees off", "from +y, a quarter"),
    "backwards": (lambda d: headed(d, lambda h: h + np.pi), "heading", "180 degrees off", "look backwards"),
    "degrees": (lambda d: headed(d, lambda h: np.rad2deg(h) / 2), "heading", "beyond two turns", "degrees"),
    "ego turned": (
        lambda d: only_ego(d, lambda d: headed(d, lambda h: h + np.pi / 2)),
        "heading",
        "scene: ego: its heading is 90 degrees off",
        "from -y, a quarter turn too large",
    ),
    "swapped": (swapped, "sizes swapped", "4 of 4 vehicles are broader than long", "length and width swapped"),
    "ego swapped": (lambda d: only_ego(d, swapped), "sizes swapped", "1.8 m long and 4.4 m wide", "swapped"),
    "twice": (twice, "overlap", "100% of the vehicles' boxes", "each vehicle there twice"),
    "map moved": (
        lambda d: mapped(d, lambda part: shapely.transform(part, lambda xy: xy + 100.0)),
        "map frame",
        "those who drive are over 10 m off",
        "a map in another frame",
    ),
    "z forward": (
        lambda d: turned(d, EGO_FROM_OPTICAL.inv()),
        "camera pose",
        "0 are in its picture",
        "vehicle's axes, x forward and z up",
    ),
    "y up": (
        lambda d: turned(d, Rotation.from_euler("x", np.pi)),
        "camera pose",
        "lower edge points up",
        "axes y up and z backward",
    ),
    "x y z w": (
        lambda d: posed(southward(d), lambda p, pose: (p, pose.as_quat())),
        "camera pose",
        "lower edge points up",
        "quaternions in the order x, y, z, w",
    ),
    "camera from world": (
        lambda d: posed(d, lambda p, pose: (-pose.inv().apply(p), pose.inv().as_quat(scalar_first=True))),
        "camera pose",
        "0 are in its picture",
        "poses that take the world into the camera",
    ),
    "frames in ms": (
        lambda d: replace(d, frames=d.frames.assign(timestamp_ns=d.frames["timestamp_ns"] // 1_000_000)),
        "frame times",
        "next to them",
        "another clock or another unit",
    ),
    "frames in ms from 0": (
        lambda d: replace(
            tracks(d, timestamp_ns=d.tracks["timestamp_ns"] - START_NS),
            frames=d.frames.assign(timestamp_ns=(d.frames["timestamp_ns"] - START_NS) // 1_000_000),
        ),
        "frame times",
        "frames of one camera are 1e-07 s apart",
        "times in another unit",
    ),
    "jumps": (jumping, "jumps", "7 of 7 tracks jump faster than 70 m/s", "ids used for several agents"),
    "mostly nan": (
        lambda d: tracks(d, x_m=d.tracks["x_m"].where(d.tracks["track_id"].isin(["ego", "lead", "parked"]))),
        "mostly dropped",
        "149 of 272 measurements cannot be used",
        "a damaged table",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_the_right_cause_is_named_and_no_other(case: str, scene: Drive) -> None:
    spoil, kind, measure, cause = SPOILT[case]
    (one,) = found(spoil(scene))
    assert one.kind == kind
    assert one.where.startswith("scene: ")
    assert measure in f"{one};"
    assert cause in one.cause


def test_headings_all_in_degrees_leave_nothing_and_that_says_why(scene: Drive) -> None:
    spoilt = headed(scene, lambda heading: np.rad2deg(heading) + 360.0)
    with pytest.raises(InputError, match=r"no usable measurement \(absurd heading\); likely degrees: write radians"):
        ingest_drive(spoilt, config=CONFIG)


def test_times_in_a_unit_that_is_too_fine_say_so(scene: Drive) -> None:
    long = pd.concat(
        [scene.tracks.assign(timestamp_ns=scene.tracks["timestamp_ns"] % 10**12 + k * 10**12) for k in (0, 1)]
    )
    spoilt = replace(scene, tracks=long.assign(timestamp_ns=long["timestamp_ns"] * 1000))
    with pytest.raises(InputError, match=r"from 0 to \d+ ns; likely times in picoseconds: write nanoseconds"):
        ingest_drive(spoilt, config=replace_rate(CONFIG, 10_000.0))


def replace_rate(config, rate_hz: float):
    return config.model_copy(update={"rate_hz": rate_hz, "snap_s": 0.0})


def test_people_too_fast_are_named_where_they_are_many() -> None:
    def crowd(num: int, speed_mps: float) -> Drive:
        times_ms = np.arange(0, 4000, 400)
        walk = times_ms * 1e-3 * speed_mps
        person = {"category": int(Category.PEDESTRIAN), "raw_category": "person", **dict.fromkeys(SIZES, np.nan)}
        drive = raw_drive(*(raw_rows(f"p{n}", times_ms, x_m=walk, y_m=3.0 * n, **person) for n in range(num)))
        return replace(drive, rate_hz=2.5)

    assert found(crowd(12, 1.4)) == found(crowd(2, 4.4)) == ()
    assert [entry.cause for entry in found(crowd(12, 2.6))] == ["times and rate that both count too fast"]
    (feet,) = found(crowd(4, 1.4 * 3.281))
    assert feet.cause.startswith("positions in feet, or ")


def test_what_stands_still_or_is_not_recorded_raises_no_suspicion(scene: Drive) -> None:
    still = replace(scene, tracks=scene.tracks[scene.tracks["track_id"].isin(["parked"])])
    assert found(headed(still, np.negative)) == ()
    bare = tracks(without_sizes(scene), heading_rad=np.nan)
    assert found(replace(bare, map=None)) == ()


def test_some_rows_out_of_order_are_a_note_and_no_order_at_all_is_none(scene: Drive) -> None:
    ego = scene.tracks.index[scene.tracks["is_ego"]]
    late = scene.tracks.index.isin(ego[[10, 20, 30]])
    moved = pd.concat([scene.tracks[~late], scene.tracks[late]])
    clean = ingest_drive(replace(scene, tracks=moved), config=CONFIG)
    assert clean.suspicions == ()
    assert clean.notes == ("scene: 3 measurements stand after later ones of their track; they were sorted",)
    shuffled = ingest_drive(replace(scene, tracks=scene.tracks.iloc[::-1]), config=CONFIG)
    assert shuffled.notes == ()


WILD = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-9, 1e8, 1e16, 1e300, -1.7e308, np.inf, -np.inf, np.nan]
WILD_NS = [0, 1, -1, 10**9, np.iinfo(np.int64).max, np.iinfo(np.int64).min, 1_600_000_000_000_000_000]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_wild_numbers_end_in_a_drive_or_an_error(data: st.DataObject) -> None:
    """A few columns of tracks, frames, camera and rate are anything at all, here and there or everywhere."""
    drive = scene_drive()
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    spoilt: dict[str, pd.DataFrame] = {}
    for name, numbers in (("tracks", [*XYZ, *SIZES, "heading_rad"]), ("frames", [*XYZ, *QUATERNION])):
        table = getattr(drive, name).copy()
        for column in data.draw(st.lists(st.sampled_from([*numbers, "timestamp_ns"]), max_size=4)):
            here = rng.uniform(size=len(table)) < data.draw(st.sampled_from([0.02, 0.5, 1.0]))
            wild = rng.choice(WILD_NS if column == "timestamp_ns" else WILD, here.sum())
            table.loc[here, column] = wild.astype(table[column].dtype)
        spoilt[name] = table
    focal = data.draw(st.sampled_from([200.0, 1e-300, 1e308]))
    spoilt_drive = replace(
        drive,
        **spoilt,
        rate_hz=data.draw(st.sampled_from([10.0, 1e-300, 5e5])),
        cameras={"front": replace(CAMERA, fx_px=focal)},
    )
    with suppress(InputError):
        clean = ingest_drive(spoilt_drive, config=CONFIG)
        assert all(len(str(entry).splitlines()) == 1 for entry in clean.suspicions)
