"""ETH and UCY as the literature's protocol counts them."""

from pathlib import Path

import pytest

from pipeline.evaluation.eth_ucy import SCENES, in_all_steps, read_part, read_windows

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("scene", "expected"), {"eth": 364, "hotel": 1197, "univ": 24334, "zara1": 2356, "zara2": 5910}.items()
)
def test_as_many_persons_are_scored_as_in_the_literature(shared_data: Path, scene: str, expected: int) -> None:
    windows = read_windows(read_part(shared_data / "eth_ucy" / "all_data", list(SCENES[scene])))
    assert in_all_steps(windows.observed, windows.future).sum() == expected
