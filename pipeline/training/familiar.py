"""How usual scenes and drives are, measured against the drives that a forecaster was trained on.

A forecaster's errors are known for drives like those that it learned from. Whether a new drive is one of them shows in
what it is given: who is there, how fast, how near to each other, how big, how well seen, and what the frames look like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float
from pydantic import TypeAdapter
from scipy.spatial import KDTree

from pipeline.baselines.history import groups, last_xy
from pipeline.behaviour.manoeuvre import present_speed
from pipeline.drives.categories import Group
from pipeline.windows.windows import Observed, Windows

FALSE_ALARMS: Final = 0.05  # of drives like those of the training, so many are called unlike them
MIN_DRIVES: Final = 5  # of fewer nothing is said: how drives differ cannot be told
MAX_REASONS: Final = 3
_STANDING_MPS: Final = 0.5
_TELLING: Final = 1.5  # a statistic that is so many deviations off is a reason
# What is measured of a scene, in words for people, with its unit.
STATISTICS: Final[Mapping[str, str]] = {
    "agents": "agents in a scene",
    "vehicles": "of them vehicles",
    "two_wheelers": "of them two-wheelers",
    "pedestrians": "of them pedestrians",
    "standing": "of them standing",
    "vehicle_speed_mps": "m/s, speed of vehicles that move",
    "pedestrian_speed_mps": "m/s, speed of pedestrians that move",
    "vehicle_length_m": "m, length of vehicles",
    "nearest_m": "m, distance to the nearest other agent",
    "seen": "of the observed steps known",
    "frames": "deviations, how frames look",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """How a drive differs from those of the training.

    Attributes:
        score: Root mean square of how many standard deviations its mean statistics are off.
        threshold: Above it, a drive is called unlike them; None where there were too few to say.
        false_alarm_rate: Share of the drives like those of the training that would be called so.
        reasons: What is most off, one line each; empty unless the drive is unlike them.
    """

    score: float
    threshold: float | None
    false_alarm_rate: float
    reasons: tuple[str, ...]

    @property
    def is_unlike(self) -> bool:
        """Forecasts should be trusted less."""
        return self.threshold is not None and self.score > self.threshold

    def lines(self, name: str) -> list[str]:
        """What people are told: nothing of a drive like those of the training."""
        if not self.is_unlike:
            return []
        what = "; ".join(self.reasons) or "many things a little"
        rate = f"score {self.score:.1f}; of drives like them {self.false_alarm_rate:.0%} would be named here"
        return [f"{name}: unlike the training drives, trust its forecasts less: {what} ({rate})"]


NOT_MEASURED: Final = Drift(score=0.0, threshold=None, false_alarm_rate=1.0, reasons=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Familiar:
    """What the training drives are like; all of it plain numbers.

    Attributes:
        mean: By statistic, the mean over drives of their means.
        drive_deviation: By statistic, the standard deviation of the drives' means.
        scene_deviation: By statistic, the standard deviation of the scenes.
        frame_mean: By channel, the mean of the whole-frame features.
        frame_deviation: By channel, their standard deviation.
        threshold: See ``Drift``.
        false_alarm_rate: Likewise.
        num_drives: That all this rests on.
    """

    mean: tuple[float | None, ...]
    drive_deviation: tuple[float | None, ...]
    scene_deviation: tuple[float | None, ...]
    frame_mean: tuple[float, ...]
    frame_deviation: tuple[float, ...]
    threshold: float | None
    false_alarm_rate: float
    num_drives: int

    @staticmethod
    def fit(train: Windows) -> Familiar:
        """From the scenes of the training split, and no other.

        The threshold is the conformal quantile of what each drive scores against all others (leave one out): of
        exchangeable drives at most ``FALSE_ALARMS`` lie above it, or one of n + 1 where n drives can promise no less.
        """
        features = np.asarray(train.observed.frame_feature, np.float32)[train.observed.frame_feature_valid]
        frame_mean, frame_deviation = np.zeros(features.shape[-1]), np.ones(features.shape[-1])
        if len(features) > 1:
            frame_mean, frame_deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
        values = _statistics(train, frame_mean=frame_mean, frame_deviation=frame_deviation)
        drives = np.unique(train.index.drive)
        means = np.stack([_nanmean(values[train.index.drive == drive]) for drive in drives])
        scores = np.array([_score(means[i], _spread(np.delete(means, i, axis=0))) for i in range(len(means))])
        rank = min(math.ceil((len(scores) + 1) * (1.0 - FALSE_ALARMS)), len(scores))
        enough = len(scores) >= MIN_DRIVES
        mean, deviation = _spread(means)
        return Familiar(
            mean=_told(mean),
            drive_deviation=_told(deviation),
            scene_deviation=_told(_spread(values)[1]),
            frame_mean=tuple(map(float, frame_mean)),
            frame_deviation=tuple(map(float, frame_deviation)),
            threshold=float(np.sort(scores)[rank - 1]) if enough else None,
            false_alarm_rate=1.0 - rank / (len(scores) + 1),
            num_drives=len(drives),
        )

    def scene_scores(self, windows: Windows) -> Float[np.ndarray, " b"]:
        """How unusual each scene is: root mean square of its statistics' deviations; about one where it is usual."""
        values = self._of(windows)
        spread = _numbers(self.mean), _numbers(self.scene_deviation)
        return np.array([_score(row, spread) for row in values], np.float64)

    def drift(self, windows: Windows) -> Drift:
        """How a drive differs from those of the training.

        Args:
            windows: Its scenes.
        """
        values = _nanmean(self._of(windows))
        mean, deviation = _numbers(self.mean), _numbers(self.drive_deviation)
        score = _score(values, (mean, deviation))
        found = Drift(score=score, threshold=self.threshold, false_alarm_rate=self.false_alarm_rate, reasons=())
        if not found.is_unlike:
            return found
        off = np.nan_to_num(np.abs(values - mean) / deviation)
        worst = [i for i in np.argsort(-off)[:MAX_REASONS] if off[i] >= _TELLING]
        texts = list(STATISTICS.values())
        reasons = [f"{values[i]:.3g} {texts[i]} (training {mean[i]:.3g} +- {deviation[i]:.2g})" for i in worst]
        return Drift(
            score=score, threshold=self.threshold, false_alarm_rate=self.false_alarm_rate, reasons=tuple(reasons)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"statistics": list(STATISTICS)}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Familiar:
        """Of what ``to_json`` gave.

        Raises:
            ValueError: It measures other statistics, or lacks something.
        """
        values = dict(content)
        if values.pop("statistics", None) != list(STATISTICS):
            message = "measures other statistics"
            raise ValueError(message)
        return _FAMILIAR.validate_python(values)

    def _of(self, windows: Windows) -> Float[np.ndarray, "b s"]:
        return _statistics(
            windows, frame_mean=np.array(self.frame_mean), frame_deviation=np.array(self.frame_deviation)
        )


