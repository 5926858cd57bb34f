"""One drive's traffic, by SUMO's own programs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipeline.errors import InputError
from pipeline.simulation.demand import write_demand
from pipeline.simulation.network import read_network, read_turns
from pipeline.simulation.output import read_agents, read_signals
from pipeline.simulation.programs import run_program
from pipeline.simulation.recording import WORLDS, Network, Recording, World
from pipeline.simulation.stretch import Stretch, find_stretch
from pipeline.simulation.worlds.build import build_network, element
from pipeline.simulation.worlds.plan import Plan
from pipeline.simulation.worlds.worlds import plan_world

_MAX_ATTEMPTS: Final = 8
_WARM_UP_S: Final = 80.0  # until the world is as full as it will be
# Simulated beyond a drive's length, so that there are stretches to choose from.
_SPARE_S: Final[dict[World, float]] = {"grid": 60.0, "crossing": 60.0, "roundabout": 60.0, "motorway": 20.0}


def simulate_traffic(world: World, *, seed: int, duration_s: float, rate_hz: float) -> Recording:
    """A drive through a world of its own: the same arguments give the same drive, other seeds another world.

    Args:
        world: The family of roads.
        seed: Of everything that is drawn.
        duration_s: Of the drive.
        rate_hz: Steps a second; 1000 must be a multiple of it, as SUMO counts milliseconds.

    Raises:
        InputError: SUMO is not installed or failed, or no car drives as long as ``duration_s`` through such a world.
    """
    step_ms = 1000 / rate_hz
    if not step_ms.is_integer():
        raise ValueError(f"rate_hz: {rate_hz} Hz is not a whole number of milliseconds a step")
    num_steps = round(duration_s * rate_hz)
    for attempt in range(_MAX_ATTEMPTS):
        seeds = [seed, WORLDS.index(world), attempt]
        with tempfile.TemporaryDirectory(prefix="headway-sumo-") as folder:
            network, agents, signals = _run(
                world, seeds=seeds, duration_s=duration_s, step_ms=int(step_ms), folder=Path(folder)
            )
        stretch = find_stretch(agents, num_steps=num_steps, rate_hz=rate_hz)
        if stretch is not None:
            return _record(world, network, agents, signals, stretch=stretch, rate_hz=rate_hz)
    raise InputError(
        "simulate: duration_s",
        f"no car drives {duration_s:g} s through any of {_MAX_ATTEMPTS} worlds ({world}, seed {seed})",
        "ask for a shorter drive, or for another seed",
    )


def _run(
    world: World, *, seeds: list[int], duration_s: float, step_ms: int, folder: Path
) -> tuple[Network, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng([*seeds, 0])
    plan = plan_world(world, rng=rng, duration_s=duration_s)
    net = build_network(plan, folder=folder, cycle_s=int(rng.integers(44, 76)))
    end_s = _WARM_UP_S + duration_s + _SPARE_S[world]
    reachable = {name: _reachable(plan, net, vehicle_class=name) for name in ("passenger", "bicycle")}
    demand = write_demand(plan, world=world, until_s=end_s, reachable=reachable, folder=folder, seed=[*seeds, 1])
    lights = sorted(junction.name for junction in plan.junctions if junction.kind == "traffic_light")
    events = [element("timedEvent", type="SaveTLSStates", source=light, dest=f"{light}.tls.xml") for light in lights]
    (folder / "lights.add.xml").write_text("\n".join(("<additional>", *events, "</additional>\n")), encoding="utf-8")
    trips = demand.files[1].name
    run_program(
        "sumo",
        (
            *("--net-file", net.name, "--route-files", trips),
            *("--additional-files", f"{demand.files[0].name},lights.add.xml"),
            *("--seed", str(int(rng.integers(2**31 - 1)))),
            *("--begin", "0", "--end", f"{end_s}", "--step-length", f"{step_ms / 1000}"),
            # The sublane model: vehicles move sideways steadily. (With --lanechange.duration instead, a vehicle that
            # comes to a stop between two lanes has others drive through it: 965 steps in three grids of 100 s; here 8.)
            *("--lateral-resolution", "0.8"),
            *("--time-to-impatience", "30"),
            *("--time-to-teleport", "-1", "--collision.action", "warn", "--collision.check-junctions", "true"),
            *("--fcd-output", "vehicles.csv", "--person-fcd-output", "persons.csv"),
            *("--fcd-output.signals", "true", "--fcd-output.acceleration", "true"),
            *("--device.fcd.begin", f"{_WARM_UP_S}", "--precision", "4"),
            *("--no-step-log", "true", "--xml-validation", "never"),
        ),
        folder=folder,
    )
    agents = read_agents(folder / "vehicles.csv", folder / "persons.csv", users=demand.users)
    signals = read_signals([folder / f"{light}.tls.xml" for light in lights])
    return read_network(net), agents, signals


def _reachable(plan: Plan, net: Path, *, vehicle_class: str) -> dict[str, list[str]]:
    """For each entry, the exits to which a way leads, but for the one beside it."""
    turns = read_turns(net, vehicle_class=vehicle_class)
    reachable: dict[str, list[str]] = {}
    for entry in plan.entries:
        seen, new = {entry.name}, [entry.name]
        while new:
            new = sorted({end for start in new for end in turns[start]} - seen)
            seen.update(new)
        reachable[entry.name] = [road.name for road in plan.exits if road.name in seen and road.end != entry.start]
    return reachable


def _record(
    world: World,
    network: Network,
    agents: pd.DataFrame,
    signals: pd.DataFrame,
    *,
    stretch: Stretch,
    rate_hz: float,
) -> Recording:
    times_ns = np.unique(agents["timestamp_ns"].to_numpy())[stretch.start : stretch.start + stretch.num_steps]
    start_ns, end_ns = int(times_ns[0]), int(times_ns[-1])

    def cut(table: pd.DataFrame) -> pd.DataFrame:
        inside = table[table["timestamp_ns"].between(start_ns, end_ns)]
        return inside.assign(timestamp_ns=inside["timestamp_ns"] - start_ns).reset_index(drop=True)

    kept = agents[agents["agent_id"].isin(stretch.agent_ids)]
    return Recording(
        world=world,
        network=network,
        rate_hz=rate_hz,
        ego_id=stretch.ego_id,
        agents=cut(kept),
        signals=cut(signals),
    )
