"""Real driving, leave one data set out: trainings on the others, their test beside baselines, and the table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from pipeline.baselines import constant_turn
from pipeline.behaviour.keeps import fit_keeps
from pipeline.config import EvaluateConfig, TrainConfig, WindowsConfig
from pipeline.evaluation.held_out import baseline_forecasts
from pipeline.evaluation.real import DATASETS, SIMULATED, RealDrives, fold
from pipeline.evaluation.seeds import SeedResults, judge_seeds
from pipeline.forecasts import Forecasts
from pipeline.parallel import in_processes
from pipeline.progress import quiet, track
from pipeline.training.fit import fit_anew
from pipeline.training.predict import predict
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.store import read_windows, write_windows
from pipeline.windows.windows import Windows

SOCIAL: Final = "social_lstm"
PLAIN: Final = "lstm"
WITH_SIMULATED: Final = "social_lstm_with_simulated"
METRICS: Final = ("ade_m", "fde_m", "min_ade_6_m", "min_fde_6_m", "miss_rate_fde_2m", "offroad_rate")
COVERAGES: Final = ("coverage_50", "coverage_90")
COMPARED: Final = ("constant_velocity", "constant_turn", "kalman", PLAIN, WITH_SIMULATED)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One training: the set that is left out, the name of the forecaster, its seed."""

    without: str
    name: str
    seed: int


def run(
    drives: RealDrives,
    *,
    config: TrainConfig,
    windows: WindowsConfig,
    evaluate: EvaluateConfig,
    seeds: Sequence[int],
    num_processes: int | None = None,
) -> dict[str, Any]:
    """Every set left out in turn; the content of ``results.json``.

    Args:
        drives: Of all sets; where simulated ones are among them, one more forecaster trains on these too.
        config: The recipe; its seed is replaced, and nothing of frames enters.
        windows: The section ``windows``.
        evaluate: The section ``evaluate``.
        seeds: One training of each forecaster for each set.
        num_processes: At most this many trainings at once; as many as there are processors by default.
    """
    started_s = time.perf_counter()
    config = config.model_copy(update={"scene": False})
    names = [SOCIAL, PLAIN, *([WITH_SIMULATED] if SIMULATED in drives.cleans else [])]
    jobs = [_Job(without=without, name=name, seed=seed) for seed in seeds for without in DATASETS for name in names]
    with TemporaryDirectory(prefix="headway-") as name:
        folder = Path(name)
        for without in DATASETS:
            for simulated in {False, SIMULATED in drives.cleans}:
                content = fold(drives, without=without, simulated=simulated, config=windows)
                write_windows(_fold_folder(folder, without, simulated=simulated), content, extra={})
        work = partial(_train, folder=folder, config=config)
        done = in_processes(work, jobs, alone_s=0.0, num_processes=num_processes)
        found = dict(track(done, total=len(jobs), description="trainings"))
        sets: dict[str, Any] = {}
        for without in track(DATASETS, total=len(DATASETS), description="judging"):
            models = {name: [found[_Job(without=without, name=name, seed=seed)] for seed in seeds] for name in names}
            content = read_windows(_fold_folder(folder, without, simulated=False))
            maps = {clean.name: clean.map for clean in drives.cleans[without] if clean.map is not None}
            results = _judge(content, models, config=evaluate, maps=maps)
            sets[without] = {"title": DATASETS[without], "num_drives": len(drives.cleans[without]), **results.to_json()}
    return {
        "datasets": sets,
        "average": _average(sets),
        "num_drives": {name: len(each) for name, each in drives.cleans.items()},
        "left_out": list(drives.left_out),
        "parameters": config.model_dump(),
        "minutes": (time.perf_counter() - started_s) / 60.0,
        "seeds": list(seeds),
    }


def _fold_folder(folder: Path, without: str, *, simulated: bool) -> Path:
    return folder / (without + ("-simulated" if simulated else ""))


