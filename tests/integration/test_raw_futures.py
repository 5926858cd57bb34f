import pytest

from pipeline.drives.registry import find_drives, read_drive
from tests.raw_futures import assert_later_measurements_change_nothing
from tests.small_drives import START_NS, write_small_drive


@pytest.mark.parametrize("rate_hz", [10.0, 4.0])
@pytest.mark.parametrize("seconds", [3.0, 5.25, 7.31])
def test_raw_measurements_after_the_forecast_time_change_no_input(tmp_path, rate_hz, seconds):
    write_small_drive(tmp_path / "small", rate_hz=rate_hz, with_frames=False)
    [ref] = find_drives(tmp_path)
    t_ns = START_NS + round(seconds * 1e9)
    assert_later_measurements_change_nothing(read_drive(ref), t_ns, every_s=0.1)
