"""How large a Feather file is once unpacked, told by its own headers before anything is unpacked.

Layouts: Arrow's columnar format, section "Serialization and interprocess communication", and FlatBuffers' internals. A
message's header (a ``RecordBatch``, or the one in a ``DictionaryBatch``) lists the buffers in the message's body. Where
they are compressed, each begins with its length once unpacked, which is what Arrow allocates for it.
"""

from __future__ import annotations

import struct
from typing import Final

import pyarrow as pa

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # MessageHeader in Message.fbs
_HEADER_TYPE, _HEADER = 1, 2  # fields of Message
_DATA: Final = 1  # of DictionaryBatch
_BUFFERS, _COMPRESSION = 2, 3  # of RecordBatch


def unpacked_bytes(message: pa.Message) -> int:
    """The bytes that a message's buffers take in memory.

    Raises:
        ValueError: Its header is not what the format says.
    """
    header = memoryview(message.metadata).cast("B")
    table = _follow(header, 0)
    kind_at, content_at = _field(header, table, _HEADER_TYPE), _field(header, table, _HEADER)
    kind = header[kind_at] if kind_at else 0
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return 0  # a schema
    batch = _follow(header, content_at)
    if kind == _DICTIONARY_BATCH:
        batch = _follow(header, _field(header, batch, _DATA))
    buffers_at = _field(header, batch, _BUFFERS)
    if not buffers_at:
        return 0
    start = _follow(header, buffers_at)
    (count,) = _unpack("<I", header, start)
    buffers = list(struct.iter_unpack("<qq", _part(header, start + 4, 16 * count)))
    if not _field(header, batch, _COMPRESSION):
        return sum(length for _, length in buffers)
    body = memoryview(message.body).cast("B")
    return sum(_unpacked(body, offset, length) for offset, length in buffers if length)


def _unpacked(body: memoryview, offset: int, length: int) -> int:
    """The length of one compressed buffer once unpacked; -1 says that it is stored as it is."""
    (unpacked,) = _unpack("<q", body, offset)
    return length if unpacked < 0 else unpacked


def _unpack(layout: str, content: memoryview, at: int) -> tuple[int, ...]:
    return struct.unpack(layout, _part(content, at, struct.calcsize(layout)))


def _part(content: memoryview, start: int, length: int) -> memoryview:
    if start < 0 or start + length > len(content):
        raise ValueError("damaged headers")
    return content[start : start + length]


def _follow(content: memoryview, at: int) -> int:
    """Where the offset at ``at`` points to."""
    return at + _unpack("<I", content, at)[0]


def _field(content: memoryview, table: int, number: int) -> int:
    """Where a table's field lies; 0 where it is left out."""
    vtable = table - _unpack("<i", content, table)[0]
    (size,), entry = _unpack("<H", content, vtable), 4 + 2 * number
    (offset,) = _unpack("<H", content, vtable + entry) if entry + 2 <= size else (0,)
    return table + offset if offset else 0
