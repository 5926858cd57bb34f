"""Damage to text: tables by line and cell, and to its encoding."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.stress.damage.kinds import Hit, Means, kind
from tests.stress.plan import Value

TABLES: Final = (".csv", ".txt")
TEXTS: Final = (*TABLES, ".json", ".geojson", ".xml")


def written(value: Value) -> bytes:
    """A value as text; what is no scalar as JSON."""
    text = value if isinstance(value, str) else json.dumps(value) if value is not None else ""
    return text.encode("utf-8", "surrogatepass")


def _lines(path: Path) -> tuple[list[bytes], bytes]:
    """The lines of a table, and what separates its cells."""
    content = path.read_bytes()
    separator = next((one for one in (b"\t", b",") if one in content), b" ")
    return content.split(b"\n"), separator


def changed_lines(before: bytes, after: bytes, *, header: int) -> int | None:
    """How many lines of a table are not what they were; None where others may mean something else by that, too."""
    was, now = before.split(b"\n"), after.split(b"\n")
    if was[:header] != now[:header] or not _is_utf8(after):
        return None
    gone, come = Counter(was[header:]) - Counter(now[header:]), Counter(now[header:]) - Counter(was[header:])
    # An open quote takes lines with it, and a line with more cells than the header makes it no table.
    if any(mark in line for line in come for mark in (b'"', b"\r", b"\0")):
        return None
    if header and any(line.count(b",") > was[0].count(b",") for line in come):
        return None
    return gone.total() + come.total()


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@kind(*TABLES)
def cell(path: Path, means: Means) -> Hit:
    """A value where another one was."""
    lines, separator = _lines(path)
    line = means.pick(len(lines))
    cells = lines[line].split(separator)
    column = means.pick(len(cells))
    cells[column] = written(means.value)
    lines[line] = separator.join(cells)
    path.write_bytes(b"\n".join(lines))
    return Hit(told=f"line {line + 1}, cell {column + 1} is {cells[column][:40]!r}", removed=not lines[line].strip())


@kind(*TABLES)
def cells_of_column(path: Path, means: Means) -> Hit:
    """One value all down a column."""
    lines, separator = _lines(path)
    header = means.record_depth(path) or int(path.suffix == ".csv")
    column = means.pick(len(lines[-2 if len(lines) > 1 else 0].split(separator)))
    for number in range(header, len(lines)):
        cells = lines[number].split(separator)
        if len(cells) > column and lines[number]:
            cells[column] = written(means.value)
            lines[number] = separator.join(cells)
    path.write_bytes(b"\n".join(lines))
    return Hit(told=f"column {column + 1} is {written(means.value)[:40]!r}")


@kind(*TABLES)
def fewer_cells(path: Path, means: Means) -> Hit:
    """A cell is missing from a line, or there twice."""
    lines, separator = _lines(path)
    line = means.pick(len(lines))
    cells = lines[line].split(separator)
    column, twice = means.pick(len(cells)), means.pick(2)
    cells[column : column + 1] = cells[column : column + 1] * 2 * twice
    lines[line] = separator.join(cells)
    path.write_bytes(b"\n".join(lines))
    return Hit(
        told=f"line {line + 1}, cell {column + 1} {'twice' if twice else 'missing'}",
        removed=not lines[line].strip(),
    )


@kind(*TABLES)
def swap_columns(path: Path, means: Means) -> Hit:
    """Two columns have each other's place; in a table with a header, their names are left where they were."""
    lines, separator = _lines(path)
    width = len(lines[0].split(separator))
    one, other = means.pick(width), means.pick(width)
    for number in range(int(path.suffix == ".csv"), len(lines)):
        cells = lines[number].split(separator)
        if len(cells) > max(one, other):
            cells[one], cells[other] = cells[other], cells[one]
            lines[number] = separator.join(cells)
    path.write_bytes(b"\n".join(lines))
    return Hit(told=f"columns {one + 1} and {other + 1} swapped")


@kind(*TABLES)
def lines_of_file(path: Path, means: Means) -> Hit:
    """A line is missing, there twice, there a thousand times, or elsewhere."""
    lines, _ = _lines(path)
    line = means.pick(len(lines))
    how = means.pick(4)
    if how < 3:
        lines[line : line + 1] = lines[line : line + 1] * (0, 2, 1000)[how]
    else:
        lines.append(lines.pop(line))
    path.write_bytes(b"\n".join(lines))
    told = f"line {line + 1} {('missing', 'twice', '1000 times', 'at the end')[how]}"
    return Hit(told=told, removed=True)


@kind(*TABLES)
def mixed_lines(path: Path, means: Means) -> Hit:
    """The lines in any order, the header too."""
    lines, _ = _lines(path)
    means.rng.shuffle(lines)
    path.write_bytes(b"\n".join(lines))
    return Hit(told="lines in any order", removed=True)


@kind(*TEXTS)
def long_line(path: Path, means: Means) -> Hit:
    """Millions of characters where a word was."""
    content = path.read_bytes()
    place, letter = means.pick(len(content) + 1), (b"x", b"9", b" ", b",", b"\t", b"-", b"0")[means.pick(7)]
    path.write_bytes(content[:place] + letter * 3_000_000 + content[place:])
    return Hit(told=f"3000000 times {letter!r} at {place}", removed=True)


ENCODINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda content: content.decode(errors="replace").encode("utf-16"),
    lambda content: content.decode(errors="replace").encode("utf-32"),
    lambda content: b"\xef\xbb\xbf" + content,
    lambda content: content + "Straße".encode("latin-1"),
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content.replace(b"\n", b"\r"),
    lambda content: b"\0" + content,
    lambda content: b"\n\n" + content,
    lambda content: content.replace(b",", b";").replace(b" ", b"\t"),
    lambda content: content.replace(b".", b","),
    lambda content: content.replace(b'"', b"'"),
)


@kind(*TEXTS)
def encoding(path: Path, means: Means) -> Hit:
    """Another encoding, byte order mark, line ends or separators."""
    number = means.pick(len(ENCODINGS))
    path.write_bytes(ENCODINGS[number](path.read_bytes()))
    return Hit(told=f"encoding {number}", removed=True)


@kind(*TEXTS)
def words(path: Path, means: Means) -> Hit:
    """A word anywhere in the text becomes another value."""
    content = path.read_bytes()
    place = means.pick(len(content) + 1)
    end = place + 1 + means.pick(12)
    path.write_bytes(content[:place] + written(means.value) + content[end:])
    return Hit(told=f"{written(means.value)[:40]!r} at {place}", removed=True)
