"""What the camera brings: the same training without it, with it, with the true signals, and with other drives' frames.

Whether a forecaster looks at its frames shows only against what could be had from them at best, and against frames that
cannot tell anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Int

from models.lamps import Lamp
from pipeline.behaviour.manoeuvre import Direction, Pace, manoeuvres
from pipeline.config import EvaluateConfig, TrainConfig, WindowsConfig
from pipeline.errors import InputError
from pipeline.evaluation import metrics
from pipeline.evaluation.bootstrap import estimate, track_sums
from pipeline.evaluation.camera_plots import without_any_frame
from pipeline.evaluation.interaction import followers
from pipeline.evaluation.leaders import on_wheels
from pipeline.evaluation.metrics import PerAgent
from pipeline.evaluation.scored import slices
from pipeline.evaluation.signals import UNKNOWN, shown_signals
from pipeline.files import digest
from pipeline.forecasts import Forecasts
from pipeline.parallel import in_processes
from pipeline.progress import quiet, track
from pipeline.training.fit import Trainer
from pipeline.training.predict import predict
from pipeline.training.recipe import CHECKPOINTS, code_digest
from pipeline.windows.select import scenes_of, select_scenes
from pipeline.windows.store import read_windows, windows_digest, write_windows
from pipeline.windows.windows import PER_SCENE, SPLITS, Observed, Windows

NONE, CAMERA, SIGNALS, SHUFFLED, BLIND = "no scene", "camera", "true signals", "frames of other drives", "camera, blind"
TRAINED: Final = (NONE, CAMERA, SIGNALS, SHUFFLED)  # BLIND is CAMERA's network without any frame at the test
APPROACHING_M: Final = 60.0
METRICS: Final = ("ade_m", "fde_m", "missed")
_LAMPS: Final = np.asarray([Lamp.RED, Lamp.AMBER, Lamp.GREEN])  # by ``signals.RED``, ``YELLOW``, ``GREEN``
_PER_AGENT: Final = ("agent_feature", "agent_feature_valid", "ahead_feature", "ahead_feature_valid")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One training."""

    name: str
    seed: int


def run(
    windows: Windows,
    *,
    truth: Path,
    config: TrainConfig,
    cut: WindowsConfig,
    evaluate: EvaluateConfig,
    seeds: Sequence[int],
    checkpoints: Path = CHECKPOINTS,
    num_processes: int | None = None,
) -> dict[str, Any]:
    """Train every variant with every seed; the content of ``results.json``.

    After a kill the same call goes on from the last whole epoch of each training.

    Args:
        windows: Of simulated drives with frames.
        truth: What ``headway simulate --truth`` wrote beside them.
        config: The recipe; its seed is replaced.
        cut: The section ``windows`` that they were cut with: the times of the frame slots.
        evaluate: The section ``evaluate``.
        seeds: One training of every variant each.
        checkpoints: Folder of resumable states; they are removed when all is done.
        num_processes: At most this many trainings at once; as many as there are processors by default.

    Raises:
        InputError: The truth of a drive is missing, or the windows cannot be trained on.
    """
    started_s = time.perf_counter()
    num_frames = windows.observed.agent_feature.shape[1]
    if num_frames != cut.num_frames:
        what = f"have {num_frames} frame slots, but windows.num_frames is {cut.num_frames}"
        raise InputError("the windows", what, "give the parameters that they were cut with")
    slots_s = [cut.frame_spacing_s * back for back in range(cut.num_frames - 1, -1, -1)]
    test = select_scenes(windows, scenes_of(windows, "test"))
    shown = shown_signals(windows, truth=truth, slots_s=slots_s)
    variants = {
        NONE: windows,
        CAMERA: windows,
        SIGNALS: replace(windows, observed=with_signals(windows.observed, state=shown.state)),
        SHUFFLED: replace(windows, observed=with_other_frames(windows, seed=0)),
    }
    jobs = [_Job(name=name, seed=seed) for seed in seeds for name in TRAINED]
    forecasts: dict[str, list[Forecasts]] = {name: [] for name in (*TRAINED, BLIND)}
    with TemporaryDirectory(prefix="headway-") as folder:
        for name, each in variants.items():
            write_windows(Path(folder) / name, each, extra={})
        work = partial(_train, folder=Path(folder), config=config, checkpoints=checkpoints)
        done = in_processes(work, jobs, alone_s=0.0, num_processes=num_processes)
        states: list[Path] = []
        for _, (found, state) in track(done, total=len(jobs), description="variants and seeds"):
            states.append(state)
            for name, each in found.items():
                forecasts[name].append(each)
    here = shown_signals(test, truth=truth, slots_s=[0.0])
    masks = slices_of(test, distance_m=here.distance_m, mover_m=evaluate.mover_m)
    results = judge(forecasts, test, masks=masks, config=evaluate)
    for state in states:
        state.unlink()
    minutes = (time.perf_counter() - started_s) / 60.0
    return {"slices": results, "seeds": list(seeds), "parameters": config.model_dump(), "minutes": minutes}


