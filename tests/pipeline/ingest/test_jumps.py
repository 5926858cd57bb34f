"""Where a track is split."""

import numpy as np
import pytest

from pipeline.ingest.jumps import agent_name, is_later_part, split_jumps


def parts(x_m: list[float], times_s: list[float] | None = None, *, track: list[int] | None = None) -> list[int]:
    times = np.arange(len(x_m)) * 0.1 if times_s is None else np.array(times_s)
    return split_jumps(
        np.zeros(len(x_m), dtype=np.int64) if track is None else np.array(track),
        times_ns=np.rint(times * 1e9).astype(np.int64),
        xy_m=np.stack([np.array(x_m), np.zeros(len(x_m))], axis=-1),
        max_speed_mps=70.0,
        max_gap_s=0.6,
    ).tolist()


@pytest.mark.parametrize(
    ("x_m", "expected"),
    [
        ([0, 6.9, 13.8], [1, 1, 1]),  # fast, but possible
        ([0, 1, 101, 102, 103], [1, 1, 2, 2, 2]),  # it stays away
        ([0, 1, 101, 3, 4], [1, 1, 2, 1, 1]),  # a glitch
        ([0, 1, 9, 3, 4], [1, 1, 2, 1, 1]),  # a near glitch: 3 could be reached from 9, but more slowly from 1
        ([50, 1, 2, 3], [1, 2, 2, 2]),  # the first one is the glitch
        ([0, 1, 101, 301, 4, 5], [1, 1, 2, 3, 1, 1]),  # two glitches in a row, each elsewhere
        ([0, 1, 101, 102, 4, 5], [1, 1, 2, 2, 3, 3]),  # two that agree are believed
        ([0, 100, 1, 101, 2], [1, 2, 1, 3, 1]),
        ([0], [1]),
        ([], []),
    ],
)
def test_parts(x_m: list[float], expected: list[int]):
    assert parts(x_m) == expected
    # Whatever comes later: the same decisions.
    for length in range(len(x_m)):
        assert parts(x_m[:length]) == expected[:length]


def test_a_part_that_is_too_old_is_not_gone_back_to():
    assert parts([0, 1, 101, 3], [0.0, 0.1, 0.2, 0.69]) == [1, 1, 2, 1]
    assert parts([0, 1, 301, 3], [0.0, 0.1, 0.2, 0.71]) == [1, 1, 2, 3]


def test_a_long_absence_is_no_jump():
    assert parts([0, 1, 101], [0.0, 0.1, 3.1]) == [1, 1, 1]


def test_tracks_do_not_meet():
    assert parts([0, 1, 500, 501, 900, 901], track=[0, 0, 1, 1, 2, 2]) == [1] * 6
    assert parts([0, 100, 500, 501, 900, 0], track=[0, 0, 1, 1, 2, 2]) == [1, 2, 1, 1, 1, 2]


def test_names_never_collide():
    names = [agent_name(track, part=part) for track in ("5", "5~", "5~2", "5~~2", "~", "") for part in (1, 2, 22)]
    assert len(set(names)) == len(names)
    assert agent_name("5", part=1) == "5"
    assert agent_name("5", part=2) == "5~2"
    assert [is_later_part(name) for name in names] == [False, True, True] * 6
