import numpy as np
import pytest

from pipeline.evaluation.macro_f1 import Choices, macro_f1


def choices(true, chosen, *, valid=None, num_classes: int = 3) -> Choices:
    return Choices(
        chosen=np.asarray(chosen),
        true=np.asarray(true),
        valid=np.ones(len(true), bool) if valid is None else np.asarray(valid, bool),
        num_classes=num_classes,
    )


def test_by_hand_over_the_classes_that_are_there() -> None:
    # Class 0: 2 hits, 3 chosen, 2 true; class 1: 1 hit, 1 chosen, 2 true; class 2 is chosen, but never true.
    one = choices([0, 0, 1, 1, 2], [0, 0, 1, 0, 2], valid=[1, 1, 1, 1, 0])
    two = choices([0, 0, 1, 1, 0], [0, 2, 1, 1, 2], valid=[1, 1, 1, 1, 0])
    none = choices([0] * 5, [0] * 5, valid=[0] * 5)
    found = macro_f1(
        {"one": one, "two": two, "none": none},
        minus={"difference": ("one", "two"), "not there": ("one", "none")},
        track=np.arange(5),
        num_resamples=200,
        seed=0,
    )
    first, second = (4 / 5 + 2 / 3) / 2, (2 / 3 + 1) / 2
    assert found.keys() == {"one", "two", "difference"}
    assert found["one"].value == pytest.approx(first)
    assert found["two"].value == pytest.approx(second)
    assert found["difference"].value == pytest.approx(first - second)
    assert found["one"].low <= first <= found["one"].high


def test_a_track_is_taken_with_all_its_windows_and_alone_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    true, wrong = rng.integers(0, 2, 400), rng.random(400) < 0.3
    given = choices(true, np.where(wrong, 1 - true, true), num_classes=2)

    def width(track: np.ndarray) -> float:
        interval = macro_f1({"a": given}, minus={}, track=track, num_resamples=400, seed=1)["a"]
        return interval.high - interval.low

    copies = np.repeat(np.arange(100), 4)
    assert 0.05 < width(np.arange(400)) < 0.13
    four = choices(np.repeat(true[:100], 4), np.repeat(given.chosen[:100], 4), num_classes=2)
    interval = macro_f1({"a": four}, minus={}, track=copies, num_resamples=400, seed=1)["a"]
    assert interval.high - interval.low > 1.5 * width(np.arange(400))
    assert np.isnan(width(np.zeros(400, np.int64)))


def test_nobody() -> None:
    assert macro_f1({}, minus={}, track=np.zeros(0, np.int64), num_resamples=3, seed=0) == {}
