"""Where the drives to score lie: folders, patterns, and manifests that list them."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import InputError
from pipeline.remote import Place, Remote, is_pattern, place_of


def given_folders(paths: Sequence[Place], *, manifests: Sequence[Place]) -> tuple[list[Place], list[InputError]]:
    """The folders that are meant, in the order in which they are given.

    Args:
        paths: Each a folder, here or remote, or a pattern (``*``, ``?``, ``[...]``, ``**`` for folders at any depth)
            that stands for all folders which it matches; files that it matches are passed over. What is there by this
            very name is no pattern, unless it is remote.
        manifests: Text files (UTF-8) of one such path per line, from the current folder as on the command line; empty
            lines and those that begin with ``#`` say nothing.

    Returns:
        The folders, which need not exist, and for each pattern that matches none a problem.

    Raises:
        InputError: A manifest cannot be read, or names nothing.
    """
    folders: list[Place] = []
    problems: list[InputError] = []
    for path in (*paths, *(line for manifest in manifests for line in _lines(manifest))):
        if isinstance(path, Remote):
            matches = path.matches() if is_pattern(path) else [path]
            folders += matches
            problems += [] if matches else [InputError(str(path), "no folder matches it", "check the pattern")]
            continue
        if not glob.has_magic(str(path)) or path.exists():
            folders.append(path)
            continue
        matched = [found for found in map(Path, sorted(glob.glob(str(path), recursive=True))) if found.is_dir()]  # noqa: PTH207  # Path.glob takes no pattern from the root
        folders += matched
        if not matched:
            problems.append(InputError(path, "no folder matches it", "check the pattern"))
    return folders, problems


def _lines(manifest: Place) -> Iterator[Place]:
    try:
        content = manifest.read_bytes() if isinstance(manifest, Path) else manifest.read()
        text = content.decode(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            str(manifest),
            f"cannot be read ({error.strerror or 'there is no such file'})",
            "name a file of one path per line",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(str(manifest), "is no text in UTF-8", "write one path per line") from error
    found = False
    for number, line in enumerate(text.splitlines(), start=1):
        path = line.strip()
        if "\0" in path:
            raise InputError(f"{manifest}: line {number}", "holds a zero byte", "write one path per line")
        if path and not path.startswith("#"):
            found = True
            yield place_of(path)
    if not found:
        raise InputError(str(manifest), "names no drives", "write one path per line")
