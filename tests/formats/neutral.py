"""The made-up scene in the neutral layout, as a user writes it by hand."""

from pathlib import Path
from typing import Final

import cv2
import pandas as pd

from pipeline.drives.categories import Category
from pipeline.drives.geojson import write_map
from pipeline.files import write_json
from tests.formats.scene import CAMERA, RATE_HZ, MadeUpScene

HOLDS: Final = frozenset({"ego", "categories", "headings", "sizes", "frames", "map", "height"})


def write_neutral(folder: Path, scene: MadeUpScene) -> None:
    write_json(folder / "drive.json", {"name": "made-up", "source": "test", "licence": "", "rate_hz": RATE_HZ})
    tracks = scene.tracks
    words = tracks["category"].map(lambda number: Category(number).name.lower()).mask(tracks["is_ego"], "ego")
    tracks.assign(category=words).drop(columns="is_ego").to_csv(folder / "tracks.csv", index=False)
    pixels = {"width": CAMERA.width_px, "height": CAMERA.height_px, "fx": CAMERA.fx_px, "fy": CAMERA.fy_px}
    pixels |= {"cx": CAMERA.cx_px, "cy": CAMERA.cy_px}
    camera = {"camera": "front"} | {f"{name}_px": value for name, value in pixels.items()}
    pd.DataFrame([camera]).to_csv(folder / "cameras.csv", index=False)
    (folder / "frames" / "front").mkdir(parents=True)
    frames = []
    for step, (time_ns, place, turn) in enumerate(zip(scene.times_ns, *scene.camera_pose(), strict=True)):
        path = f"frames/front/{time_ns}.jpg"
        cv2.imwrite(str(folder / path), scene.image(step))
        pose = zip(("x_m", "y_m", "z_m", "qw", "qx", "qy", "qz"), (*place, *turn), strict=True)
        frames.append({"timestamp_ns": time_ns, "camera": "front", "path": path} | dict(pose))
    pd.DataFrame(frames).to_csv(folder / "frames.csv", index=False)
    write_map(folder / "map.geojson", scene.map)
