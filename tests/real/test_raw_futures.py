import pytest

from pipeline.drives.registry import find_drives, read_drive
from tests.raw_futures import assert_later_measurements_change_nothing


@pytest.mark.real
@pytest.mark.parametrize("folder", ["kitti", "drives/pandaset-002", "drives/nuscenes-0061", "drives/nuscenes-1100"])
def test_raw_measurements_after_the_forecast_time_change_no_input(shared_data, folder):
    drive = read_drive(find_drives(shared_data / folder)[0])
    first_ns = int(drive.tracks["timestamp_ns"].min())
    for seconds in (3.0, 4.73):
        assert_later_measurements_change_nothing(drive, first_ns + round(seconds * 1e9), every_s=0.1)
