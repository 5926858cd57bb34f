"""Damage to pictures."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from tests.stress.damage.kinds import NOTHING, PICTURES, Hit, Means, kind


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def png_bomb(side_px: int) -> bytes:
    """A PNG of a few kilobytes that claims to be a square of black pixels."""
    header = side_px.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    rows = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def jpeg_bomb(content: bytes, side_px: int) -> bytes:
    """A JPEG whose header claims another size."""
    at = content.find(b"\xff\xc0")
    return content[: at + 5] + side_px.to_bytes(2, "big") * 2 + content[at + 9 :] if at > 0 else content


@kind(*PICTURES)
def picture_bomb(path: Path, means: Means) -> Hit:
    """A small file that claims to be 60,000 pixels on each side."""
    small = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    png = means.pick(2)
    path.write_bytes(png_bomb(60_000) if png else jpeg_bomb(small, 60_000))
    return Hit(told=f"a {'PNG' if png else 'JPEG'} bomb", **NOTHING)


@kind(*PICTURES)
def other_picture(path: Path, means: Means) -> Hit:
    """Another picture: of another size, grey, with transparency, of 16 bits, in another format."""
    shapes = ((1, 1, 3), (180, 320), (180, 320, 4), (90, 160, 3), (320, 180, 3))
    shape = shapes[means.pick(len(shapes))]
    ending = (".png", ".png", ".jpg", ".webp", ".tiff", ".bmp")[means.pick(6)] if shape[2:] != (4,) else ".png"
    deep = len(shape) == 2 and ending in (".png", ".tiff")
    coded, content = cv2.imencode(ending, np.zeros(shape, np.uint16 if deep else np.uint8))
    assert coded
    path.write_bytes(content.tobytes())
    return Hit(told=f"a picture of {shape} as {ending}", **NOTHING)
