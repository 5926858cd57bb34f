"""Who trains, chooses and judges."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import SplitConfig
from pipeline.errors import InputError
from pipeline.ingest.split import SPLIT_NAMES, UNSPLIT, Split, make_split
from pipeline.windows import windows

S = 10**9
CONFIG = SplitConfig(seed=0, validation=0.2, test=0.3, min_drives=5, gap_s=6.0)
NAMES = st.lists(st.text("abcdef0123456789", min_size=1, max_size=6), min_size=3, max_size=30, unique=True)


def spans(names: list[str], seconds: int = 20) -> dict[str, tuple[int, int]]:
    return dict.fromkeys(names, (5 * S, (5 + seconds) * S))


def parts(split: Split) -> dict[str, str]:
    assert split.method == "drives"
    return {name: blocks[0].split for name, blocks in split.blocks.items()}


def test_the_names_are_those_of_the_windows():
    assert (SPLIT_NAMES, UNSPLIT) == (windows.SPLITS, windows.UNSPLIT)


def test_shares_of_the_drives():
    assert Counter(parts(make_split(spans([f"d{i}" for i in range(100)]), config=CONFIG)).values()) == {
        "train": 50,
        "validation": 20,
        "test": 30,
    }
    config = CONFIG.model_copy(update={"validation": 0.01, "test": 0.01})
    assert Counter(parts(make_split(spans(list("abcde")), config=config)).values()) == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }
    config = CONFIG.model_copy(update={"validation": 0.0, "test": 0.0})
    assert set(parts(make_split(spans(list("abcde")), config=config)).values()) == {"train"}


@given(names=NAMES, seed=st.integers(0, 3), validation=st.floats(0.01, 0.49), test=st.floats(0.01, 0.49))
def test_every_part_has_a_drive_and_an_added_drive_moves_two_others_at_most(
    names: list[str], seed: int, validation: float, test: float
):
    config = SplitConfig(seed=seed, validation=validation, test=test, min_drives=3, gap_s=6.0)
    before = parts(make_split(spans(names), config=config))
    assert set(before.values()) == set(SPLIT_NAMES)
    assert parts(make_split(spans(names[::-1]), config=config)) == before
    after = parts(make_split(spans([*names, "new"]), config=config))
    assert sum(after[name] != before[name] for name in names) <= 2


def test_the_seed_matters():
    drives = spans([f"d{i}" for i in range(20)])
    splits = [parts(make_split(drives, config=CONFIG.model_copy(update={"seed": seed}))) for seed in (0, 1)]
    assert splits[0] != splits[1]


def test_a_whole_drive_is_of_one_part_even_where_a_window_reaches_beyond_it():
    split = make_split(spans(list("abcde")), config=CONFIG)
    for name, part in parts(split).items():
        index = SPLIT_NAMES.index(part)
        assert split.of(name, 5 * S, 25 * S) == split.of(name, 4 * S, 30 * S) == index
    with pytest.raises(InputError, match="drive 'z': is not in the split"):
        split.of("z", 0, 1)


def test_few_drives_are_cut_into_blocks_of_time():
    # 112 s: two gaps of 6 s leave 100 s.
    split = make_split({"a": (0, 112 * S), "b": (0, 30 * S)}, config=CONFIG)
    assert split.method == "time_blocks"
    assert "2 drives, fewer than 5" in split.why
    assert "whole in train: b" in split.why
    cut = [(block.split, block.start_ns / S, block.end_ns / S) for block in split.blocks["a"]]
    assert cut == [("train", 0, 50), ("validation", 56, 76), ("test", 82, 112)]
    train, validation, test = range(3)
    assert split.of("a", 44 * S, 50 * S) == train
    assert split.of("a", 44 * S, 50 * S + 1) == UNSPLIT
    assert split.of("a", 51 * S, 55 * S) == UNSPLIT
    assert split.of("a", 49 * S, 57 * S) == UNSPLIT
    assert split.of("a", 56 * S, 76 * S) == validation
    assert split.of("a", 81 * S, 90 * S) == UNSPLIT
    assert split.of("a", 110 * S, 115 * S) == test
    assert split.of("b", 0, 30 * S) == train


@given(
    seconds=st.integers(1, 300), validation=st.floats(0.0, 0.45), test=st.floats(0.0, 0.45), gap_s=st.floats(0.1, 20.0)
)
def test_blocks_are_apart_and_long_enough(seconds: int, validation: float, test: float, gap_s: float):
    config = SplitConfig(seed=0, validation=validation, test=test, min_drives=5, gap_s=gap_s)
    (blocks,) = make_split({"a": (7, 7 + seconds * S)}, config=config).blocks.values()
    assert blocks[0].start_ns == 7
    assert blocks[-1].end_ns == 7 + seconds * S
    for block, following in pairwise(blocks):
        assert following.start_ns - block.end_ns >= gap_s * S
    if len(blocks) > 1:
        assert all(block.end_ns - block.start_ns >= gap_s * S - 2 for block in blocks)
        assert len(blocks) == 1 + (validation > 0) + (test > 0)


def test_short_drives():
    # Too short for blocks, but enough of them to give each part one.
    split = make_split(spans(list("abc")), config=CONFIG)
    assert set(parts(split).values()) == set(SPLIT_NAMES)
    assert "none is long enough" in split.why
    # Too short and too few.
    split = make_split(spans(list("ab")), config=CONFIG)
    assert {block.split for blocks in split.blocks.values() for block in blocks} == {"train"}
    assert "all of it is train" in split.why


def test_json_round_trip():
    for drives in (spans(list("abcde")), {"a": (0, 112 * S)}):
        split = make_split(drives, config=CONFIG)
        text = json.dumps(split.to_json(), allow_nan=False)
        assert Split.from_json(json.loads(text)) == split
    assert split.to_json()["summary"] == {
        "num_drives": {"train": 1, "validation": 1, "test": 1},
        "seconds": {"train": 50.0, "validation": 20.0, "test": 30.0},
    }


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"method": "drives", "why": "", "blocks": {"a": []}},
        {"method": "drives", "why": "", "blocks": {"a": [{"split": "holdout", "start_ns": 0, "end_ns": 1}]}},
        {"method": "drives", "why": "", "blocks": {"a": [{"split": "train", "start_ns": 2, "end_ns": 1}]}},
    ],
)
def test_something_else_is_no_split(value: object):
    with pytest.raises(InputError, match=r"split\.json"):
        Split.from_json(value, where="split.json")
