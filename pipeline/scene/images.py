"""A camera frame from a drive's folder: checked before it is decoded, and resized for the CNN."""

from __future__ import annotations

import re
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.drives.drive import Camera

MAX_BYTES: Final = 64 * 2**20  # of a file
MAX_PIXELS: Final = 64_000_000  # of a frame once decoded; a small file can claim far more
JPEG_START: Final = b"\xff\xd8"
PNG_START: Final = b"\x89PNG\r\n\x1a\n"
MAX_SEGMENTS: Final = 100_000  # of a file; real ones have a few hundred at most
SEGMENT: Final = re.compile(rb"\xff[^\xff]", re.DOTALL)
# In the coded pixels FF 00 is a byte, D0 to D7 restart and FF FF is filling: anything else is the next segment.
NEXT_SEGMENT: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
FRAME_HEADERS: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


class FrameError(ValueError):
    """A frame that cannot be used. Its text is the reason, a short phrase that reports count."""


def frame_bytes(folder: Path, path: str) -> bytes:
    """Read a frame's file. Links are followed: image folders are often linked in from another disk.

    Raises:
        FrameError: The path leaves the drive's folder, or the file is missing, empty, too large or unreadable.
    """
    for flavour in (PurePosixPath(path), PureWindowsPath(path)):
        if flavour.anchor or ".." in flavour.parts:
            raise FrameError("path outside the drive's folder")
    file = folder / path
    try:
        if not file.is_file():  # a pipe would never end
            raise FrameError("missing file")
        if file.stat().st_size > MAX_BYTES:
            reason = f"file larger than {MAX_BYTES // 2**20} MiB"
            raise FrameError(reason)
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, FrameError):
            raise
        raise FrameError("unreadable file") from error
    if not content:
        raise FrameError("empty file")
    return content


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
        FrameError: It is no image, is cut off or damaged, is larger than ``MAX_PIXELS``, or has another size than
            the camera.
    """
    if content.startswith(JPEG_START):
        size = _jpeg_size(content)
    elif content.startswith(PNG_START):
        size = _png_size(content)
    else:
        raise FrameError("not a JPEG or PNG image")
    if size[0] * size[1] > MAX_PIXELS:
        reason = f"more than {MAX_PIXELS // 1_000_000} megapixels"
        raise FrameError(reason)
    if size != (camera.width_px, camera.height_px):
        raise FrameError("size other than the camera's")
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise FrameError("damaged image") from error
    if image is None or image.shape[:2] != size[::-1]:
        raise FrameError("damaged image")
    image = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, np.uint8)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height of a JPEG that is whole: the decoder fills what is cut off with grey and says nothing.

    Walking the segments is needed for both: an embedded thumbnail has a header and an end of its own.
    """
    size, position = None, 2
    for _ in range(MAX_SEGMENTS):
        found = SEGMENT.search(content, position)
        if found is None:
            raise FrameError("truncated image")
        marker, position = content[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        if marker in BARE:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        if marker in FRAME_HEADERS and position + 7 <= len(content):
            height, width = (int.from_bytes(content[position + at : position + at + 2], "big") for at in (3, 5))
            size = (width, height)
        position += length
        if marker == 0xDA:  # the coded pixels follow their segment
            following = NEXT_SEGMENT.search(content, position)
            if following is None:
                raise FrameError("truncated image")
            position = following.start()
    else:
        raise FrameError("damaged image")
    if size is None or 0 in size:
        raise FrameError("damaged image")
    return size


def _png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG whose chunks are all there and unharmed."""
    if content[12:16] != b"IHDR":
        raise FrameError("damaged image")
    size = (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    position = len(PNG_START)
    for _ in range(MAX_SEGMENTS):
        kind_at = position + 4
        end = kind_at + 4 + int.from_bytes(content[position:kind_at], "big")
        if end + 4 > len(content):
            raise FrameError("truncated image")
        if zlib.crc32(content[kind_at:end]) != int.from_bytes(content[end : end + 4], "big"):
            raise FrameError("damaged image")
        if content[kind_at : kind_at + 4] == b"IEND":
            return size
        position = end + 4
    raise FrameError("damaged image")
