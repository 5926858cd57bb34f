import json

import numpy as np
import pytest

from pipeline.config import WindowsConfig
from pipeline.errors import InputError
from pipeline.scene.store import SceneFeatures
from pipeline.windows.build import build_windows
from pipeline.windows.select import select_scenes
from pipeline.windows.store import read_extra, read_windows, windows_digest, write_windows
from tests.made_up_cleans import random_clean_drive

CONFIG = WindowsConfig(
    observed_s=1.0, future_s=1.0, rate_hz=5.0, every_s=0.5, max_age_s=0.4, num_frames=2, frame_spacing_s=0.5
)


def make(seed=0):
    clean = random_clean_drive(seed)
    return build_windows([clean], {clean.name: SceneFeatures.empty(clean, 2)}, config=CONFIG, split=None)


@pytest.fixture
def stored(tmp_path):
    write_windows(tmp_path / "windows", make(), extra={"backbone": "abc"})
    return tmp_path / "windows"


def arrays(windows):
    groups = (windows.index, windows.observed, windows.future)
    return {name: getattr(group, name) for group in groups for name in group.__dataclass_fields__}


def test_round_trip_through_a_memory_map(stored):
    written, read = make(), read_windows(stored)
    assert isinstance(read.observed.xy_m, np.memmap)
    assert read.rate_hz == 5.0
    for name, array in arrays(read).items():
        np.testing.assert_array_equal(array, arrays(written)[name], err_msg=name)
        assert getattr(array, "dtype", None) == getattr(arrays(written)[name], "dtype", None)
    assert read.index.track_names == written.index.track_names
    assert read_extra(stored) == {"backbone": "abc"}
    batch = select_scenes(read, np.array([1, 0]))
    assert type(batch.observed.xy_m) is np.ndarray


def test_scenes_without_any_agent_survive(tmp_path):
    empty = select_scenes(make(), np.zeros(0, np.int64))
    write_windows(tmp_path / "empty", empty, extra={})
    assert len(read_windows(tmp_path / "empty").index.t0_ns) == 0


def test_the_digest_sees_every_file(stored, tmp_path):
    before = windows_digest(stored)
    write_windows(tmp_path / "again", make(), extra={"backbone": "abc"})
    assert windows_digest(tmp_path / "again") == before
    write_windows(tmp_path / "again", make(), extra={"backbone": "abd"})
    assert windows_digest(tmp_path / "again") != before
    for file in sorted(stored.glob("*.npy")):
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert windows_digest(stored) != before, file
        file.write_bytes(content)
    assert windows_digest(stored) == before


def _missing(file):
    file.unlink()


def _truncated(file):
    file.write_bytes(file.read_bytes()[:-1])


def _shorter(file):
    np.save(file, np.load(file)[:-1])


def _objects(file):
    np.save(file, np.array([{}], object), allow_pickle=True)


def _out_of_range(file):
    np.save(file, np.load(file) + 100)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("observed.xy_m", _missing),
        ("future.valid", _truncated),
        ("future.xy_m", _shorter),
        ("index.agent_offset", _shorter),
        ("observed.heading_valid", _objects),
        ("observed.scene", _out_of_range),
        ("index.agent_offset", _out_of_range),
        ("index.track", _out_of_range),
        ("index.split", _out_of_range),
    ],
)
def test_a_damaged_file_is_named(stored, name, damage):
    damage(stored / f"{name}.npy")
    with pytest.raises(InputError, match=rf"{name}\.npy"):
        read_windows(stored)


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"rate_hz": 5.0})])
def test_a_damaged_index_is_named(stored, content):
    (stored / "index.json").write_text(content)
    with pytest.raises(InputError, match=r"index\.json"):
        read_windows(stored)


def test_no_folder(tmp_path):
    for read in (read_windows, windows_digest, read_extra):
        with pytest.raises(InputError, match=r"index\.json"):
            read(tmp_path / "nowhere")
