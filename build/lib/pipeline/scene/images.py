"""A camera frame from a drive's folder: checked before it is decoded, and resized for the CNN."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.drives.drive import Camera
from pipeline.drives.image_header import ImageError, image_bytes, image_size

UNKNOWN_CAMERA: Final = "unknown camera"


def frame_bytes(folder: Path, path: str) -> bytes:
    """Read a frame's file. Links are followed: image folders are often linked in from another disk.

    Raises:
        ImageError: The path leaves the drive's folder, or the file is missing, empty, too large or unreadable.
    """
    for flavour in (PurePosixPath(path), PureWindowsPath(path)):
        if flavour.anchor or ".." in flavour.parts:
            raise ImageError("path outside the drive's folder")
    return image_bytes(folder / path)


def frame_error(folder: Path, path: str, *, camera: Camera | None) -> str:
    """Why a frame cannot be used, in the words of ``extract_features``; empty where it can.

    Args:
        folder: Of the drive.
        path: Of the frame, relative to it.
        camera: Whose frame it is; None where the drive has no such camera.
    """
    if camera is None:
        return UNKNOWN_CAMERA
    try:
        decode(frame_bytes(folder, path), camera=camera, width_px=16, height_px=9)
    except ImageError as error:
        return str(error)
    return ""


def decode(content: bytes, *, camera: Camera, width_px: int, height_px: int) -> UInt8[np.ndarray, "y x 3"]:
    """Decode a JPEG or PNG and resize it.

    Args:
        content: Of the file.
        camera: Whose frame it is; its stated size must be the frame's, or no projection would fit.
        width_px: To resize to, whatever the frame's proportions.
        height_px: Likewise.

    Returns:
        RGB, as stored: an orientation flag in the file is not applied, for calibrations speak of stored pixels.

    Raises:
        ImageError: It is no image, is cut off or damaged, is larger than ``MAX_PIXELS``, or has another size than
            the camera.
    """
    size = image_size(content)
    if size != (camera.width_px, camera.height_px):
        raise ImageError("size other than the camera's")
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError("damaged image") from error
    if image is None or image.shape[:2] != size[::-1]:
        raise ImageError("damaged image")
    image = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, np.uint8)
