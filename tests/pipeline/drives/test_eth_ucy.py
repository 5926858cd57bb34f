from pathlib import Path

import numpy as np
import pytest

from pipeline.drives.categories import Category
from pipeline.drives.drive import Drive
from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import Dropped, InputError

ROWS = "0.0\t1.0\t8.46\t3.59\n10.0\t1.0\t9.57\t3.79\n10.0\t2.0\t13.6\t5.8\n"


def _write(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in files.items():
        (folder / f"{stem}.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def _read(folder: Path) -> Drive:
    (ref,) = find_drives(folder)
    return read_drive(ref)


def test_rows_are_people_at_25_frames_a_second(tmp_path: Path):
    drive = _read(_write(tmp_path, hotel=ROWS))
    assert (drive.name, drive.format, drive.rate_hz) == ("eth_ucy-hotel", "eth_ucy", 2.5)
    tracks = drive.tracks
    assert tracks["timestamp_ns"].tolist() == [0, 400_000_000, 400_000_000]
    assert tracks["track_id"].tolist() == ["1", "1", "2"]
    assert tracks["source_row"].tolist() == [1, 2, 3]
    assert set(tracks["category"]) == {Category.PEDESTRIAN}
    assert tracks[["x_m", "y_m", "z_m"]].to_numpy().tolist() == [[8.46, 3.59, 0.0], [9.57, 3.79, 0.0], [13.6, 5.8, 0.0]]
    assert tracks[["heading_rad", "length_m", "width_m", "height_m"]].isna().all(axis=None)
    assert not tracks["is_ego"].any()
    assert drive.dropped == drive.notes == ()


@pytest.mark.parametrize("text", [ROWS.replace("\t", "  "), ROWS.replace("\n", "\r\n"), "\ufeff" + ROWS, ROWS.strip()])
def test_spaces_line_ends_and_byte_order_marks_do_not_matter(tmp_path: Path, text: str):
    tracks = _read(_write(tmp_path, a=text)).tracks
    assert tracks["x_m"].tolist() == [8.46, 9.57, 13.6]


def test_another_step_is_the_rate_and_noted(tmp_path: Path):
    drive = _read(_write(tmp_path, a="".join(f"{frame} 1 {frame / 10} 0\n" for frame in range(0, 60, 6))))
    assert drive.rate_hz == pytest.approx(25 / 6)
    assert drive.tracks["timestamp_ns"].iloc[1] == 240_000_000
    assert drive.notes == (f"{tmp_path}/a.txt: people are annotated every 6 frames, not every 10; 25 are a second",)


def test_the_recording_whose_people_walk_too_fast_says_so(tmp_path: Path):
    assert "15 are, so people seem to walk too fast" in _read(_write(tmp_path, biwi_eth=ROWS)).notes[0]


def test_rows_that_are_none_are_dropped_by_line_and_the_rest_read(tmp_path: Path):
    bad = ["", "20 1 3", "20.5 1 1 1", "-10 1 1 1", "1e400 1 1 1", "30 x 1 1", "30 1.5 1 1", "40 1 nan 1", "50 1 1 1 1"]
    drive = _read(_write(tmp_path, a=ROWS * 5 + "\n".join(bad)))
    where = f"{tmp_path}/a.txt: row "
    assert drive.dropped == (
        Dropped(where=f"{where}17, 24", reason="not the four values frame, id, x and y", count=2),
        Dropped(where=f"{where}18, 19, 20", reason="frame is no whole number", count=3),
        Dropped(where=f"{where}21, 22", reason="id is no whole number", count=2),
    )
    assert len(drive.tracks) == 16
    assert np.isnan(drive.tracks["x_m"].iloc[-1])  # ingest says which


NOT_RECORDINGS = {
    "kitti label": "0 3 Car 0 0 0 1 2 3 4 1.5 1.8 4.2 2 1.7 10 0\n",
    "kitti calib": "P0: 7.2 0 6.0 0 0 7.2 1.7 0 0 0 1 0\n",
    "kitti oxts": "49.0 8.4 112.8 0.02 0.001 1.2 " + "0.1 " * 24 + "\n",
    "kitti times": "2011-09-26 13:02:25.964389445\n",
    "boxes": "0.1 0.2 0.3 0.4\n",
    "one box": "0 0.5 0.5 0.1 0.1\n",
    "readme": "Recorded in 2009.\n780 1 8.46 3.59\nis the first row.\n",
    "empty": "",
}


@pytest.mark.parametrize("text", NOT_RECORDINGS.values(), ids=NOT_RECORDINGS)
def test_other_text_files_are_no_recordings(tmp_path: Path, text: str):
    with pytest.raises(InputError, match="no drive was found"):
        find_drives(_write(tmp_path, a=text), format="eth_ucy")


def test_beside_recordings_broken_ones_are_found_and_prose_is_not(tmp_path: Path):
    folder = _write(tmp_path, a=ROWS, empty="", three="0 1 8.46\n", binary=b"\0\xff", readme="Some notes.\n")
    (folder / "folder.txt").mkdir()
    (folder / ".hidden.txt").write_text(ROWS)
    refs = {ref.key: ref for ref in find_drives(folder)}
    assert set(refs) == {"a", "binary", "empty", "three"}
    for key, what in (("binary", "is no text"), ("empty", "has no row of"), ("three", "has no row of")):
        with pytest.raises(InputError, match=rf"{key}\.txt: {what}"):
            read_drive(refs[key])
    (folder / "a.txt").unlink()
    with pytest.raises(InputError, match=r"a\.txt: is missing"):
        read_drive(refs["a"])


def test_a_folder_of_other_text_files_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _write(tmp_path, **{f"{number:06d}": "0 0.5 0.5 0.1 0.1\n" for number in range(3000)})
    opened, as_ever = [], Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args: opened.append(self) or as_ever(self, *args))
    with pytest.raises(InputError, match="no drive was found"):
        find_drives(tmp_path)
    assert 0 < len(opened) < 300
