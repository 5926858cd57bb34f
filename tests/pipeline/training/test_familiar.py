"""How usual scenes and drives are: of the same kind, of another, and what is told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.training.familiar import FALSE_ALARMS, STATISTICS, Familiar
from pipeline.windows.select import select_scenes
from pipeline.windows.windows import Windows
from tests.small_windows import small_windows


def drives(*, num: int, seed: int, faster: float = 1.0) -> Windows:
    """Windows of so many drives, six scenes each; all motion may be faster."""
    windows = small_windows(num_scenes=6 * num, seed=seed)
    index = replace(
        windows.index, drive=np.arange(6 * num, dtype=np.int32) // 6, drive_names=tuple(f"d{i}" for i in range(num))
    )
    observed = replace(windows.observed, xy_m=windows.observed.xy_m * np.float32(faster))
    return replace(windows, index=index, observed=observed)


def one_by_one(windows: Windows) -> list[Windows]:
    return [
        select_scenes(windows, np.flatnonzero(windows.index.drive == drive)) for drive in np.unique(windows.index.drive)
    ]


def test_drives_of_the_same_kind_are_rarely_unlike_and_others_are_and_it_says_why() -> None:
    familiar = Familiar.fit(drives(num=40, seed=0))
    assert familiar.false_alarm_rate == pytest.approx(FALSE_ALARMS, abs=0.03)
    same = [familiar.drift(drive) for drive in one_by_one(drives(num=60, seed=1))]
    assert sum(drift.is_unlike for drift in same) <= 8  # 3 are to be expected, more than 8 have one chance in 300
    other = [familiar.drift(drive) for drive in one_by_one(drives(num=20, seed=2, faster=4.0))]
    assert all(drift.is_unlike for drift in other)
    assert any("m/s, speed of vehicles" in reason for drift in other for reason in drift.reasons)
    (line,) = other[0].lines("tuesday")
    assert line.startswith("tuesday: unlike the training drives, trust its forecasts less: ")
    assert not [line for drift in same if not drift.is_unlike for line in drift.lines("monday")]


def test_a_scene_like_the_others_scores_about_one_and_a_strange_one_more() -> None:
    familiar = Familiar.fit(drives(num=20, seed=0))
    usual = familiar.scene_scores(drives(num=20, seed=1))
    strange = familiar.scene_scores(drives(num=20, seed=1, faster=4.0))
    assert 0.6 < float(np.median(usual)) < 1.3
    assert (strange > usual).mean() > 0.9


def test_what_comes_later_does_not_enter() -> None:
    train, new = drives(num=10, seed=0), drives(num=3, seed=1)
    moved = replace(new, future=replace(new.future, xy_m=new.future.xy_m + np.float32(50.0)))
    familiar = Familiar.fit(train)
    np.testing.assert_array_equal(familiar.scene_scores(new), familiar.scene_scores(moved))
    assert familiar.drift(new) == familiar.drift(moved)


def test_it_is_plain_numbers_and_comes_back_the_same() -> None:
    familiar = Familiar.fit(drives(num=6, seed=0))
    assert Familiar.from_json(json.loads(json.dumps(familiar.to_json(), allow_nan=False))) == familiar
    with pytest.raises(ValueError, match="other statistics"):
        Familiar.from_json(familiar.to_json() | {"statistics": [*STATISTICS][1:]})
    with pytest.raises(ValueError, match="mean"):
        Familiar.from_json(familiar.to_json() | {"mean": "much"})


def test_of_few_drives_nothing_is_said() -> None:
    familiar = Familiar.fit(drives(num=2, seed=0))
    drift = familiar.drift(drives(num=1, seed=1, faster=9.0))
    assert (drift.threshold, drift.is_unlike, drift.reasons) == (None, False, ())
