"""Images as files from strangers: read within limits, looked over and measured before anything decodes them."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 64 * 2**20  # of a file
MAX_PIXELS: Final = 64_000_000  # of an image once decoded; a small file can claim far more
_JPEG_START: Final = b"\xff\xd8"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_MAX_SEGMENTS: Final = 100_000  # of a file; real ones have a few hundred at most
_SEGMENT: Final = re.compile(rb"\xff[^\xff]", re.DOTALL)
# In the coded pixels FF 00 is a byte, D0 to D7 restart and FF FF is filling: anything else is the next segment.
_NEXT_SEGMENT: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_FRAME_HEADERS: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


class ImageError(ValueError):
    """An image that cannot be used. Its text is the reason, a short phrase that reports count."""


def image_bytes(file: Path) -> bytes:
    """Read an image's file. Links are followed: image folders are often linked in from another disk.

    Raises:
        ImageError: It is missing, empty, larger than ``MAX_BYTES`` or unreadable.
    """
    try:
        if not file.is_file():  # a pipe would never end
            raise ImageError("missing file")
        if file.stat().st_size > MAX_BYTES:
            reason = f"file larger than {MAX_BYTES // 2**20} MiB"
            raise ImageError(reason)
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError("unreadable file") from error
    if not content:
        raise ImageError("empty file")
    return content


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height, in pixels, of a JPEG or PNG whose file is whole; nothing is decoded.

    Raises:
        ImageError: It is no JPEG or PNG, is cut off or damaged, or has more than ``MAX_PIXELS``.
    """
    if content.startswith(_JPEG_START):
        width, height = _jpeg_size(content)
    elif content.startswith(_PNG_START):
        width, height = _png_size(content)
    else:
        raise ImageError("not a JPEG or PNG image")
    if 0 in (width, height):
        raise ImageError("damaged image")
    if width * height > MAX_PIXELS:
        reason = f"more than {MAX_PIXELS // 1_000_000} megapixels"
        raise ImageError(reason)
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height of a JPEG that is whole: the decoder fills what is cut off with grey and says nothing.

    Walking the segments is needed for both: an embedded thumbnail has a header and an end of its own.
    """
    size, position = None, 2
    for _ in range(_MAX_SEGMENTS):
        found = _SEGMENT.search(content, position)
        if found is None:
            raise ImageError("truncated image")
        marker, position = content[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        if marker in _BARE:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        if marker in _FRAME_HEADERS and position + 7 <= len(content):
            if size is not None:  # the decoder would go by the first, and we by the second
                raise ImageError("damaged image")
            height, width = (int.from_bytes(content[position + at : position + at + 2], "big") for at in (3, 5))
            size = (width, height)
        position += length
        if marker == 0xDA:  # the coded pixels follow their segment
            following = _NEXT_SEGMENT.search(content, position)
            if following is None:
                raise ImageError("truncated image")
            position = following.start()
    else:
        raise ImageError("damaged image")
    if size is None:
        raise ImageError("damaged image")
    return size


def _png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG whose chunks are all there and unharmed."""
    if content[12:16] != b"IHDR":
        raise ImageError("damaged image")
    size = (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    position = len(_PNG_START)
    for _ in range(_MAX_SEGMENTS):
        kind_at = position + 4
        end = kind_at + 4 + int.from_bytes(content[position:kind_at], "big")
        if end + 4 > len(content):
            raise ImageError("truncated image")
        if zlib.crc32(content[kind_at:end]) != int.from_bytes(content[end : end + 4], "big"):
            raise ImageError("damaged image")
        kind = content[kind_at : kind_at + 4]
        if kind == b"IEND":
            return size
        if kind == b"IHDR" and position != len(_PNG_START):  # as above
            raise ImageError("damaged image")
        position = end + 4
    raise ImageError("damaged image")
