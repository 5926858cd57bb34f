"""KITTI forecasting: trainings of every variant, their test beside baselines, and the table with the published rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.baselines import constant_velocity, linear_map
from pipeline.baselines.constant_velocity import unfitted
from pipeline.config import TrainConfig
from pipeline.drives.categories import Group
from pipeline.evaluation.kitti_forecasting import (
    HORIZONS_S,
    TEST,
    TRAIN,
    VARIANTS,
    WINDOWS,
    best_errors,
    errors,
    least_final_errors,
    protocol_windows,
    read_drives,
)
from pipeline.evaluation.protocol import split_by_drive
from pipeline.evaluation.road_bend import bent_to_road
from pipeline.ingest.clean import CleanDrive
from pipeline.parallel import in_processes
from pipeline.progress import quiet, track
from pipeline.training.fit import fit_anew
from pipeline.training.predict import predict
from pipeline.windows.select import keep_agents
from pipeline.windows.windows import Windows

NUM_MODES: Final = (20, 5)  # the first also gives the single forecast
_CV_STEPS: Final = 5
# Mean and final error over and at 4 s, in metres, as their papers report them; None: not reported.
PUBLISHED: Final[tuple[tuple[str, str, float | None, float], ...]] = (
    ("MANTRA (2020)", "20", None, 1.49),
    ("MANTRA (2020)", "5", 0.94, 2.48),
    ("DESIRE (2017), its likeliest 10 %", "", None, 2.06),
    ("MLP, by MANTRA", "1", 1.53, 4.12),
    ("constant velocity, by MANTRA", "1", 2.26, 5.91),
)

Errors = dict[str, list[float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """One training and its test.

    Attributes:
        variant: Of ``VARIANTS``.
        num_modes: Of the model.
        seed: Of the training.
        single: ``errors`` of the single forecast, bent to the road of the drive's map.
        best: ``best_errors`` of the modes, likewise.
        least_final_m: ``least_final_errors`` of the modes, likewise.
        single_without_map: As ``single``, as the forecaster gave it.
        best_without_map: As ``best``, likewise.
        num_parameters: Of the network.
        minutes: Of training.
    """

    variant: str
    num_modes: int
    seed: int
    single: Errors
    best: Errors
    least_final_m: list[float]
    single_without_map: Errors
    best_without_map: Errors
    num_parameters: int
    minutes: float


def train_and_test(variant: str, *, raw: Path, config: TrainConfig) -> Trained:
    """Train on all windows of the training drives, and judge on those of the test drives.

    Raises:
        InputError: A drive is missing or cannot be read.
    """
    windows = _windows(read_drives(raw, names=TRAIN), variant=variant, config=config)
    windows = split_by_drive(windows, ["train"] * len(TRAIN))
    started_s = time.perf_counter()
    fitted = fit_anew(windows, config=config)
    minutes = (time.perf_counter() - started_s) / 60.0
    drives = read_drives(raw, names=TEST)
    test = _windows(drives, variant=variant, config=config)
    scored = test.future.valid.sum(axis=1) == WINDOWS.num_future
    without_map = predict(fitted.model, test)
    maps = {drive.name: drive.map for drive in drives if drive.map is not None}
    forecasts = bent_to_road(without_map, test, maps=maps)
    return Trained(
        variant=variant,
        num_modes=config.num_modes,
        seed=config.seed,
        single=errors(forecasts, test.future, scored=scored),
        best=best_errors(forecasts, test.future, scored=scored),
        least_final_m=least_final_errors(forecasts, test.future, scored=scored),
        single_without_map=errors(without_map, test.future, scored=scored),
        best_without_map=best_errors(without_map, test.future, scored=scored),
        num_parameters=sum(parameter.numel() for parameter in fitted.model.parameters()),
        minutes=minutes,
    )


def baselines(variant: str, *, raw: Path) -> dict[str, Any]:
    """Errors of what needs no training, on the test drives, and how many windows there are.

    Raises:
        InputError: A drive is missing or cannot be read.
    """
    train, trained_on = protocol_windows(read_drives(raw, names=TRAIN), variant=variant)
    test, scored = protocol_windows(read_drives(raw, names=TEST), variant=variant)
    # The mean velocity of the last five steps.
    fitted = unfitted(num_future=WINDOWS.num_future, rate_hz=WINDOWS.rate_hz)
    fitted = replace(fitted, num_steps=(_CV_STEPS,) * len(Group))
    still = constant_velocity.forecast(
        test.observed, num_future=WINDOWS.num_future, rate_hz=WINDOWS.rate_hz, fitted=fitted
    )
    weights = linear_map.fit(train.observed, train.future, counted=trained_on)
    mapped = replace(still, single_xy_m=linear_map.forecast(test.observed, weights=weights))
    return {
        "num_train": int(trained_on.sum()),
        "num_test": int(scored.sum()),
        "constant_velocity": errors(still, test.future, scored=scored),
        "linear_map": errors(mapped, test.future, scored=scored),
    }


def _windows(drives: Sequence[CleanDrive], *, variant: str, config: TrainConfig) -> Windows:
    """The protocol's windows of some drives, without the neighbours where the forecaster does not look at them."""
    windows, scored = protocol_windows(drives, variant=variant)
    return keep_agents(windows, scored) if config.interaction == "none" else windows


