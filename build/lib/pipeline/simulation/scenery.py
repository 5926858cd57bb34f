"""What stands beside the roads: buildings and trees, which hide agents and are seen in the frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from jaxtyping import Float

from pipeline.simulation.polylines import lefts, lengths_m, points_at
from pipeline.simulation.recording import Lane, Network

NUM_STYLES: Final = 8
_FAST_MPS: Final = 24.0  # roads for faster traffic run through open country
_BUILDING_GAP_M: Final = 3.0  # least way from a wall to any road, sidewalk, crossing or junction
_TREE_GAP_M: Final = 0.7  # the same from a trunk's middle
_REACH_M: Final = 16.0  # a building may stand this far behind its line, where a junction or a bend takes the place


@dataclass(frozen=True, kw_only=True, slots=True)
class Building:
    """A block with a flat roof.

    Attributes:
        corners_m: The four corners of its footprint, counter-clockwise.
        height_m: Of the roof.
        style: Picks its colours and windows.
    """

    corners_m: Float[np.ndarray, "4 2"]
    height_m: float
    style: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A trunk with a round crown."""

    place_m: Float[np.ndarray, " 2"]
    crown_radius_m: float
    height_m: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenery:
    """What stands beside the roads of one drive."""

    buildings: tuple[Building, ...]
    trees: tuple[Tree, ...]


def place_scenery(network: Network, *, seed: int) -> Scenery:
    """Line the roads with houses and trees; in open country mostly with trees.

    Nothing stands on a road, a sidewalk, a crossing or a junction, no building in another, no trunk in a building.
    """
    rng = np.random.default_rng([seed, 0x5CE])
    taken = [shapely.make_valid(shapely.Polygon(lane.outline_m)) for lane in network.lanes]
    taken += [shapely.make_valid(shapely.Polygon(outline_m)) for outline_m in network.junctions_m]
    ground = shapely.STRtree(taken)
    sides = [
        (lane, side)
        for lane in sorted(network.lanes, key=lambda lane: lane.lane_id)
        if lane.kind == "road"
        for side in (-1.0, 1.0)
        if float(lengths_m(lane.centre_m)[-1]) > 8.0
    ]
    buildings: list[Building] = []
    walls: list[shapely.Polygon] = []
    for lane, side in sides:
        _line_with_buildings(lane, side=side, ground=ground, buildings=buildings, walls=walls, rng=rng)
    solid = shapely.STRtree(walls)
    trees = [tree for lane, side in sides for tree in _trees_along(lane, side=side, rng=rng)]
    trunks = shapely.points(np.array([tree.place_m for tree in trees]).reshape(-1, 2))
    crowns_m = np.array([tree.crown_radius_m for tree in trees])
    free = np.ones(len(trees), dtype=np.bool_)
    free[ground.query(trunks, predicate="dwithin", distance=_TREE_GAP_M)[0]] = False
    free[solid.query(trunks, predicate="dwithin", distance=0.8 * crowns_m)[0]] = False
    trees = _thinned([tree for tree, is_free in zip(trees, free, strict=True) if is_free])
    return Scenery(buildings=tuple(buildings), trees=tuple(trees))


