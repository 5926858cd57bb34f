from pathlib import Path

from pipeline.drives.registry import find_drives
from pipeline.ingest.cost import cost_lines, ingest_costs
from tests.raw_drives import CONFIG
from tests.small_drives import write_small_drive


def test_each_format_has_its_drives_minutes_and_seconds(tmp_path: Path) -> None:
    for number in range(2):
        write_small_drive(tmp_path / f"drive{number}", seconds=6.0 * (number + 1), with_frames=False)
    write_small_drive(tmp_path / "broken", seconds=6.0, with_frames=False)
    (tmp_path / "broken" / "tracks.csv").write_text("nonsense\n")
    (cost,) = ingest_costs(find_drives(tmp_path), config=CONFIG, repeats=2)
    assert (cost.format, cost.num_drives, cost.num_unusable) == ("neutral", 2, 1)
    assert abs(cost.minutes - 18.0 / 60.0) < 1e-9
    assert len(cost.seconds) == 2
    assert min(cost.seconds) / 0.3 <= cost.seconds_per_minute <= max(cost.seconds) / 0.3
    line = list(cost_lines([cost]))[1]
    assert line.split()[:3] == ["neutral", "2", "0.30"]
    assert line.endswith("1 cannot be used")
