"""Who depends on others: followers and yielding vehicles, by rules on what was recorded.

They say which agents a result is reported for; the yielders' rule reads the recorded future, so nothing here may ever
become an input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from jaxtyping import Bool, Float, Int

from pipeline.baselines.history import any_step, groups, known_xy
from pipeline.drives.categories import Group
from pipeline.evaluation.course import Course, known_size, make_course
from pipeline.evaluation.leaders import MAX_TURN_RAD, NO_LEADER, leaders, nearest_ahead, on_wheels, wrapped
from pipeline.windows.windows import Future, Observed

STANDING_MPS: Final = 1.0
MIN_DROP_MPS: Final = 1.5
MIN_DROP: Final = 0.25
EXTENSION_M: Final = 15.0
NEAR_S: Final = 3.0
GAP_TIME_S: Final = 3.0
CROSSING_RAD: Final = (MAX_TURN_RAD, np.pi - MAX_TURN_RAD)
_MIN_MOTION_M: Final = 1.0  # whoever moves less within the horizon enters nobody's path
_TANGENT_M: Final = 1.0


def followers(observed: Observed, *, rate_hz: float) -> Bool[np.ndarray, " n"]:
    """Vehicles and two-wheelers with a leader at the forecast time; only what was observed is used."""
    return leaders(observed, rate_hz=rate_hz) != NO_LEADER


def moved_before(observed: Observed, *, distance_m: float) -> Bool[np.ndarray, " n"]:
    """Agents that were observed at least so far from where they were last seen: they move or have just stopped."""
    xy = known_xy(observed)
    last = observed.valid.shape[1] - 1 - np.argmax(observed.valid[:, ::-1], axis=1)
    offset = xy - xy[np.arange(len(xy)), last][:, None]
    return any_step(observed.valid & (np.hypot(offset[..., 0], offset[..., 1]) >= distance_m))


def yielders(observed: Observed, future: Future, *, rate_hz: float) -> Bool[np.ndarray, " n"]:
    """Vehicles and two-wheelers that let another road user go first, within the recorded future.

    The path ahead of the one that yields is its recorded future path, and on from its end (or from where it stands)
    15 m from its front straight along its heading. Another road user (a vehicle, two-wheeler, pedestrian or other, that
    is no static object) enters this path where its centre first comes within half of both widths of it. The agent
    yields to it where all of this holds:

    * the other enters ahead of the agent's front, at an angle of 45 to 135 degrees to the path then or a second
      before: it crosses, or merges from another direction; it neither changes lane, nor is followed, nor is oncoming;
    * the agent is near: the place is at most 15 m, or 3 s at its speed, ahead of its front at that time;
    * it gives way: by the time that the other has left the place, it stands (below 1 m/s), or it has slowed by 1.5 m/s
      and a quarter of its speed at least, since the forecast time;
    * it would have met the other: unless it stood, going on at its highest speed from the forecast time on it would
      have reached the place at most 3 s after the other left it (the gap time of Allen, Shin & Cooper 1978, "Analysis
      of traffic conflicts and collisions", Transportation Research Record 667; as there, what counts is that one
      comes after the other has left the place. SSAM, Gettman et al. 2008, takes up to 5 s for a conflict);
    * nobody else is in between: it has no leader nearer than that place, else it is its leader that yields.

    Whoever waits at a red light while others cross yields to them too: geometry does not show signals. Yielding to one
    that is gone before the forecast time, to one that is still to come when the future ends, or to an oncoming one
    before a turn that the recorded future does not show is not found. A leader that has turned off by more than 45
    degrees, and is still in the way, passes for one that crosses.

    Args:
        observed: All agents of the scenes.
        future: What was recorded of them.
        rate_hz: Of the steps.
    """
    result = np.zeros(len(observed.scene), dtype=bool)
    course = make_course(observed, future, rate_hz=rate_hz)
    size = known_size(observed)
    meetings = _meetings(course, observed, size)
    i, enter, leave = meetings.yielding, meetings.enter, meetings.leave
    speed = np.where(course.there, course.speed_mps, np.inf)[:, course.now :]
    highest = np.maximum.accumulate(course.speed_mps[:, course.now :], axis=1)
    drop = highest - speed
    slow = (speed < STANDING_MPS) | ((drop >= MIN_DROP_MPS) & (drop >= MIN_DROP * highest))
    gives_way = np.logical_or.accumulate(slow, axis=1)[i, leave]
    stood = np.logical_or.accumulate(speed < STANDING_MPS, axis=1)[i, enter]
    arrival_s = meetings.distance_m[:, 0] / np.maximum(highest[i, enter], STANDING_MPS)
    never = leave == speed.shape[1] - 1
    would_meet = stood | never | (arrival_s <= leave / rate_hz + GAP_TIME_S)
    distance = meetings.distance_m[np.arange(len(i)), enter]
    speed_then = course.speed_mps[i, course.now + enter]
    seen = course.there[i, course.now + enter]
    near = seen & (distance > 0) & (distance <= np.maximum(EXTENSION_M, NEAR_S * speed_then))
    chosen = np.flatnonzero(gives_way & would_meet & near & _crosses(course, meetings))
    first_in_line = ~_behind_another(course, observed, size, meetings, chosen, distance=distance[chosen])
    result[i[chosen[first_in_line]]] = True
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meetings:
    """Of m pairs: one that may yield, and another that enters its path. Steps count from the forecast time.

    Attributes:
        yielding: The agent whose path it is.
        other: The agent that enters it.
        enter: Step at which it does.
        leave: Step at which it has left the place; the last step where it does not.
        distance_m: From the yielding agent's front to the place, along its path, at every step.
        direction_rad: Of the path there.
    """

    yielding: Int[np.ndarray, " m"]
    other: Int[np.ndarray, " m"]
    enter: Int[np.ndarray, " m"]
    leave: Int[np.ndarray, " m"]
    distance_m: Float[np.ndarray, "m s"]
    direction_rad: Float[np.ndarray, " m"]


def _meetings(course: Course, observed: Observed, size_m: Float[np.ndarray, "n 2"]) -> _Meetings:
    xy = course.xy_m[:, course.now :]
    there = course.there[:, course.now :]
    # Scenes are laid out side by side, so that one tree finds all pairs.
    apart = 2.0 * float(np.abs(xy).max(initial=0.0)) + 1000.0
    xy = xy + (observed.scene * apart)[:, None, None] * np.array([1.0, 0.0])
    speed = np.where(there, course.speed_mps[:, course.now :], np.inf)
    drop = np.maximum.accumulate(np.where(there, speed, 0.0), axis=1) - speed
    slows = any_step(speed < STANDING_MPS) | any_step(drop >= MIN_DROP_MPS)
    mine = np.flatnonzero(on_wheels(observed) & slows & any_step(course.heading_valid[:, course.now :]))
    travelled = np.hypot(*np.moveaxis(xy - xy[:, :1], -1, 0)).max(axis=1, initial=0.0)
    moving = there[:, 1:].any(axis=1) & (travelled >= _MIN_MOTION_M)
    theirs = np.flatnonzero(moving & (groups(observed.category) != Group.STATIC))
    shift = xy[:, :1] - course.xy_m[:, course.now, None]
    path = np.asarray(shapely.linestrings(_path_ahead(course, size_m)[mine] + shift[mine]))
    tree = shapely.STRtree(np.asarray(shapely.linestrings(xy[theirs])))
    widest = float(size_m[theirs, 1].max(initial=0.0))
    a, b = tree.query(path, predicate="dwithin", distance=(size_m[mine, 1] + widest) / 2.0)
    width = (size_m[mine[a], 1] + size_m[theirs[b], 1]) / 2.0
    meets = (mine[a] != theirs[b]) & (shapely.distance(path[a], tree.geometries[b]) <= width)
    i, j, line, width = mine[a[meets]], theirs[b[meets]], path[a[meets]], width[meets]
    away = np.where(there[j], shapely.distance(line[:, None], shapely.points(xy[j])), np.inf)
    # Where it passes between two steps, the nearest step counts.
    enter = np.argmax(away <= np.maximum(width, away.min(axis=1, initial=np.inf))[:, None], axis=1)
    place = shapely.line_locate_point(line, shapely.points(xy[j, enter]))
    spot = _coordinates(line, place)
    gone = np.hypot(*np.moveaxis(xy[j] - spot[:, None], -1, 0)) > (size_m[j, 0] + size_m[i, 1])[:, None] / 2.0
    gone &= np.arange(xy.shape[1]) >= enter[:, None]
    along = shapely.line_locate_point(line[:, None], shapely.points(xy[i]))
    ahead = _coordinates(line, place + _TANGENT_M) - _coordinates(line, np.maximum(place - _TANGENT_M, 0.0))
    return _Meetings(
        yielding=i,
        other=j,
        enter=enter,
        leave=np.where(gone.any(axis=1), np.argmax(gone, axis=1), xy.shape[1] - 1),
        distance_m=place[:, None] - along - size_m[i, :1] / 2.0,
        direction_rad=np.arctan2(ahead[:, 1], ahead[:, 0]),
    )


def _path_ahead(course: Course, size_m: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n p 2"]:
    """The recorded path from the forecast time on, without jitter, and straight on from its end."""
    end, heading = course.anchor_m[:, -1], course.heading_rad[:, -1]
    rest = np.linalg.norm(course.xy_m[:, -1] - end, axis=-1) + size_m[:, 0] / 2.0 + EXTENSION_M
    beyond = end + rest[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return np.concatenate([course.anchor_m[:, course.now :], beyond[:, None]], axis=1)


def _crosses(course: Course, meetings: _Meetings) -> Bool[np.ndarray, " m"]:
    """The other comes at an angle when it enters, or did a second before."""
    crosses = np.zeros(len(meetings.enter), dtype=bool)
    for back in (0, course.second):
        step = np.maximum(course.now + meetings.enter - back, course.now)
        angle = np.abs(wrapped(course.heading_rad[meetings.other, step] - meetings.direction_rad))
        known = course.heading_valid[meetings.other, step]
        crosses |= known & (angle >= CROSSING_RAD[0]) & (angle <= CROSSING_RAD[1])
    return crosses


def _behind_another(
    course: Course,
    observed: Observed,
    size_m: Float[np.ndarray, "n 2"],
    meetings: _Meetings,
    chosen: Int[np.ndarray, " c"],
    *,
    distance: Float[np.ndarray, " c"],
) -> Bool[np.ndarray, " c"]:
    """When the other enters, somebody else is ahead in the agent's path and nearer than the place."""
    behind = np.zeros(len(chosen), dtype=bool)
    reach = np.full(len(size_m), float(distance.max(initial=0.0)))
    wheels = on_wheels(observed)
    for step in np.unique(meetings.enter[chosen]):
        now = course.now + step
        leader, gap = nearest_ahead(
            course.xy_m[:, now],
            course.heading_rad[:, now],
            size_m=size_m,
            scene=observed.scene,
            there=wheels & course.there[:, now] & course.heading_valid[:, now],
            reach_m=reach,
        )
        at = np.flatnonzero(meetings.enter[chosen] == step)
        i, j = meetings.yielding[chosen[at]], meetings.other[chosen[at]]
        behind[at] = (leader[i] != NO_LEADER) & (leader[i] != j) & (gap[i] < distance[at])
    return behind


def _coordinates(line: np.ndarray, place_m: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m 2"]:
    return shapely.get_coordinates(shapely.line_interpolate_point(line, place_m))