def run(raw: Path, *, config: TrainConfig, seeds: Sequence[int], num_processes: int | None = None) -> dict[str, Any]:
    """Both variants, models of 20 and of 5 modes, each with every seed; the content of ``results.json``.

    Args:
        raw: Folder with kitti_dataset.json.
        config: The recipe; its seed and number of modes are replaced.
        seeds: One training of each model each.
        num_processes: At most this many trainings at once; as many as there are processors by default.

    Raises:
        InputError: A drive is missing or cannot be read.
    """
    started_s = time.perf_counter()
    beside = {variant: baselines(variant, raw=raw) for variant in VARIANTS}
    jobs = [(variant, num_modes, seed) for seed in seeds for variant in VARIANTS for num_modes in NUM_MODES]
    done = in_processes(partial(_run_job, raw=raw, config=config), jobs, alone_s=0.0, num_processes=num_processes)
    results = [result for _, result in track(done, total=len(jobs), description="trainings")]
    minutes = (time.perf_counter() - started_s) / 60.0
    return summarise(results, beside=beside, config=config) | {"minutes": minutes}


def _run_job(job: tuple[str, int, int], *, raw: Path, config: TrainConfig) -> Trained:
    variant, num_modes, seed = job
    with quiet():
        return train_and_test(variant, raw=raw, config=config.model_copy(update={"seed": seed, "num_modes": num_modes}))


def summarise(
    results: Sequence[Trained], *, beside: Mapping[str, dict[str, Any]], config: TrainConfig
) -> dict[str, Any]:
    """The content of ``results.json``: by variant the means over the seeds and the figures of each."""
    seeds = sorted({result.seed for result in results})
    variants: dict[str, Any] = {}
    for variant in VARIANTS:
        own = sorted((result for result in results if result.variant == variant), key=lambda result: result.seed)
        of = {num: [result for result in own if result.num_modes == num] for num in NUM_MODES}
        by_seed = {
            "single": [result.single for result in of[NUM_MODES[0]]],
            "single_without_map": [result.single_without_map for result in of[NUM_MODES[0]]],
        }
        for num in NUM_MODES:
            by_seed[f"best_of_{num}"] = [result.best | {"least_final_m": result.least_final_m} for result in of[num]]
            by_seed[f"best_of_{num}_without_map"] = [result.best_without_map for result in of[num]]
        average = {name: _mean(each) for name, each in by_seed.items()}
        variants[variant] = {"average": average, "by_seed": by_seed, **beside[variant]}
    num_parameters = {num: max(r.num_parameters for r in results if r.num_modes == num) for num in NUM_MODES}
    return {
        "horizons_s": list(HORIZONS_S),
        "variants": variants,
        "parameters": config.model_dump() | {"num_parameters": num_parameters[NUM_MODES[0]]},
        "train_minutes": sum(result.minutes for result in results) / len(results),
        "seeds": seeds,
    }


def _mean(each: Sequence[Errors]) -> Errors:
    """Over seeds, at each horizon."""
    return {name: np.mean([one[name] for one in each], axis=0).tolist() for name in each[0]}


def table(results: dict[str, Any]) -> list[str]:
    """The results for people, with the published ones beside."""
    lines: list[str] = []
    for variant, found in results["variants"].items():
        lines.append(f"{variant}: {found['num_train']:,} windows train, {found['num_test']:,} test; ADE/FDE in metres")
        lines.append(f"{'':34}{'K':>4}" + "".join(f"{f'{horizon_s} s':>12}" for horizon_s in results["horizons_s"]))
        rows = [
            *(("Headway, best of K by mean error", str(num), found["average"][f"best_of_{num}"]) for num in NUM_MODES),
            ("Headway, single forecast", "1", found["average"]["single"]),
            *(
                ("  best of K without the map", str(num), found["average"][f"best_of_{num}_without_map"])
                for num in NUM_MODES
            ),
            ("  single forecast without the map", "1", found["average"]["single_without_map"]),
            ("linear map of the past, here", "1", found["linear_map"]),
            ("constant velocity, here", "1", found["constant_velocity"]),
        ]
        for name, num, row in rows:
            cells = "".join(f"{_pair(*pair):>12}" for pair in zip(row["ade_m"], row["fde_m"], strict=True))
            lines.append(f"{name:34}{num:>4}{cells}")
        for num in NUM_MODES:
            last = [each["fde_m"][-1] for each in found["by_seed"][f"best_of_{num}"]]
            least = found["average"][f"best_of_{num}"]["least_final_m"][-1]
            lines.append(
                f"  best of {num} at 4 s: deviation over seeds {np.std(last):.3f}, least final error {least:.2f}"
            )
    lines.append("published, at 4 s, zeroed")
    for name, num, ade_m, fde_m in PUBLISHED:
        lines.append(f"{name:34}{num:>4}{'':36}{_pair(ade_m, fde_m):>12}")
    count, minutes = results["parameters"]["num_parameters"], results["train_minutes"]
    lines.append(f"{count:,} parameters with {NUM_MODES[0]} modes; a training takes {minutes:.1f} minutes")
    return lines


def _pair(ade_m: float | None, fde_m: float) -> str:
    return f"{'-' if ade_m is None else f'{ade_m:.2f}'}/{fde_m:.2f}"
