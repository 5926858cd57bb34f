"""A PNG that claims a size and has no pixels."""

import struct
import zlib


def png_claiming(width: int, height: int, *, headers: int = 1, colours: int = 2) -> bytes:
    """Whole and unharmed, but for its pixels.

    Args:
        width: Claimed.
        height: Claimed.
        headers: How many times.
        colours: PNG's type of colours: 0 grey, 2 red, green and blue.
    """
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header * headers + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