def with_signals(observed: Observed, *, state: Int[np.ndarray, "n f"]) -> Observed:
    """The states of the signals as if each agent saw its own one ahead; else frames show nothing."""
    feature = np.zeros_like(np.asarray(observed.ahead_feature))
    known = state != UNKNOWN
    agent, slot = np.nonzero(known)
    feature[agent, slot, _LAMPS[state[agent, slot]]] = 1.0
    return replace(
        observed,
        agent_feature_valid=np.zeros_like(np.asarray(observed.agent_feature_valid)),
        ahead_feature=feature,
        ahead_feature_valid=known,
        frame_feature=np.zeros_like(np.asarray(observed.frame_feature)),
        frame_feature_valid=np.ones_like(np.asarray(observed.frame_feature_valid)),
    )


def with_other_frames(windows: Windows, *, seed: int) -> Observed:
    """Every agent with the features of an agent, and every scene with those of a scene, of another drive.

    Drives are exchanged within their part of the split.
    """
    observed, index = windows.observed, windows.index
    rng = np.random.default_rng(seed)

    def others(scene: Int[np.ndarray, " r"]) -> Int[np.ndarray, " r"]:
        """For each row, of such a scene, one of another drive."""
        drive, split, rows = index.drive[scene], index.split[scene], np.zeros(len(scene), np.int64)
        for part in np.unique(split):
            drives = np.unique(drive[split == part])
            if len(drives) < 2:
                what = f"{SPLITS[part] if part >= 0 else 'a'} part has one drive, whose frames cannot be another's"
                raise InputError("the windows", what, "give more drives")
            for own, other in zip(drives, np.roll(drives, 1), strict=True):
                mine, theirs = (np.flatnonzero((drive == each) & (split == part)) for each in (own, other))
                rows[mine] = rng.choice(theirs, len(mine))
        return rows

    of_agent, of_scene = others(observed.scene), others(np.arange(len(index.drive)))
    changed = {name: np.asarray(getattr(observed, name))[of_agent] for name in _PER_AGENT}
    changed |= {name: np.asarray(getattr(observed, name))[of_scene] for name in PER_SCENE}
    return replace(observed, **changed)


def slices_of(
    windows: Windows, *, distance_m: Float[np.ndarray, " n"], mover_m: float
) -> dict[str, Bool[np.ndarray, " n"]]:
    """Who is judged.

    Args:
        windows: The test scenes.
        distance_m: Of each agent to its stop line.
        mover_m: As in ``scored.slices``.

    Returns:
        ``movers``; ``approaching``: on wheels, on a lane with a signal, its stop line at most ``APPROACHING_M`` away,
        whether it moves or waits; ``free``: movers on wheels without signal, leader, turn or change of pace.
    """
    found = slices(windows, mover_m=mover_m)
    wheels = on_wheels(windows.observed)
    did = manoeuvres(windows.observed, windows.future, rate_hz=windows.rate_hz)
    steady = did.direction_valid & (did.direction == Direction.KEEP) & did.pace_valid & (did.pace == Pace.CRUISE)
    free = np.isinf(distance_m) & ~followers(windows.observed, rate_hz=windows.rate_hz) & steady
    return {
        "movers": found["movers"],
        "approaching": found["all"] & wheels & (distance_m <= APPROACHING_M),
        "free": found["movers"] & wheels & free,
    }


