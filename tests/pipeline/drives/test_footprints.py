import numpy as np
import pytest

from pipeline.drives.footprints import overlapping_pairs


def pairs(*boxes: tuple[float, float, float, float, float, int], tolerance_m: float = 0.0) -> list[list[int]]:
    """Of boxes as x, y, heading, length, width, step."""
    table = np.array(boxes)
    found = overlapping_pairs(
        table[:, :2],
        table[:, 2],
        table[:, 3:5],
        step=table[:, 5].astype(np.int64),
        tolerance_m=np.full(len(table), tolerance_m),
    )
    return sorted(found.tolist())


def test_rectangles_overlap_where_they_share_ground() -> None:
    car = (0.0, 0.0, 0.0, 4.0, 2.0, 0)
    behind, into = (-4.1, 0.0, 0.0, 4.0, 2.0, 0), (3.9, 0.0, 0.0, 4.0, 2.0, 0)
    assert pairs(car, behind, into) == [[0, 2]]
    assert pairs(car, into, tolerance_m=0.11) == []


def test_a_turned_rectangle_is_taken_as_it_stands() -> None:
    car = (0.0, 0.0, 0.0, 4.0, 2.0, 0)
    # Its corner is sqrt(2) from its middle: it reaches the car's side at y = 1 from 2.41 m away.
    assert pairs(car, (0.0, 2.40, np.pi / 4, 2.0, 2.0, 0)) == [[0, 1]]
    assert pairs(car, (0.0, 2.42, np.pi / 4, 2.0, 2.0, 0)) == []


def test_only_rows_of_one_step_meet() -> None:
    car, later = (0.0, 0.0, 0.0, 4.0, 2.0, 0), (0.0, 0.0, 0.0, 4.0, 2.0, 1)
    assert pairs(car, later) == []


def test_small_and_large_are_all_compared() -> None:
    rng = np.random.default_rng(0)
    boxes = [
        (*rng.uniform(0, 60, 2), rng.uniform(-3, 3), *sides, int(rng.integers(3)))
        for sides in ((0.4, 0.5), (4.5, 1.8), (12.0, 2.5), (1.8, 0.6))
        for _ in range(40)
    ]
    alone = {
        (one, other)
        for one in range(len(boxes))
        for other in range(one + 1, len(boxes))
        if pairs(boxes[one], boxes[other])
    }
    assert len(alone) > 20
    assert {tuple(pair) for pair in pairs(*boxes)} == alone


@pytest.mark.parametrize("boxes", [[], [(0.0, 0.0, 0.0, 4.0, 2.0, 0)]])
def test_there_may_be_nobody_to_meet(boxes: list[tuple[float, float, float, float, float, int]]) -> None:
    table = np.array(boxes).reshape(-1, 6)
    nobody = overlapping_pairs(
        table[:, :2], table[:, 2], table[:, 3:5], step=table[:, 5].astype(np.int64), tolerance_m=np.zeros(len(table))
    )
    assert nobody.shape == (0, 2)
