import numpy as np
import pytest

from pipeline.simulation.bodies import body
from pipeline.simulation.detail import Detail
from pipeline.simulation.roles import Role

SIZES_M = {
    "car": (4.6, 1.8, 1.5),
    "van": (5.2, 2.0, 2.2),
    "truck": (7.1, 2.4, 3.0),
    "bus": (12.0, 2.5, 3.4),
    "motorcycle": (2.2, 0.9, 1.6),
    "bicycle": (1.8, 0.65, 1.75),
    "pedestrian": (0.5, 0.5, 1.75),
}


@pytest.mark.parametrize("category", SIZES_M)
def test_a_far_body_stands_on_the_ground_reaches_the_roof_and_has_fewer_faces_and_the_same_main_lights(category):
    size_m = SIZES_M[category]
    far, plain = (body(category, size_m=size_m, detail=detail, stride=1) for detail in (Detail.FAR, Detail.PLAIN))
    low_m, high_m = far.corners_m.min(axis=0), far.corners_m.max(axis=0)
    assert low_m[2] == pytest.approx(0.0, abs=0.01)
    assert high_m[2] == pytest.approx(size_m[2], abs=0.01)
    assert (high_m[:2] - low_m[:2] <= np.array(size_m[:2]) + 0.1).all()
    assert len(far.roles) < 0.8 * len(plain.roles)
    for role in (Role.BRAKE, Role.HEAD):
        assert (far.lamps.roles == role).sum() == (plain.lamps.roles == role).sum()