def judge(
    forecasts: Mapping[str, Sequence[Forecasts]],
    test: Windows,
    *,
    masks: Mapping[str, Bool[np.ndarray, " n"]],
    config: EvaluateConfig,
) -> dict[str, Any]:
    """Means over agents and seeds, and each variant less ``NONE`` with 95 % intervals by bootstrap over tracks.

    Returns:
        Slice -> ``num_agents``, ``num_tracks``, ``forecasters`` (variant -> metric), ``difference`` (variant -> metric
        -> ``value, low, high``) and ``share``: of what ``SIGNALS`` bring, what ``CAMERA`` brings (metric -> share).
    """
    names = list(forecasts)
    errors = {name: [_errors(each, test=test, config=config) for each in found] for name, found in forecasts.items()}
    keys = [(name, metric) for name in names for metric in METRICS]
    values = {(name, metric): np.mean([each[metric].value for each in errors[name]], axis=0) for name, metric in keys}
    valid = np.stack([errors[name][0][metric].valid for name, metric in keys], axis=1)
    results: dict[str, Any] = {}
    for part, mask in masks.items():
        columns = np.stack([values[key] for key in keys], axis=1)
        paired = np.stack([values[name, metric] - values[NONE, metric] for name, metric in keys], axis=1)
        counted = np.concatenate([valid, valid], axis=1) & mask[:, None]
        sums = track_sums(np.concatenate([columns, paired], axis=1), counted, track=test.index.track)
        found = estimate(sums, num_resamples=config.bootstrap, seed=config.seed)
        of = {key: number for number, key in enumerate(keys)}
        means = {name: {metric: float(found.value[of[name, metric]]) for metric in METRICS} for name in names}
        difference = {
            name: {
                metric: {
                    end: float(value[len(keys) + of[name, metric]])
                    for end, value in (("value", found.value), ("low", found.low), ("high", found.high))
                }
                for metric in METRICS
            }
            for name in names
            if name != NONE
        }
        gains = {metric: difference[SIGNALS][metric]["value"] for metric in METRICS}
        share = {metric: difference[CAMERA][metric]["value"] / gains[metric] for metric in METRICS if gains[metric]}
        results[part] = {
            "num_agents": int(mask.sum()),
            "num_tracks": len(np.unique(test.index.track[mask])),
            **_finite({"forecasters": means, "difference": difference, "share": share}),
        }
    return results


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """For people."""
    for part, found in results["slices"].items():
        yield f"{part}: {found['num_agents']} forecasts of {found['num_tracks']} tracks, less '{NONE}' [95 % interval]"
        for name, means in found["forecasters"].items():
            cells = f"  {name:24}" + "".join(f"{means[metric]:9.3f}" for metric in METRICS if metric in means)
            for metric, less in found["difference"].get(name, {}).items():
                ends = f" [{less['low']:+.3f}, {less['high']:+.3f}]" if "low" in less else ""
                cells += f"   {metric} {less['value']:+.3f}{ends}" if "value" in less else ""
            yield cells
        shares = ", ".join(f"{metric} {share:.0%}" for metric, share in found["share"].items())
        yield f"  of what the true signals bring, the camera brings: {shares or 'nothing to compare'}"


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not a number: of an empty slice there is nothing, of a single track no interval."""
    cleaned = {key: _finite(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    return {key: value for key, value in cleaned.items() if not isinstance(value, float) or np.isfinite(value)}


def _errors(forecasts: Forecasts, *, test: Windows, config: EvaluateConfig) -> dict[str, PerAgent]:
    fde = metrics.fde(forecasts, test.future)
    missed = metrics.miss_rate(fde, miss_m=config.miss_m)
    return {"ade_m": metrics.ade(forecasts, test.future), "fde_m": fde, "missed": missed}


def _train(job: _Job, *, folder: Path, config: TrainConfig, checkpoints: Path) -> tuple[dict[str, Forecasts], Path]:
    """Forecasts of the test split, and the file of the training's state."""
    with quiet():
        windows = read_windows(folder / job.name)
        own = config.model_copy(update={"seed": job.seed, "scene": job.name != NONE})
        key = digest(own.model_dump_json(), windows_digest(folder / job.name), code_digest())
        state = checkpoints / f"{key}.safetensors"
        model = Trainer(windows, config=own, checkpoint=state).fit().model
        test = select_scenes(windows, scenes_of(windows, "test"))
        found = {job.name: predict(model, test)}
        if job.name == CAMERA:
            found[BLIND] = predict(model, replace(test, observed=without_any_frame(test.observed)))
        return found, state
