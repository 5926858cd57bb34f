"""Errors gathered over drives, by hand."""

from dataclasses import replace

import numpy as np
from shapely import box

from pipeline.drives.map import DriveMap, union
from pipeline.scoring.forecast import DriveForecast
from pipeline.scoring.health import input_health
from pipeline.scoring.tally import Tally
from tests.pipeline.scoring.made_up import make_forecasts, make_windows


def made_up_drive(*, off_m: float) -> DriveForecast:
    """The first scene's car comes out ``off_m`` beside its single forecast; the second's stays where it was."""
    windows = make_windows()
    forecasts = make_forecasts(windows)
    xy_m, valid = forecasts.single_xy_m.copy(), np.zeros_like(windows.future.valid)
    xy_m[0, :, 1] += off_m
    xy_m[2] = windows.observed.xy_m[2, -1]
    valid[[0, 2]] = True
    valid[2, 2:] = False  # only its first two steps were recorded: 1 m and 2 m off
    windows = replace(windows, future=replace(windows.future, xy_m=xy_m, valid=valid))
    return DriveForecast(name="a", windows=windows, forecasts=forecasts, health=input_health(windows.observed))


def test_means_over_agents_of_all_drives() -> None:
    tally = Tally()
    tally.add(Tally.of(made_up_drive(off_m=1.0)))
    tally.add(Tally.of(made_up_drive(off_m=3.0)))
    metrics = tally.to_json()
    assert metrics is not None
    assert metrics["all"]["ade_m"] == {"value": (1.0 + 1.5 + 3.0 + 1.5) / 4, "count": 4}
    assert metrics["movers"]["ade_m"] == {"value": 2.0, "count": 2}
    assert metrics["all"]["fde_m"] == {"value": 2.0, "count": 2}
    assert metrics["all"]["miss_rate_fde_2m"] == {"value": 0.5, "count": 2}
    assert metrics["all"]["min_fde6_m"] == {"value": 2.0, "count": 2}


def test_a_drive_with_a_map_says_how_much_of_its_forecasts_lies_off_the_road() -> None:
    drive = made_up_drive(off_m=1.0)
    # The scene's origin is at (10, 20), and both cars drive on to (14, 20): off the road at the last two steps, of
    # which the second car's were not recorded.
    road = union([box(0.0, 19.0, 12.5, 21.0)])
    tally = Tally.of(replace(drive, map=DriveMap(lanes=(), crossings=(), drivable_area=road)))
    tally.add(Tally.of(drive))
    metrics = tally.to_json()
    assert metrics is not None
    assert metrics["all"]["offroad_rate"] == {"value": 0.25, "count": 2}
    assert metrics["all"]["ade_m"]["count"] == 4


def test_nothing_recorded_is_no_metric() -> None:
    windows = make_windows()
    tally = Tally.of(
        DriveForecast(
            name="a",
            windows=windows,
            forecasts=make_forecasts(windows),
            health=input_health(windows.observed),
        )
    )
    assert tally.to_json() is None