_FAMILIAR: Final = TypeAdapter(Familiar)


def _statistics(
    windows: Windows, *, frame_mean: Float[np.ndarray, " c"], frame_deviation: Float[np.ndarray, " c"]
) -> Float[np.ndarray, "b s"]:
    """``STATISTICS`` of each scene; NaN where there is nothing to measure. Nothing but what was observed enters."""
    observed, num_scenes = windows.observed, len(windows.index.t0_ns)
    group, scene = groups(observed.category), observed.scene
    speed = present_speed(observed, rate_hz=windows.rate_hz)
    moves = speed >= _STANDING_MPS
    vehicle, pedestrian = group == Group.VEHICLE, group == Group.PEDESTRIAN

    def mean(values: np.ndarray, of: np.ndarray | None = None) -> Float[np.ndarray, " b"]:
        counted = np.isfinite(values) if of is None else of & np.isfinite(values)
        count = np.bincount(scene, weights=counted, minlength=num_scenes)
        total = np.bincount(scene, weights=np.where(counted, values, 0.0), minlength=num_scenes)
        return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)

    columns = {
        "agents": np.bincount(scene, minlength=num_scenes).astype(np.float64),
        "vehicles": mean(vehicle.astype(np.float64)),
        "two_wheelers": mean((group == Group.TWO_WHEELER).astype(np.float64)),
        "pedestrians": mean(pedestrian.astype(np.float64)),
        "standing": mean((~moves).astype(np.float64)),
        "vehicle_speed_mps": mean(speed, vehicle & moves),
        "pedestrian_speed_mps": mean(speed, pedestrian & moves),
        "vehicle_length_m": mean(observed.size_m[:, 0].astype(np.float64), vehicle & (observed.size_m[:, 0] > 0.0)),
        "nearest_m": mean(_nearest(observed)),
        "seen": mean(observed.valid.mean(axis=1)),
        "frames": _frame_looks(observed, mean=frame_mean, deviation=frame_deviation),
    }
    assert list(columns) == list(STATISTICS)
    return np.stack(list(columns.values()), axis=1)


def _nearest(observed: Observed) -> Float[np.ndarray, " n"]:
    """Distance of each agent to the nearest other one of its scene; NaN where it is alone."""
    xy_m, scene = last_xy(observed), observed.scene
    if len(scene) < 2:
        return np.full(len(scene), np.nan)
    apart_m = 4.0 * float(np.abs(xy_m).max()) + 1.0
    points = np.column_stack([xy_m, scene * apart_m])
    distance_m, _ = KDTree(points).query(points, k=2)
    return np.where(distance_m[:, 1] < apart_m, distance_m[:, 1], np.nan)


def _frame_looks(
    observed: Observed, *, mean: Float[np.ndarray, " c"], deviation: Float[np.ndarray, " c"]
) -> Float[np.ndarray, " b"]:
    """Root mean square deviation of the newest frame's features; NaN without a frame, and where none was learned."""
    feature, there = np.asarray(observed.frame_feature)[:, -1], np.asarray(observed.frame_feature_valid)[:, -1]
    if feature.shape[-1] != len(mean) or not len(mean):
        return np.full(len(feature), np.nan)
    looks = np.sqrt(np.square((feature.astype(np.float64) - mean) / deviation).mean(axis=-1))
    return np.where(there, looks, np.nan)


def _spread(values: Float[np.ndarray, "d s"]) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, " s"]]:
    """Mean and standard deviation by column over what is known; NaN where fewer than two are."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    square = np.where(known, np.square(values - mean), 0.0).sum(axis=0) / np.maximum(count - 1, 1)
    # What never varies would make the least change a wonder.
    deviation = np.maximum(np.sqrt(square), 0.02 * np.abs(mean) + 1e-2)
    return np.where(count >= 2, mean, np.nan), np.where(count >= 2, deviation, np.nan)


def _score(values: Float[np.ndarray, " s"], spread: tuple[Float[np.ndarray, " s"], Float[np.ndarray, " s"]]) -> float:
    """Root mean square of the deviations of what is known on both sides; zero where nothing is."""
    mean, deviation = spread
    off = (values - mean) / deviation
    known = np.isfinite(off)
    return float(np.sqrt(np.square(off[known]).mean())) if known.any() else 0.0


def _nanmean(values: Float[np.ndarray, "b s"]) -> Float[np.ndarray, " s"]:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _told(values: Float[np.ndarray, " s"]) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _numbers(values: Sequence[float | None]) -> Float[np.ndarray, " s"]:
    return np.array([math.nan if value is None else value for value in values], np.float64)
