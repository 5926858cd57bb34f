import numpy as np

from pipeline.simulation.skyline import hidden_walls


def hidden(*walls, width_px=640):
    """Whether each of these walls is hidden: columns of its ends, rows of its top there, rank, whole."""
    feet_px, tops_px, ranks, whole = (list(part) for part in zip(*walls, strict=True))
    return hidden_walls(
        np.array(feet_px), np.array(tops_px), ranks=np.array(ranks), whole=np.array(whole), width_px=width_px
    ).tolist()


def test_a_lower_wall_behind_a_wider_one_is_hidden_whatever_their_order():
    front, back = ((100.0, 400.0), (60.0, 80.0), 0, True), ((300.0, 200.0), (120.0, 110.0), 1, True)
    assert hidden(front, back) == [False, True]
    assert hidden(back, front) == [True, False]


def test_a_wall_that_looks_out_above_or_beside_is_seen():
    front = ((100.0, 400.0), (60.0, 80.0), 0, True)
    for back in (((200.0, 300.0), (90.0, 50.0), 1, True), ((300.0, 450.0), (120.0, 110.0), 1, True)):
        assert hidden(front, back) == [False, False]


def test_two_walls_hide_together_and_walls_of_one_building_never_each_other():
    left, right = ((0.0, 320.0), (60.0, 60.0), 0, True), ((320.0, 640.0), (60.0, 60.0), 1, True)
    assert hidden(left, right, ((100.0, 500.0), (100.0, 100.0), 2, True)) == [False, False, True]
    assert hidden(left, ((100.0, 200.0), (100.0, 100.0), 0, True)) == [False, False]


def test_a_wall_that_reaches_behind_the_camera_neither_hides_nor_is_hidden():
    front, back = ((0.0, 640.0), (60.0, 60.0), 0, True), ((100.0, 200.0), (100.0, 100.0), 1, True)
    assert hidden((*front[:3], False), back) == [False, False]
    assert hidden(front, (*back[:3], False)) == [False, False]
