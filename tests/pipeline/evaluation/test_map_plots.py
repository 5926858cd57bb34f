"""The map lies in the picture where it lies in the scene."""

from __future__ import annotations

import numpy as np
from shapely import LineString, box

from pipeline.drives.map import DriveMap, polygons, union
from pipeline.evaluation.map_plots import GROUND, draw_map
from pipeline.evaluation.style import figure


def test_the_drivable_area_is_drawn_in_the_scene_frame_with_its_holes() -> None:
    ring = polygons([box(100, 200, 140, 220).difference(box(110, 205, 120, 215))])
    drive_map = DriveMap(
        lanes=ring,
        crossings=(),
        drivable_area=union([*ring, box(150, 200, 160, 220)]),
        centerlines=(LineString([(100, 202), (140, 202)]),),
    )
    made, [axes] = figure(width=4.0, height=3.0)
    axes.set(xlim=(-5, 70), ylim=(-5, 30))
    draw_map(axes, drive_map, origin_m=np.array([100.0, 200.0]))
    axes.grid(visible=False)
    made.canvas.draw()
    pixels = np.asarray(made.canvas.buffer_rgba())  # pyright: ignore[reportAttributeAccessIssue]
    points = {(5, 6): True, (15, 10): False, (35, 19): True, (45, 10): False, (55, 10): True, (-2, 5): False}
    for point, inside in points.items():
        x, y = axes.transData.transform(point).round().astype(int)
        colour = "#" + bytes(pixels[len(pixels) - 1 - y, x, :3].tolist()).hex()
        assert colour == (GROUND if inside else "#ffffff"), point
    edges, middles = axes.collections
    assert [line.tolist() for line in middles.get_segments()] == [[[0, 2], [40, 2]]]
    assert {tuple(corner) for edge in edges.get_segments() for corner in edge} >= {(0, 0), (40, 20), (10, 5), (20, 15)}
    assert (axes.get_xlim(), axes.get_ylim()) == ((-5, 70), (-5, 30))
