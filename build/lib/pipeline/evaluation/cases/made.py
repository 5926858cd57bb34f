"""Constructed scenes as windows, through the same code as any drive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Int

from pipeline.config import IngestConfig, WindowsConfig
from pipeline.evaluation.cases.cases import CASES, make_scenes
from pipeline.evaluation.cases.recording import PERIOD_S, forecast_time_ns, record, track_id
from pipeline.evaluation.cases.scenes import FUTURE_S, OBSERVED_S
from pipeline.ingest.ingest import ingest_drive
from pipeline.ingest.split import Block, Split
from pipeline.progress import track
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.select import select_scenes
from pipeline.windows.windows import Windows

Part = Literal["train", "validation", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "validation", "test")
EVERY_S: Final = 2.0  # between forecast times: each scene's own is among them


@dataclass(frozen=True, kw_only=True, slots=True)
class Constructed:
    """Windows of constructed scenes, and who is judged in them.

    Attributes:
        windows: One scene for each that was constructed, at its forecast time.
        case: Index into ``CASES`` of each scene.
        reacting: The agents whose future depends on another's.
        reacts: Those of them whose partner makes them change their speed.
    """

    windows: Windows
    case: Int[np.ndarray, " b"]
    reacting: Bool[np.ndarray, " n"]
    reacts: Bool[np.ndarray, " n"]

    def take(self, scenes: Int[np.ndarray, " s"]) -> Constructed:
        """Some of the scenes, by ascending number."""
        assert (np.diff(scenes) > 0).all()
        agents = np.isin(self.windows.observed.scene, scenes)
        return Constructed(
            windows=select_scenes(self.windows, scenes),
            case=self.case[scenes],
            reacting=self.reacting[agents],
            reacts=self.reacts[agents],
        )


def construct(
    num_scenes: Mapping[Part, int], *, seed: int, ingest: IngestConfig, windows: WindowsConfig
) -> Constructed:
    """Make scenes of all cases, record them as drives, clean these and cut windows.

    Args:
        num_scenes: Of each case, for each part of the split.
        seed: Of everything.
        ingest: The section ``ingest``.
        windows: The section ``windows``; forecast times are each scene's own, whatever it says.
    """
    config = windows.model_copy(update={"every_s": EVERY_S})
    assert config.observed_s <= OBSERVED_S, "the scenes hold no more"
    assert config.future_s <= FUTURE_S, "the scenes hold no more"
    assert PERIOD_S % EVERY_S == 0.0
    assert OBSERVED_S % EVERY_S == 0.0
    cleans, blocks, reacts = [], {}, {}
    drawn: list[tuple[str, Part]] = [(case, part) for case in CASES for part in PARTS]
    for case, part in track(drawn, total=len(drawn), description="scenes"):
        rng = np.random.default_rng([seed, list(CASES).index(case), PARTS.index(part)])
        scenes, name = make_scenes(case, num=num_scenes[part], rng=rng), f"{case}-{part}"
        clean = ingest_drive(record(scenes, name=name, rng=rng), config=ingest)
        first, last = int(clean.step_times_ns[0]), int(clean.step_times_ns[-1])
        cleans.append(clean)
        blocks[name] = (Block(split=part, start_ns=first, end_ns=last),)
        reacts |= {(name, track_id(number, "reacting")): bool(value) for number, value in enumerate(scenes.reacts)}
    split = Split(method="drives", why="constructed scenes", blocks=blocks)
    features = {clean.name: SceneFeatures.empty(clean, channels=1) for clean in cleans}
    everything = build_windows(cleans, features, config=config, split=split)
    times_ns = [forecast_time_ns(number) for number in range(max(num_scenes.values()))]
    chosen = select_scenes(everything, np.flatnonzero(np.isin(everything.index.t0_ns, times_ns)))
    names = [everything.index.track_names[number] for number in chosen.index.track]
    case_of_drive = np.array([list(CASES).index(name.partition("-")[0]) for name in chosen.index.drive_names])
    return Constructed(
        windows=chosen,
        case=case_of_drive[chosen.index.drive],
        reacting=np.array([name in reacts for name in names]),
        reacts=np.array([reacts.get(name, False) for name in names]),
    )
