"""ETH/UCY, leave one scene out: the benchmark that social LSTMs are known by, through the pipeline's own code.

The protocol is the literature's (Gupta et al., Social GAN, CVPR 2018): 8 observed and 12 future annotated frames;
windows of 20 consecutive ones, every person who is there in all 20 is scored; trained on the ``train`` part of all
other recordings, the epoch chosen on their ``val`` part, judged on the whole of the left-out scene; per person the
minimum over 20 forecasts.

Samples are the source's own: annotated frames are numbered one after the other, 0.4 s each, and nothing is
interpolated. Only what is known at a forecast time enters: neighbours are all who are seen then, whether they stay or
not.

A step of ``biwi_eth`` really lasts two thirds of a second: its annotations, 0.4 s and six frames apart, were once
interpolated to every tenth frame (Zhang et al., SR-LSTM, CVPR 2019). The protocol takes them for 0.4 s, so its people
seem to walk at 2.3 m/s. Where it is left out, the others train at its pace too, and validate at it: see ``read_part``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from pipeline.baselines import constant_velocity
from pipeline.baselines.constant_velocity import unfitted
from pipeline.config import IngestConfig, TrainConfig, WindowsConfig
from pipeline.drives.categories import Group
from pipeline.drives.drive import Drive
from pipeline.drives.eth_ucy import EthUcyReader
from pipeline.drives.reader import DriveRef
from pipeline.errors import InputError
from pipeline.evaluation import metrics
from pipeline.evaluation.protocol import in_all_steps, join_parts, windows_of
from pipeline.forecasts import Forecasts
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.ingest import ingest_drive
from pipeline.parallel import in_processes
from pipeline.progress import quiet, track
from pipeline.training.fit import fit_anew
from pipeline.training.predict import predict
from pipeline.windows.windows import Future

STEP_NS: Final = 400_000_000
_PACES: Final = {"eth": Fraction(3, 5)}  # how long a step is taken for over how long it lasts, where that is not one
NUM_MODES: Final = 20
SCENES: Final = {
    "eth": ("biwi_eth",),
    "hotel": ("biwi_hotel",),
    "univ": ("students001", "students003"),
    "zara1": ("crowds_zara01",),
    "zara2": ("crowds_zara02",),
}
RECORDINGS: Final = (*(name for names in SCENES.values() for name in names), "crowds_zara03", "uni_examples")
METRICS: Final = ("min_ade_20_m", "min_fde_20_m", "ade_m", "fde_m")
# Best of 20, ADE and FDE in metres, averaged over the five scenes, as their papers or later corrections report them.
PUBLISHED: Final = {
    "MoFlow (2025)": (0.20, 0.32),
    "PPT (2024)": (0.20, 0.31),
    "SingularTrajectory (2024)": (0.21, 0.32),
    "EigenTrajectory (2023)": (0.21, 0.34),
    "AgentFormer (2021), corrected": (0.23, 0.39),
    "Trajectron++ (2020), corrected": (0.31, 0.52),
    "Social GAN (2018), rescored": (0.34, 0.60),
}
PUBLISHED_SINGLE: Final = {"Social LSTM (2016), by Social GAN": (0.72, 1.54)}
_INGEST: Final = IngestConfig(rate_hz=2.5, snap_s=0.01, max_gap_s=0.4, max_speed_mps=70.0, min_motion_m=0.03)
WINDOWS: Final = WindowsConfig(
    observed_s=2.8, future_s=4.8, rate_hz=2.5, every_s=0.4, max_age_s=0.1, num_frames=1, frame_spacing_s=0.4
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneResult:
    """One training and its test.

    Attributes:
        scene: That was left out.
        seed: Of the training.
        metrics: Of ``METRICS``, means over all person windows, metres.
        constant_velocity: ADE and FDE of the last step's velocity, on the same.
        num_windows: Person windows that were scored.
        num_parameters: Of the network.
        best_epoch: Chosen on the validation part.
        minutes: Of training, on one core.
    """

    scene: str
    seed: int
    metrics: dict[str, float]
    constant_velocity: dict[str, float]
    num_windows: int
    num_parameters: int
    best_epoch: int
    minutes: float


def run_scene(scene: str, *, raw: Path, config: TrainConfig) -> SceneResult:
    """Train on all recordings but those of a scene, and judge on these.

    Args:
        scene: Of ``SCENES``.
        raw: Folder with ``train``, ``val`` and ``all_data``.
        config: The recipe.

    Raises:
        InputError: A recording is missing or cannot be read.
    """
    others = [name for name in RECORDINGS if name not in SCENES[scene]]
    pace = _PACES.get(scene, Fraction(1))
    train = [
        read_part(raw / "train", [f"{name}_train" for name in others], pace=each)
        for each in dict.fromkeys((Fraction(1), pace))
    ]
    parts = {
        "train": list(chain(*train)),
        "validation": read_part(raw / "val", [f"{name}_val" for name in others], pace=pace),
    }
    windows = join_parts(parts, config=WINDOWS)
    started_s = time.perf_counter()
    fitted = fit_anew(windows, config=config)
    minutes = (time.perf_counter() - started_s) / 60.0
    test = windows_of(read_part(raw / "all_data", list(SCENES[scene])), config=WINDOWS)
    scored = in_all_steps(test.observed, test.future)
    still = constant_velocity.forecast(
        test.observed,
        num_future=WINDOWS.num_future,
        rate_hz=WINDOWS.rate_hz,
        fitted=replace(unfitted(num_future=WINDOWS.num_future, rate_hz=WINDOWS.rate_hz), num_steps=(1,) * len(Group)),
    )
    return SceneResult(
        scene=scene,
        seed=config.seed,
        metrics=judge(predict(fitted.model, test), test.future, scored=scored),
        constant_velocity={name: judge(still, test.future, scored=scored)[name] for name in ("ade_m", "fde_m")},
        num_windows=int(scored.sum()),
        num_parameters=sum(parameter.numel() for parameter in fitted.model.parameters()),
        best_epoch=fitted.best_epoch,
        minutes=minutes,
    )


def judge(forecasts: Forecasts, future: Future, *, scored: Bool[np.ndarray, " n"]) -> dict[str, float]:
    """Means over the scored persons."""
    found = {
        "min_ade_20_m": metrics.min_ade(forecasts, future, num_modes=NUM_MODES),
        "min_fde_20_m": metrics.min_fde(forecasts, future, num_modes=NUM_MODES),
        "ade_m": metrics.ade(forecasts, future),
        "fde_m": metrics.fde(forecasts, future),
    }
    return {name: each.mean(scored) for name, each in found.items()}


def read_part(folder: Path, names: Sequence[str], *, pace: Fraction = Fraction(1)) -> list[CleanDrive]:
    """Recordings with their annotated frames numbered one after the other.

    At another pace a recording is read as often as its denominator says, from each of its first frames on: the new
    steps meet an annotated frame only so often, and nobody is known at a forecast time in between. Their past and
    future in between are interpolated.

    Args:
        folder: With a text file for each.
        names: Of the files.
        pace: A frame comes so many steps after the one before it.

    Raises:
        InputError: One is missing or cannot be read.
    """
    found = {ref.key: ref for ref in EthUcyReader().find(folder)}
    missing = [name for name in names if name not in found]
    if missing:
        todo = "give the folder that holds train, val and all_data with the recordings' text files"
        raise InputError(folder, f"has no {missing[0]}.txt", todo)
    starts = range(pace.denominator)
    drives = [_one_after_the_other(found[name], pace=pace, start=start) for name in names for start in starts]
    return [ingest_drive(drive, config=_INGEST) for drive in drives]


def _one_after_the_other(ref: DriveRef, *, pace: Fraction, start: int) -> Drive:
    drive = EthUcyReader().read(ref)
    numbers = np.unique(drive.tracks["timestamp_ns"].to_numpy(), return_inverse=True)[1].astype(np.int64) - start
    times_ns = numbers * (STEP_NS * pace.numerator) // pace.denominator
    tracks = drive.tracks.assign(timestamp_ns=times_ns)[numbers >= 0]
    return replace(drive, name=f"{drive.name}x{pace}+{start}", tracks=tracks, rate_hz=_INGEST.rate_hz)


def run(raw: Path, *, config: TrainConfig, seeds: Sequence[int], num_processes: int | None = None) -> dict[str, Any]:
    """All scenes, each with every seed, several at once; the content of ``results.json``.

    Args:
        raw: Folder with ``train``, ``val`` and ``all_data``.
        config: The recipe; its seed is replaced.
        seeds: One training of every scene each.
        num_processes: At most this many at once; as many as there are processors by default.

    Raises:
        InputError: A recording is missing or cannot be read.
    """
    jobs = [(scene, seed) for seed in seeds for scene in SCENES]
    started_s = time.perf_counter()
    work = partial(_run_job, raw=raw, config=config)
    done = in_processes(work, jobs, alone_s=0.0, num_processes=num_processes)
    results = [result for _, result in track(done, total=len(jobs), description="scenes and seeds")]
    minutes = (time.perf_counter() - started_s) / 60.0
    return summarise(results, config=config) | {"minutes": minutes}


def _run_job(job: tuple[str, int], *, raw: Path, config: TrainConfig) -> SceneResult:
    scene, seed = job
    with quiet():
        return run_scene(scene, raw=raw, config=config.model_copy(update={"seed": seed}))


def summarise(results: Sequence[SceneResult], *, config: TrainConfig) -> dict[str, Any]:
    """The content of ``results.json``: means over seeds by scene, and over the scenes."""
    seeds = sorted({result.seed for result in results})
    scenes: dict[str, dict[str, Any]] = {}
    for scene in SCENES:
        own = [result for result in results if result.scene == scene]
        found: dict[str, Any] = {name: float(np.mean([each.metrics[name] for each in own])) for name in METRICS}
        found["by_seed"] = {name: [each.metrics[name] for each in own] for name in METRICS}
        found["constant_velocity"] = own[0].constant_velocity
        scenes[scene] = found | {"num_windows": own[0].num_windows, "best_epochs": [each.best_epoch for each in own]}
    by_seed = {
        name: [float(np.mean([scenes[scene]["by_seed"][name][k] for scene in scenes])) for k in range(len(seeds))]
        for name in METRICS
    }
    still = {
        name: float(np.mean([scenes[scene]["constant_velocity"][name] for scene in scenes]))
        for name in ("ade_m", "fde_m")
    }
    average: dict[str, Any] = {name: float(np.mean(values)) for name, values in by_seed.items()}
    return {
        "scenes": scenes,
        "average": average | {"by_seed": by_seed, "constant_velocity": still},
        "parameters": config.model_dump() | {"num_parameters": max(result.num_parameters for result in results)},
        "train_minutes": sum(result.minutes for result in results) / len(seeds),
        "seeds": seeds,
    }


def table(results: dict[str, Any]) -> list[str]:
    """The results for people, with the published ones beside."""
    lines = [f"{'':34}{'best of 20':>14}{'single':>14}", f"{'ADE/FDE in metres':34}{'ADE/FDE':>14}{'ADE/FDE':>14}"]
    rows = {**results["scenes"], "average": results["average"]}
    for name, found in rows.items():
        best, single = (found["min_ade_20_m"], found["min_fde_20_m"]), (found["ade_m"], found["fde_m"])
        lines.append(f"{name:34}{_pair(best):>14}{_pair(single):>14}")
    deviation = {name: float(np.std(values)) for name, values in results["average"]["by_seed"].items()}
    spread = [_pair((deviation[a], deviation[b])) for a, b in (METRICS[:2], METRICS[2:])]
    lines.append(f"{'  deviation over seeds':34}{spread[0]:>14}{spread[1]:>14}")
    still = results["average"]["constant_velocity"]
    lines.append(f"{'constant velocity, here':34}{'':14}{_pair((still['ade_m'], still['fde_m'])):>14}")
    lines += [f"{name:34}{_pair(pair, 2):>14}" for name, pair in PUBLISHED.items()]
    lines += [f"{name:34}{'':14}{_pair(pair, 2):>14}" for name, pair in PUBLISHED_SINGLE.items()]
    count, minutes = results["parameters"]["num_parameters"], results["train_minutes"]
    return [*lines, f"{count:,} parameters; {minutes:.1f} minutes of one core train all five scenes once"]


def _pair(values: tuple[float, float], digits: int = 3) -> str:
    return f"{values[0]:.{digits}f}/{values[1]:.{digits}f}"