def _line_with_buildings(
    lane: Lane,
    *,
    side: float,
    ground: shapely.STRtree,
    buildings: list[Building],
    walls: list[shapely.Polygon],
    rng: np.random.Generator,
) -> None:
    country = lane.speed_mps > _FAST_MPS
    length_m = float(lengths_m(lane.centre_m)[-1])
    along_m = float(rng.uniform(0.0, 6.0))
    while along_m < length_m:
        front_m, deep_m = rng.uniform(9.0, 22.0), rng.uniform(9.0, 15.0)
        floors = (
            int(rng.integers(1, 3))
            if country
            else int(rng.choice([2, 3, 4, 5, 6, 8], p=[0.2, 0.25, 0.2, 0.15, 0.12, 0.08]))
        )
        height_m = 3.1 * floors + float(rng.uniform(0.6, 1.4))
        style = int(rng.integers(NUM_STYLES))
        skipped = rng.random() < (0.88 if country else 0.14)
        middle_m = min(along_m + front_m / 2, length_m)
        setback_m = lane.width_m / 2 + rng.uniform(5.5, 9.0) + (22.0 if country else 0.0)
        along_m += front_m + float(rng.choice([0.4, 2.5, 6.0])) + (14.0 if country else 0.0)
        if skipped:
            continue
        for further_m in np.arange(0.0, _REACH_M, 2.5):
            corners_m = _block(
                lane, at_m=middle_m, left_m=side * (setback_m + further_m), front_m=front_m, deep_m=deep_m
            )
            shape = shapely.Polygon(corners_m)
            if len(ground.query(shape, predicate="dwithin", distance=_BUILDING_GAP_M)):
                continue
            if not any(wall.intersects(shape) for wall in walls if wall.distance(shape) < 0.3):
                buildings.append(Building(corners_m=corners_m, height_m=height_m, style=style))
                walls.append(shape)
            break


def _block(lane: Lane, *, at_m: float, left_m: float, front_m: float, deep_m: float) -> Float[np.ndarray, "4 2"]:
    """A rectangle whose front is parallel to the lane, ``left_m`` away; its corners counter-clockwise."""
    start_m, end_m = points_at(lane.centre_m, np.array([max(at_m - 2.0, 0.0), at_m + 2.0]))
    left = lefts(np.stack([start_m, end_m]))[0]
    along = np.array([left[1], -left[0]])
    (middle_m,) = points_at(lane.centre_m, np.array([at_m]))
    near_m = middle_m + left * left_m
    far_m = near_m + left * np.sign(left_m) * deep_m
    corners_m = np.array(
        [
            near_m - along * front_m / 2,
            near_m + along * front_m / 2,
            far_m + along * front_m / 2,
            far_m - along * front_m / 2,
        ]
    )
    return corners_m if left_m > 0 else corners_m[::-1].copy()


def _trees_along(lane: Lane, *, side: float, rng: np.random.Generator) -> list[Tree]:
    """Trees in rows beside a lane, wherever that is."""
    country = lane.speed_mps > _FAST_MPS
    length_m = float(lengths_m(lane.centre_m)[-1])
    trees: list[Tree] = []
    for row in range(3 if country else 2):
        step_m = 9.0 + 5.0 * row
        ways_m = np.arange(float(rng.uniform(0, step_m)), length_m, step_m)
        ways_m = ways_m[rng.random(len(ways_m)) < (0.55 if country else 0.4)]
        near_m = lane.width_m / 2 + (5.0 if country else 0.0) + rng.uniform(3.2, 4.2, len(ways_m))
        near_m += row * rng.uniform(6.0, 14.0, len(ways_m))
        radii_m, heights_m = rng.uniform(1.4, 2.6, len(ways_m)), rng.uniform(5.5, 9.5, len(ways_m))
        places_m = points_at(lane.centre_m, ways_m)
        along = points_at(lane.centre_m, ways_m + 1.0) - points_at(lane.centre_m, np.maximum(ways_m - 1.0, 0.0))
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
        places_m = places_m + side * near_m[:, None] * np.column_stack([-along[:, 1], along[:, 0]])
        trees += [
            Tree(place_m=place_m, crown_radius_m=float(radius_m), height_m=float(height_m))
            for place_m, radius_m, height_m in zip(places_m, radii_m, heights_m, strict=True)
        ]
    return trees


def _thinned(trees: list[Tree]) -> list[Tree]:
    """Without trees nearer than four metres to one before."""
    kept: list[Tree] = []
    places = np.zeros((len(trees), 2))
    for tree in trees:
        others = places[: len(kept)]
        if not kept or float(np.min(np.sum((others - tree.place_m) ** 2, axis=1))) > 16.0:
            places[len(kept)] = tree.place_m
            kept.append(tree)
    return kept