def _train(job: _Job, *, folder: Path, config: TrainConfig) -> Forecasts:
    """Train one forecaster, and forecast the set that is left out."""
    windows = read_windows(_fold_folder(folder, job.without, simulated=job.name == WITH_SIMULATED))
    changes = {"seed": job.seed} | ({"interaction": "none"} if job.name == PLAIN else {})
    with quiet():
        fitted = fit_anew(windows, config=config.model_copy(update=changes))
    return predict(fitted.model, select_scenes(windows, scenes_of(windows, "test")))


def _judge(
    windows: Windows, models: Mapping[str, Sequence[Forecasts]], *, config: EvaluateConfig, maps: Mapping[str, Any]
) -> SeedResults:
    """Models and baselines on the test split; the baselines are fitted on the real drives of the other sets."""
    test, train = (select_scenes(windows, scenes_of(windows, split)) for split in ("test", "train"))
    _, beside = baseline_forecasts(train, test)
    turning = constant_turn.fit(train.observed, train.future, rate_hz=train.rate_hz)
    beside["constant_turn"] = constant_turn.forecast(
        test.observed, num_future=test.future.valid.shape[1], rate_hz=test.rate_hz, fitted=turning
    )
    num_seeds = len(next(iter(models.values())))
    forecasts = {**models, **{name: [each] * num_seeds for name, each in beside.items()}}
    keeps = fit_keeps(train.observed, train.future, rate_hz=train.rate_hz)
    return judge_seeds(forecasts, test, config=config, maps=maps, keeps=keeps, overlaps=False)


def _average(sets: Mapping[str, Any]) -> dict[str, Any]:
    """Means over the sets of the movers' figures, and of each forecaster's errors over constant velocity's."""
    first = next(iter(sets.values()))
    average: dict[str, Any] = {}
    for name in first["by_seed"]:
        movers = [each[name]["movers"] for each in sets.values()]
        still = [each["constant_velocity"]["movers"] for each in sets.values()]
        own = {metric: float(np.mean([row[metric] for row in movers])) for metric in METRICS[:-1]}
        own |= {
            f"{metric}_over_constant_velocity": float(
                np.mean([row[metric] / base[metric] for row, base in zip(movers, still, strict=True)])
            )
            for metric in ("ade_m", "fde_m")
        }
        average[name] = own
    return average


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """Movers, set by set: each forecaster, then the social LSTM minus each other one; then the means over the sets."""
    for found in results["datasets"].values():
        rows = {name: found[name]["movers"] for name in found["by_seed"]}
        first = rows[SOCIAL]
        yield (
            f"{found['title']} left out: {first['num_agents'] // len(results['seeds'])} forecasts of "
            f"{first['num_tracks']} tracks that move, {found['num_drives']} drives"
        )
        yield f"  {'':30}" + "".join(f"{metric:>18}" for metric in (*METRICS, *COVERAGES))
        for name, row in rows.items():
            cells = (f"{row[metric]:18.3f}" if metric in row else f"{'-':>18}" for metric in (*METRICS, *COVERAGES))
            yield f"  {name:30}" + "".join(cells)
        for other in COMPARED:
            row = found["difference"].get(f"{SOCIAL}_minus_{other}", {}).get("movers")
            if row:
                yield f"  {f'{SOCIAL} - {other}':42}" + "  ".join(_interval(row, metric) for metric in METRICS[:2])
    yield "mean over the sets; in brackets as a share of constant velocity's, set by set"
    for name, row in results["average"].items():
        ade, fde = (row[f"{metric}_over_constant_velocity"] for metric in ("ade_m", "fde_m"))
        yield (
            f"  {name:30} ADE {row['ade_m']:.3f} ({ade:.3f})  FDE {row['fde_m']:.3f} ({fde:.3f})  "
            f"best of 6 {row['min_ade_6_m']:.3f}/{row['min_fde_6_m']:.3f}  missed {row['miss_rate_fde_2m']:.3f}"
        )
    yield from (f"left out: {line}" for line in results["left_out"])


def _interval(row: Mapping[str, float], metric: str) -> str:
    ends = f" [{row[f'{metric}_low']:+.3f}, {row[f'{metric}_high']:+.3f}]" if f"{metric}_low" in row else ""
    return f"{metric} {row[metric]:+.3f}{ends}"
