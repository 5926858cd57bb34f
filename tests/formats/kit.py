"""The test kit that every reader passes: the made-up scene is written in the reader's format and held to the truth.

A format is a file ``<name>.py`` beside this one with one function ``write_<name>(folder, scene)`` and these constants:

    HOLDS         what the format can hold, of "ego", "categories", "headings", "sizes", "frames", "height" and either
                  "map" (lanes, their middles, crossings, drivable area) or "drivable_area" alone
    RATE_HZ       of its measurements; 10 where it is missing
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
import shapely
from jaxtyping import Float
from shapely import MultiPolygon, Point, Polygon
from shapely.affinity import translate

from pipeline.drives.categories import Category, Group
from pipeline.drives.drive import Drive, project
from pipeline.drives.registry import find_drives, read_drive
from tests.formats.any_drive import QUATERNION, SIZES
from tests.formats.scene import CAMERA, MARKED, RATE_HZ, MadeUpScene, box_corners, made_up_scene

XYZ: Final = ["x_m", "y_m", "z_m"]
TOLERANCE_M: Final = 0.01  # of positions and sizes


@dataclass(frozen=True, kw_only=True)
class Format:
    """A raw format as the kit knows it: its writer, and what it can hold."""

    name: str
    write: Callable[[Path, MadeUpScene], None]
    holds: frozenset[str]
    rate_hz: float

    def read(self, folder: Path, scene: MadeUpScene) -> Drive:
        """Write a scene into a new folder and read it back."""
        folder.mkdir(parents=True)
        self.write(folder, scene)
        (ref,) = find_drives(folder)
        return read_drive(ref)

    def held(self, scene: MadeUpScene) -> pd.DataFrame:
        """Those rows of the scene that the format can hold."""
        every = round(RATE_HZ / self.rate_hz)
        tracks = scene.tracks[scene.tracks["timestamp_ns"].isin(scene.times_ns[::every])]
        return tracks if "ego" in self.holds else tracks[~tracks["is_ego"]]


def formats() -> dict[str, Format]:
    """Every format that has a writer, by name."""
    found: dict[str, Format] = {}
    for name in sorted(path.stem for path in Path(__file__).parent.glob("*.py")):
        module = import_module(f"tests.formats.{name}")
        if write := getattr(module, f"write_{name}", None):
            rate_hz = getattr(module, "RATE_HZ", RATE_HZ)
            found[name] = Format(name=name, write=write, holds=module.HOLDS, rate_hz=rate_hz)
    return found


def scene_until(scene: MadeUpScene, t_ns: int) -> MadeUpScene:
    """The scene as a recording that stops at a time holds it."""
    tracks = scene.tracks[scene.tracks["timestamp_ns"] <= t_ns]
    return replace(scene, tracks=tracks, times_ns=scene.times_ns[scene.times_ns <= t_ns])


@dataclass(frozen=True, kw_only=True)
class Told:
    """A made-up scene beside the drive that was read from its files.

    The world of a format may have another origin (never other axes), its tracks other names: agents are matched by
    where they are first seen, once the centres of all agents at the first time lie over each other.
    """

    format: Format
    scene: MadeUpScene
    drive: Drive

    @cached_property
    def shift_m(self) -> Float[np.ndarray, " 3"]:
        """From the scene's world to the drive's; no height where the format has none."""
        truth, read = self.format.held(self.scene), self.drive.tracks
        assert len(read) == len(truth)
        first = [rows[rows["timestamp_ns"] == rows["timestamp_ns"].min()][XYZ].mean() for rows in (read, truth)]
        return (first[0] - first[1]).to_numpy()

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every row that was read with the true row of its agent and time (``_true``), moved into the drive's world."""
        truth, read = self.format.held(self.scene).copy(), self.drive.tracks
        truth[XYZ] += self.shift_m
        truth["since_ns"] = truth["timestamp_ns"] - truth["timestamp_ns"].min()
        read = read.assign(since_ns=read["timestamp_ns"] - read["timestamp_ns"].min())
        assert sorted(read["since_ns"]) == sorted(truth["since_ns"])
        first = read.sort_values("since_ns").drop_duplicates("track_id")
        both = first.merge(truth, on="since_ns", suffixes=("", "_true"))
        both["off_m"] = np.hypot(both["x_m"] - both["x_m_true"], both["y_m"] - both["y_m_true"])
        nearest = both.sort_values("off_m").drop_duplicates("track_id")
        assert nearest["off_m"].max() < 1.0, nearest[["track_id", "track_id_true", "off_m"]]
        truth_of = nearest.set_index("track_id")["track_id_true"]
        assert sorted(truth_of) == sorted(truth["track_id"].unique())
        read = read.assign(track_id_true=read["track_id"].map(truth_of))
        pairs = read.merge(
            truth.rename(columns={"track_id": "track_id_true"}),
            on=["track_id_true", "since_ns"],
            suffixes=("", "_true"),
            validate="one_to_one",
        )
        assert len(pairs) == len(read)
        return pairs

    def assert_positions(self) -> None:
        """Metres, axes and times: every box centre is where it was, when it was there."""
        columns = XYZ if "height" in self.format.holds else XYZ[:2]
        off_m = self.pairs[columns].to_numpy() - self.pairs[[f"{name}_true" for name in columns]].to_numpy()
        assert np.abs(off_m).max() <= TOLERANCE_M
        assert self.drive.rate_hz == self.format.rate_hz

    def assert_agents(self) -> None:
        """Headings, sizes, categories and the ego are those of the scene, or not told."""
        pairs, holds = self.pairs, self.format.holds
        assert pairs["is_ego"].equals(pairs["is_ego_true"])
        assert pairs["is_ego"].any() == ("ego" in holds)
        turn = (pairs["heading_rad"] - pairs["heading_rad_true"]).to_numpy()
        turn = np.angle(np.exp(1j * turn))
        assert np.abs(turn).max() < 2e-3 if "headings" in holds else np.isnan(turn).all()
        others = pairs[~pairs["is_ego"]]  # the recording car's size is the publisher's, and its box is ours
        sizes, true = others[SIZES].to_numpy(), others[[f"{name}_true" for name in SIZES]].to_numpy()
        assert np.abs(sizes - true).max() <= TOLERANCE_M if "sizes" in holds else np.isnan(sizes).all()
        if "categories" in holds:
            read, true = others["category"], others["category_true"]
            motor = true.map(lambda number: Category(number).group is Group.VEHICLE)
            assert ((read == true) | (motor & (read == Category.VEHICLE))).all()  # the kind may be left open

    def assert_frames(self) -> None:
        """One frame at every time (or more); what is red in it is the marked agent's box, to the pixel."""
        frames = self.drive.frames.sort_values("timestamp_ns")
        if "frames" not in self.format.holds:
            assert frames.empty
            assert self.drive.cameras == {}
            return
        ((name, camera),) = self.drive.cameras.items()
        assert (camera.width_px, camera.height_px) == (CAMERA.width_px, CAMERA.height_px)
        np.testing.assert_allclose([camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px], [200, 200, 160, 90])
        zero_ns = self.drive.tracks["timestamp_ns"].min() - self.scene.times_ns[0]
        steps = np.searchsorted(self.scene.times_ns + zero_ns, frames["timestamp_ns"])
        assert set(steps) >= set(range(0, len(self.scene.times_ns), round(RATE_HZ / self.format.rate_hz)))
        assert (self.scene.times_ns[steps] + zero_ns == frames["timestamp_ns"]).all()
        assert (frames["camera"] == name).all()
        marked = self.scene.tracks[self.scene.tracks["track_id"] == MARKED].iloc[steps]
        corners = project(
            box_corners(marked) + self.shift_m,
            camera=camera,
            position_m=frames[XYZ].to_numpy()[:, None],
            quaternion_wxyz=frames[QUATERNION].to_numpy()[:, None],
        )[..., :2]
        for path, low, high in zip(frames["path"], corners.min(axis=1), corners.max(axis=1), strict=True):
            image = cv2.imread(str(self.drive.path / path)).astype(int)
            v, u = np.nonzero(image[..., 2] - image[..., :2].max(axis=2) > 80)
            np.testing.assert_allclose([u.min(), v.min(), u.max(), v.max()], [*low, *high], atol=2.0)

    def assert_map(self) -> None:
        """Lanes, their middles, crossings and drivable area lie where they were."""
        truth, read = self.scene.map, self.drive.map
        if not self.format.holds & {"map", "drivable_area"}:
            assert read is None
            return
        assert read is not None
        self._assert_area(read.drivable_area, truth.drivable_area)
        if "map" in self.format.holds:
            for parts, true in ((read.lanes, truth.lanes), (read.crossings, truth.crossings)):
                assert len(parts) == len(true)
                for part, true_part in zip(parts, true, strict=True):
                    self._assert_area(part, true_part)
            assert len(read.centerlines) == len(truth.centerlines)
            for line, true_line in zip(read.centerlines, truth.centerlines, strict=True):
                moved = translate(true_line, *self.shift_m[:2])
                assert shapely.hausdorff_distance(line, moved) <= TOLERANCE_M
                assert line.project(Point(moved.coords[-1])) > 0.9 * line.length  # it runs the same way

    def _assert_area(self, read: Polygon | MultiPolygon, true: Polygon | MultiPolygon) -> None:
        true = translate(true, *self.shift_m[:2])
        # Maps in pixels of half a metre, as KITTI forecasting's, follow an edge to a quarter of a metre.
        allowed_m = 0.3 if "drivable_area" in self.format.holds else TOLERANCE_M
        assert shapely.symmetric_difference(read, true).area <= allowed_m * true.length


def told(format_: Format, folder: Path, scene: MadeUpScene | None = None) -> Told:
    """Write the scene, read it back."""
    scene = scene or made_up_scene()
    return Told(format=format_, scene=scene, drive=format_.read(folder, scene))
