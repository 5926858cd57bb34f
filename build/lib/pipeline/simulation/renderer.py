"""Camera frames of a recorded drive: ground, sky, buildings, trees, signals and road users."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from pipeline.drives.drive import Camera
from pipeline.simulation.beam import GroundLight, beam_light
from pipeline.simulation.crowd import Crowd
from pipeline.simulation.depth_order import draw_order, hidden_by, nearest_m
from pipeline.simulation.facades import Facades, draw_patch
from pipeline.simulation.faces import Bodies, Polygon, polygons_of, together
from pipeline.simulation.glows import Glow, draw_glow, glows_of
from pipeline.simulation.ground import Ground
from pipeline.simulation.haze import haze_of
from pipeline.simulation.heads import head_colours, posts_of
from pipeline.simulation.lens import Lens
from pipeline.simulation.recording import Recording
from pipeline.simulation.scenery import Scenery
from pipeline.simulation.shadows import draw_shadows, standing_shadows_m
from pipeline.simulation.sky import Sky
from pipeline.simulation.trees import Trees
from pipeline.simulation.view import SHIFT, View, view_of
from pipeline.simulation.weather import Weather

_BODIES_M: Final = 260.0  # nothing further away than these is drawn
_TREES_M: Final = 170.0
_BLOCKS_M: Final = 320.0


class Renderer:
    """A pinhole renderer for one drive. The same arguments give the same bytes, in any order of frames.

    Far things are drawn first (the painter's algorithm); the ground is flat, so it needs no order.

    Args:
        recording: The drive; its ego is not drawn, for the cameras are in it.
        scenery: What stands beside the roads.
        weather: Light and colours.
        seed: Of textures, paints and the camera's noise.
    """

    def __init__(self, recording: Recording, scenery: Scenery, *, weather: Weather, seed: int) -> None:
        haze = haze_of(weather)
        self._weather, self._haze = weather, haze
        self._crowd = Crowd(recording, seed=seed)
        self._sky = Sky(weather, seed=seed)
        self._ground = Ground(
            recording.network,
            path_m=self._crowd.path_m(),
            motorway=recording.world == "motorway",
            shadows_m=standing_shadows_m(scenery, weather=weather),
            weather=weather,
            seed=seed,
        )
        self._ground_light = GroundLight(weather, haze=haze)
        self._facades = Facades(scenery.buildings, haze=haze, weather=weather, seed=seed)
        self._trees = Trees(scenery.trees, haze=haze, weather=weather, seed=seed)
        self._posts = posts_of(recording.network)
        self._post_places_m = np.array([post.place_m for post in self._posts]).reshape(-1, 2)
        self._lens = Lens(weather, seed=seed)
        signals = recording.signals
        self._states = {
            (int(time), str(signal_id)): str(state)
            for time, signal_id, state in zip(
                signals["timestamp_ns"], signals["signal_id"], signals["state"], strict=True
            )
        }

    def frame(
        self,
        timestamp_ns: int,
        camera: Camera,
        position_m: Float[np.ndarray, "3"],
        quaternion_wxyz: Float[np.ndarray, "4"],
    ) -> UInt8[np.ndarray, "y x 3"]:
        """One camera's picture at one step.

        Args:
            timestamp_ns: A step of the recording.
            camera: Intrinsics.
            position_m: The camera's place in the world.
            quaternion_wxyz: World from camera, optical axes: x right, y down, z forward.

        Returns:
            Blue, green, red.
        """
        view = view_of(camera, position_m=position_m, quaternion_wxyz=quaternion_wxyz)
        image = np.zeros((camera.height_px, camera.width_px, 3), dtype=np.uint8)
        _, ego_heading_rad = self._crowd.ego(timestamp_ns)
        self._sky.draw(image, view=view)
        self._ground.draw(image, view=view)
        self._ground_light.apply(image, view=view, ego_heading_rad=ego_heading_rad)
        self._draw_things(image, view=view, timestamp_ns=timestamp_ns, ego_heading_rad=ego_heading_rad)
        self._lens.apply(image, timestamp_ns=timestamp_ns)
        return image

    def _draw_things(
        self, image: UInt8[np.ndarray, "y x 3"], *, view: View, timestamp_ns: int, ego_heading_rad: float
    ) -> None:
        camera_m = view.position_m[:2]
        blocks = _in_sight(self._facades.corners_m, view=view, reach_m=_BLOCKS_M)
        blocks_m = self._facades.corners_m[blocks]
        footprints = self._crowd.footprints(timestamp_ns)
        agents = _in_sight(footprints.corners_m, view=view, reach_m=_BODIES_M)
        trees = _in_sight(self._trees.places_m[:, None], view=view, reach_m=_TREES_M, wider_m=3.0)
        posts = _in_sight(self._post_places_m[:, None], view=view, reach_m=_BODIES_M, wider_m=6.0)

        points_m = np.concatenate([self._trees.places_m[trees], self._post_places_m[posts]])
        corners_m = footprints.corners_m[agents]
        all_m = np.concatenate([corners_m.reshape(-1, 2), points_m])
        all_hidden = hidden_by(all_m, camera_m=camera_m, blocks_m=blocks_m)
        agents_hidden = all_hidden[: 4 * len(agents)].reshape(len(agents), 4, len(blocks))
        points_hidden = all_hidden[4 * len(agents) :]
        agents_seen = np.logical_not(np.logical_or.reduce(np.all(agents_hidden, axis=1), axis=1))
        points_seen = np.logical_not(np.logical_or.reduce(points_hidden, axis=1))
        points_seen[len(trees) :] = True  # arms reach out from behind a wall
        agents = agents[agents_seen]
        trees, posts = trees[points_seen[: len(trees)]], posts[points_seen[len(trees) :]]
        middles_m = np.concatenate([corners_m[agents_seen].mean(axis=1), points_m[points_seen]])
        hidden = np.concatenate([np.logical_or.reduce(agents_hidden[agents_seen], axis=1), points_hidden[points_seen]])
        distances_m = np.linalg.norm(middles_m - camera_m, axis=1)

        draw_shadows(
            image,
            corners_m=footprints.corners_m[agents],
            heights_m=footprints.heights_m[agents],
            weather=self._weather,
            view=view,
        )
        light = self._beam_at(middles_m, camera_m=camera_m, ego_heading_rad=ego_heading_rad)
        crowd = self._crowd.bodies(
            footprints.rows[agents],
            timestamp_ns=timestamp_ns,
            distances_m=distances_m[: len(agents)],
            light=light[: len(agents)],
            weather=self._weather,
        )
        heads = self._post_bodies(posts, timestamp_ns=timestamp_ns, light=light[len(light) - len(posts) :])
        bodies = self._lit(together(crowd, heads), view=view)
        feet_m = view.local(np.column_stack([self._trees.places_m[trees], np.zeros(len(trees))]))
        feet, feet_px, number_of = feet_m.tolist(), view.pixels(feet_m).tolist(), trees.tolist()
        blocks_away_m = nearest_m(blocks_m, camera_m=camera_m)
        patches = self._facades.patches(blocks, distances_m=blocks_away_m, view=view)
        order = draw_order(hidden, things_m=distances_m, blocks_m=blocks_away_m)
        for number in order.tolist():
            thing = number - len(blocks)
            if thing < 0:
                for patch in patches[number]:
                    draw_patch(image, patch)
            elif len(agents) <= thing < len(agents) + len(trees):
                tree = thing - len(agents)
                depth_m = feet[tree][2]
                if depth_m > 1.0:
                    u, v = feet_px[tree]
                    focal_px = view.camera.fx_px
                    self._trees.draw(image, number_of[tree], foot_px=(u, v), depth_m=depth_m, focal_px=focal_px)
            else:
                _draw_body(image, *bodies[thing if thing < len(agents) else thing - len(trees)])

    def _lit(self, bodies: Bodies, *, view: View) -> list[tuple[list[Polygon], list[Glow]]]:
        polygons = polygons_of(bodies, view=view, haze=self._haze, weather=self._weather)
        glows = glows_of(bodies, view=view, haze=self._haze, weather=self._weather)
        return list(zip(polygons, glows, strict=True))

    def _post_bodies(
        self, posts: Int[np.ndarray, " n"], *, timestamp_ns: int, light: Float[np.ndarray, " n"]
    ) -> Bodies:
        chosen = [self._posts[post] for post in posts]
        looks = [head_colours(self._states.get((timestamp_ns, post.signal_id), "")) for post in chosen]
        colours, shining = head_colours("")
        num_roles = len(colours)
        lit = np.zeros((len(chosen), num_roles), dtype=np.bool_)
        for row, (_, shining) in enumerate(looks):
            lit[row, list(shining)] = True
        return Bodies(
            meshes=[post.mesh for post in chosen],
            places_m=np.array([post.place_m for post in chosen]).reshape(-1, 2),
            headings_rad=np.array([post.heading_rad for post in chosen]),
            colours=np.array([look for look, _ in looks]).reshape(-1, num_roles, 3),
            shining=lit,
            light=light,
        )

    def _beam_at(
        self, places_m: Float[np.ndarray, "n 2"], *, camera_m: Float[np.ndarray, "2"], ego_heading_rad: float
    ) -> Float[np.ndarray, " n"]:
        offset_m = places_m - camera_m
        cos, sin = np.cos(ego_heading_rad), np.sin(ego_heading_rad)
        ahead_m = offset_m[:, 0] * cos + offset_m[:, 1] * sin
        left_m = offset_m[:, 1] * cos - offset_m[:, 0] * sin
        return beam_light(ahead_m, left_m, weather=self._weather)


def _draw_body(image: UInt8[np.ndarray, "y x 3"], polygons: list[Polygon], glows: list[Glow]) -> None:
    for points, colour in polygons:
        cv2.fillConvexPoly(image, points, colour, cv2.LINE_AA, SHIFT)
    for glow in glows:
        draw_glow(image, glow)


def _in_sight(
    points_m: Float[np.ndarray, "n p 2"], *, view: View, reach_m: float, wider_m: float = 1.0
) -> Int[np.ndarray, " k"]:
    """Which groups of ground points may be in the image: not all behind, all left of it or all right of it."""
    if not len(points_m):
        return np.zeros(0, dtype=np.int64)
    local_m = view.local_ground(points_m)
    camera = view.camera
    right_m, depth_m = local_m[..., 0], local_m[..., 2]
    left_edge = -camera.cx_px / camera.fx_px * depth_m - wider_m
    right_edge = (camera.width_px - camera.cx_px) / camera.fx_px * depth_m + wider_m
    shown = (depth_m > 0.0).any(axis=1) & (right_m > left_edge).any(axis=1) & (right_m < right_edge).any(axis=1)
    near = np.hypot(right_m, depth_m).min(axis=1) < reach_m
    return np.flatnonzero(shown & near)
