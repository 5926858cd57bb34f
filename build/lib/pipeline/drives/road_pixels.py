"""A bird's-eye semantic map, as KITTI forecasting has it: its road, as the drivable area."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import shapely

from pipeline.drives.image_header import ImageError, image_bytes, image_size
from pipeline.drives.map import DriveMap
from pipeline.drives.pixel_map import pixel_polygons
from pipeline.errors import Dropped

PIXEL_M: Final = 0.5
ROAD: Final = 1  # beside 0 background, 2 sidewalk, 3 building, 4 vegetation
_MOST_PIXELS: Final = 16_000_000  # 2 km x 2 km


def read_road(path: Path) -> tuple[DriveMap | None, tuple[str, ...], tuple[Dropped, ...]]:
    """Read ``maps/*_map.png``: a point (x, y) of the release is in the pixel of column 2x and row 2y.

    Returns:
        The map, its y turned round as that of the tracks is, or None where there is none or it cannot be used; a note;
        why it was not used.
    """
    if not path.exists():
        return None, (f"{path}: is missing, so the drive has no map",), ()
    try:
        content = image_bytes(path)
        width, height = image_size(content)
        if content[12:16] != b"IHDR" or content[24:26] != b"\x08\x00":  # eight bits, no colours
            raise ImageError("no 8-bit grey PNG")
        if width * height > _MOST_PIXELS:
            reason = f"more than {_MOST_PIXELS // 1_000_000} megapixels"
            raise ImageError(reason)
        levels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        if levels is None or levels.shape != (height, width):
            raise ImageError("damaged image")
        if levels.max() > 4:
            raise ImageError("grey levels other than 0 to 4")
        road = pixel_polygons(levels == ROAD)
    except (ValueError, cv2.error) as error:
        reason = str(error) if isinstance(error, ValueError) else "damaged image"
        return None, (), (Dropped(where=str(path), reason=f"map not used: {reason}"),)
    if road.is_empty:
        return None, (f"{path}: has no pixel of road, so the drive has no map",), ()
    area = shapely.transform(road, lambda corners: corners * (PIXEL_M, -PIXEL_M))
    return DriveMap(lanes=(), crossings=(), drivable_area=area), (), ()
