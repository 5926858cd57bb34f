"""Who goes where and when: trips over all ways through a world, walks along and across its streets, buses that stop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.simulation.recording import World
from pipeline.simulation.vehicles import RoadUser, make_user
from pipeline.simulation.worlds.build import element
from pipeline.simulation.worlds.plan import Plan, Road

_IN_TOWN: Final = {"car": 0.62, "van": 0.1, "truck": 0.06, "bus": 0.05, "motorcycle": 0.06, "bicycle": 0.11}
_ON_MOTORWAY: Final = {"car": 0.72, "van": 0.1, "truck": 0.12, "bus": 0.02, "motorcycle": 0.04}
# Vehicles an hour and unit of flow (a lane): from free traffic to queues that a green light just clears.
_FLOW_PER_H: Final[dict[World, tuple[float, float]]] = {
    "grid": (160.0, 280.0),
    "crossing": (280.0, 440.0),
    "roundabout": (350.0, 600.0),
    "motorway": (1250.0, 2100.0),
}
_WALKERS_PER_H: Final = (20.0, 50.0)  # for each direction of each street with a sidewalk
_BUS_STOP_M: Final = 26.0
_SHORTEST_ROAD_FOR_A_STOP_M: Final = 70.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """All road users of one simulation.

    Attributes:
        users: By id.
        files: What SUMO reads: the bus stops, then the trips.
    """

    users: dict[str, RoadUser]
    files: tuple[Path, Path]


def write_demand(
    plan: Plan,
    *,
    world: World,
    until_s: float,
    reachable: dict[str, dict[str, list[str]]],
    folder: Path,
    seed: list[int],
) -> Demand:
    """Draw all road users and write them down for SUMO.

    Args:
        plan: The world.
        world: Its family.
        until_s: The last departure is before this time.
        reachable: For passenger and bicycle (SUMO's classes), for each entry, the exits to which a way leads; all
            others go where passengers go.
        folder: Where the files are written.
        seed: Of all that is drawn here.
    """
    rng = np.random.default_rng(seed)
    stops = _bus_stops(plan)
    flow_per_h = rng.uniform(*_FLOW_PER_H[world])
    users: dict[str, RoadUser] = {}
    departures: list[tuple[float, str]] = []
    shares = _ON_MOTORWAY if world == "motorway" else _IN_TOWN
    ends = {road.name: road for road in plan.exits}
    flow_to = {name: road.flow for name, road in ends.items()}
    for road in plan.entries:
        for depart_s in _arrivals(rng, per_h=flow_per_h * road.flow, until_s=until_s):
            category = str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
            exits = reachable["bicycle" if category == "bicycle" else "passenger"][road.name]
            weights = np.array([flow_to[name] for name in exits])
            end = exits[int(rng.choice(len(exits), p=weights / weights.sum()))]
            if category == "bus":
                end = _straight_on(road, [ends[name] for name in exits]).name
            user = make_user(f"{category}{len(users)}", category=category, on_motorway=world == "motorway", rng=rng)
            users[user.name] = user
            departures.append((depart_s, _trip(user, depart_s, road, end, stops=stops, rng=rng)))
    pavements = [road for road in plan.roads if road.sidewalk_m > 0]
    walkers_per_h = rng.uniform(*_WALKERS_PER_H)
    for road in pavements:
        for depart_s in _arrivals(rng, per_h=walkers_per_h, until_s=until_s):
            end = pavements[int(rng.integers(len(pavements)))]
            user = make_user(f"pedestrian{len(users)}", category="pedestrian", on_motorway=False, rng=rng)
            users[user.name] = user
            departures.append((depart_s, _walk(user, depart_s, road, end, rng=rng)))
    departures.sort(key=lambda departure: departure[0])
    stops_path, trips_path = folder / "stops.add.xml", folder / "trips.rou.xml"
    stop_lines = [line for _, line in stops.values()]
    stops_path.write_text("\n".join(("<additional>", *stop_lines, "</additional>\n")), encoding="utf-8")
    types = [user.type_line for user in users.values()]
    trips = [line for _, line in departures]
    trips_path.write_text("\n".join(("<routes>", *types, *trips, "</routes>\n")), encoding="utf-8")
    return Demand(users=users, files=(stops_path, trips_path))


def _arrivals(rng: np.random.Generator, *, per_h: float, until_s: float) -> list[float]:
    number = int(rng.poisson(per_h * until_s / 3600))
    return [round(float(time_s), 1) for time_s in np.sort(rng.uniform(0, until_s, number))]


def _length_m(road: Road) -> float:
    return float(np.hypot(*np.diff(road.shape_m, axis=0).T).sum())


def _bus_stops(plan: Plan) -> dict[str, tuple[str, str]]:
    """Id and line of the bus stop of every entry that is long enough for one."""
    stops: dict[str, tuple[str, str]] = {}
    for road in plan.entries:
        length_m = _length_m(road)
        if road.sidewalk_m == 0 or length_m < _SHORTEST_ROAD_FOR_A_STOP_M:
            continue
        lane = f"{road.name}_1"  # beside the sidewalk
        start_m = 0.45 * length_m
        name = f"stop{road.name}"
        line = element("busStop", id=name, lane=lane, startPos=start_m, endPos=start_m + _BUS_STOP_M / 2 + 1)
        stops[road.name] = (name, line)
    return stops


def _straight_on(entry: Road, exits: list[Road]) -> Road:
    """The exit that lies straight ahead: a bus keeps to its street, and does not stand across a junction to turn."""
    ahead_m = entry.shape_m[1] - entry.shape_m[0]
    ways_m = np.stack([road.shape_m[-1] for road in exits]) - entry.shape_m[0]
    return exits[int(np.argmax(ways_m @ ahead_m / np.hypot(*ways_m.T)))]


def _trip(
    user: RoadUser,
    depart_s: float,
    road: Road,
    end: str,
    *,
    stops: dict[str, tuple[str, str]],
    rng: np.random.Generator,
) -> str:
    attributes: dict[str, object] = {"id": user.name, "type": user.name, "depart": depart_s, "from_": road.name}
    attributes |= {"to": end, "departLane": "best", "departSpeed": "max"}
    attributes["departPosLat"] = "right" if user.category == "bicycle" else "center"
    line = element("trip", **attributes)
    if user.category == "bus" and road.name in stops:
        stop = element("stop", busStop=stops[road.name][0], duration=float(rng.uniform(8, 16)))
        line = line.removesuffix("/>") + f">{stop}</trip>"
    return line


def _walk(user: RoadUser, depart_s: float, road: Road, end: Road, *, rng: np.random.Generator) -> str:
    length_m, end_length_m = _length_m(road), _length_m(end)
    walk = element("walk", from_=road.name, to=end.name, arrivalPos=float(rng.uniform(0.3, 0.7)) * end_length_m)
    position_m = float(rng.uniform(0.2, 0.8)) * length_m
    person = element("person", id=user.name, type=user.name, depart=depart_s, departPos=position_m)
    return person.removesuffix("/>") + f">{walk}</person>"
