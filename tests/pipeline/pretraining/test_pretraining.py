"""A CNN that learns to see: what the tracks tell of frames, by hand, and that it is learned."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from shapely import MultiPolygon, box

from models.scene_tasks import sample_cells
from pipeline.behaviour.manoeuvre import Pace
from pipeline.config import PretrainConfig, SceneConfig, WindowsConfig
from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.drives.map import DriveMap
from pipeline.ingest.clean import CleanDrive
from pipeline.ingest.split import TEST, TRAIN, Block, Split
from pipeline.params import load_section
from pipeline.pretraining.lessons import MOTION_WIDTH, UNKNOWN, Lesson, lessons_of
from pipeline.pretraining.pretrain import mirrored_cells, pretrain
from pipeline.pretraining.quality import judge, write_pictures
from pipeline.pretraining.rays import ground_points
from pipeline.scene.backbone import make_backbone
from pipeline.scene.sample import HANGING, _bilinear  # pyright: ignore[reportPrivateUsage]
from tests.made_up_cleans import START_NS, STEP_NS, clean_drive

PARAMS = Path(__file__).parents[3] / "params.yaml"
# Looks along the world's x axis from 1.5 m above the ground; 64 x 32 px, cells of 8 px.
CAMERA = Camera(width_px=64, height_px=32, fx_px=32.0, fy_px=32.0, cx_px=32.0, cy_px=16.0)
AHEAD = (0.0, 0.0, 1.5, 0.5, -0.5, 0.5, -0.5)
SCENE = SceneConfig(
    backbone="compact", weights=None, seed=0, stage=2, channels=32, width_px=64, height_px=32, batch_size=4,
    precision="fp32",
)  # fmt: skip
SHAPE, STRIDE = (4, 8), 8


def made_up_drive(*, stops: bool = True) -> CleanDrive:
    """The ego stands; a car 12 m ahead drives off to the left or stops; somebody on foot stands to the right."""
    steps = range(31)
    frames = pd.DataFrame(
        [(START_NS + step * STEP_NS, "front", f"{step}.png", *AHEAD) for step in range(0, 31, 2)],
        columns=list(FRAME_COLUMNS),
    ).astype(FRAME_COLUMNS)

    def car_y_m(step: int) -> float:
        return 0.3 * (min(step, 10) if stops else step)

    agents = {
        "ego": [{"step": step, "z_m": 0.75} for step in steps],
        "car": [
            {"step": step, "x_m": 12.0, "y_m": car_y_m(step), "z_m": 0.75, "heading_rad": np.pi / 2} for step in steps
        ],
        "behind": [{"step": step, "x_m": -9.0, "z_m": 0.75} for step in steps],
        "left": [  # far out of view to the left
            {"step": step, "x_m": 4.0, "y_m": 9.0, "z_m": 0.75, "heading_rad": 0.0} for step in steps
        ],
        "walker": [
            {"step": step, "x_m": 6.0, "y_m": -3.0, "z_m": 0.9, "category": 8, "length_m": 0.6, "width_m": 0.6,
             "height_m": 1.8} for step in steps
        ],
    }  # fmt: skip
    clean = clean_drive(agents, num_steps=31, cameras={"front": CAMERA}, frames=frames)
    area = MultiPolygon([box(-10.0, -1.0, 60.0, 60.0)])  # the road lies left of y = -1
    return replace(clean, map=DriveMap(lanes=(), crossings=(), drivable_area=area))


def lessons(clean: CleanDrive, *, part: int = TRAIN) -> list[Lesson]:
    windows = WindowsConfig(
        observed_s=1.0, future_s=1.0, rate_hz=5.0, every_s=0.5, max_age_s=0.4, num_frames=4, frame_spacing_s=0.5
    )
    start, end = int(clean.step_times_ns[0]), int(clean.step_times_ns[-1])
    split = Split(method="drives", why="", blocks={clean.name: (Block(split="train", start_ns=start, end_ns=end),)})
    return lessons_of(
        clean, scene=SCENE, windows=windows, split=split, part=part, every_s=0.5, shape=SHAPE, stride_px=STRIDE
    )


def test_a_lesson_tells_what_the_frame_shows() -> None:
    found = lessons(made_up_drive())
    assert len(found) == 7  # every 0.5 s, the whole drive: what lies outside counts only where it was recorded
    lesson = found[2]  # at 1 s
    assert lesson.path == "10.png"
    car, ego = 1, 2  # in the order of their ids
    # The car's middle at (12, 3, 0.75): 0.25 of the depth to the left, 0.0625 below the axis.
    np.testing.assert_allclose(lesson.own_cell[car], [(32 - 8 - 0.5) / 8, (16 + 2 - 0.5) / 8], atol=1e-5)
    assert lesson.own_seen.tolist() == [False, True, False, False, True]
    assert lesson.log_depth[car] == pytest.approx(np.log(12.0), abs=1e-5)
    assert lesson.ahead_seen[ego].any()
    assert lesson.cells[2, 3] == 1  # the car's cell
    assert (lesson.cells == 3).any()  # somebody on foot, at the right of the middle
    assert np.argwhere(lesson.cells == 3)[:, 1].min() > 4
    assert lesson.motion[:, 2].tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert not lesson.cells[:2].any(), "who is out of view covers nothing"
    assert lesson.motion[car, 0] == pytest.approx(0.3, abs=1e-3)  # 3 m/s
    assert Pace(lesson.did[car, 1]) == Pace.STOP
    assert Pace(lesson.did[ego, 1]) == Pace.CRUISE
    assert lesson.drivable[0].tolist() == [UNKNOWN] * 8  # the sky
    bottom = lesson.drivable[3]
    assert bottom[1] == 1  # to the left
    assert bottom[7] == 0  # to the right of who walks there
    assert lessons(made_up_drive(), part=TEST) == []


def test_what_comes_later_is_a_label_and_nothing_else() -> None:
    stopped, went_on = (lessons(made_up_drive(stops=stops))[2] for stops in (True, False))
    assert stopped.did.tolist() != went_on.did.tolist()
    for name in ("cells", "drivable", "own_cell", "own_seen", "ahead_cell", "ahead_seen", "log_depth", "motion"):
        np.testing.assert_array_equal(getattr(stopped, name), getattr(went_on, name))


def test_rays_meet_the_ground_where_it_is() -> None:
    points_m, distance_m = ground_points(
        SHAPE, camera=CAMERA, pose=np.asarray(AHEAD), floor_m=0.0, input_px=(64, 32), stride_px=STRIDE
    )
    # The cell in row 3, column 4 looks at pixel (32.5, 24.5): 8.5 / 32 below the axis, 0.5 / 32 to the right.
    x_m = 1.5 / (8.5 / 32)
    np.testing.assert_allclose(points_m[3, 4], [x_m, -x_m * 0.5 / 32])
    assert distance_m[3, 4] == pytest.approx(np.hypot(x_m, np.hypot(x_m * 0.5 / 32, 1.5)))
    assert np.isinf(distance_m[0]).all()


def test_maps_are_sampled_as_the_windows_stage_samples_them() -> None:
    rng = np.random.default_rng(0)
    maps, frame = rng.normal(size=(3, 5, 4, 6)), rng.integers(0, 3, 40)
    cell = rng.uniform(-2.0, 8.0, (40, 2))
    ours = sample_cells(torch.from_numpy(maps), frame=torch.from_numpy(frame), cell=torch.from_numpy(cell))
    np.testing.assert_allclose(ours.numpy(), _bilinear(maps, frame, cell), rtol=1e-5, atol=1e-6)


def test_a_mirrored_frames_labels_lie_where_its_pixels_do() -> None:
    # 64 pixels, cells of 8 px centred on pixels 0, 8 .. 56: pixel 16 is pixel 47 in the mirror, nearest to cell 6.
    labels = torch.zeros(1, 1, 8, dtype=torch.int64)
    labels[0, 0, 2] = 1
    assert mirrored_cells(labels, last_cell=63 / 8)[0, 0].tolist() == [UNKNOWN, 0, 0, 0, 0, 0, 1, 0]


def made_up_lessons(folder: Path, *, num: int, seed: int) -> list[Lesson]:
    """Frames of noise with a spot that is red or green above the road ahead: on green one starts, on red one stands."""
    rng, found = np.random.default_rng(seed), []
    for number in range(num):
        image = rng.integers(90, 130, (32, 64, 3), np.uint8)
        is_green = bool(rng.integers(2))
        image[8:14, 30:36] = (30, 200, 60) if is_green else (60, 30, 200)  # BGR
        cv2.imwrite(str(folder / f"{seed}-{number}.png"), image)
        found.append(
            Lesson(
                folder=folder,
                path=f"{seed}-{number}.png",
                camera=CAMERA,
                cells=np.zeros(SHAPE, np.int64),
                drivable=np.full(SHAPE, UNKNOWN),
                own_cell=np.zeros((1, 2), np.float32),
                own_seen=np.zeros(1, bool),
                ahead_cell=np.where(HANGING[:, None], [4.0, 1.0], [4.0, 2.0])[None].astype(np.float32),
                ahead_seen=np.ones((1, len(HANGING)), bool),
                log_depth=np.zeros(1, np.float32),
                motion=np.zeros((1, MOTION_WIDTH), np.float32),
                did=np.asarray([[UNKNOWN, int(Pace.START if is_green else Pace.CRUISE)]]),
            )
        )
    return found


def test_it_learns_what_only_the_frames_hold(tmp_path: Path) -> None:
    taught, held_out = made_up_lessons(tmp_path, num=96, seed=0), made_up_lessons(tmp_path, num=32, seed=1)
    (tmp_path / held_out[0].path).write_bytes(b"no image")  # left out
    config = load_section("pretrain_scene", PretrainConfig, path=PARAMS).model_copy(
        update={"epochs": 6, "batch_size": 8, "learning_rate": 0.005}
    )
    backbones = [make_backbone(SCENE) for _ in range(2)]
    pupil, again = (pretrain(each, taught, scene=SCENE, config=config, device="cpu") for each in backbones)
    for name, value in pupil.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)
    assert not any(parameter.requires_grad for parameter in backbones[0].parameters())
    quality = judge(pupil, held_out, taught=taught, scene=SCENE)
    assert quality["num_frames"] == 31
    assert quality["pace_brier"] < 0.2 * quality["pace_brier_prior"]
    assert quality["drivable_accuracy"] is None  # nothing is known of the ground
    write_pictures(tmp_path, pupil, held_out, scene=SCENE)
    assert len(list(tmp_path.glob("frame_*.jpg"))) == 4
