"""Where the drives to score lie: folders, patterns, and manifests that list them."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import InputError


def given_folders(paths: Sequence[Path], *, manifests: Sequence[Path]) -> tuple[list[Path], list[InputError]]:
    """The folders that are meant, in the order in which they are given.

    Args:
        paths: Each a folder, or a pattern (``*``, ``?``, ``[...]``, ``**`` for folders at any depth) that stands for
            all folders which it matches; files that it matches are passed over. What is there by this very name is
            no pattern.
        manifests: Text files (UTF-8) of one such path per line, from the current folder as on the command line; empty
            lines and those that begin with ``#`` say nothing.

    Returns:
        The folders, which need not exist, and for each pattern that matches none a problem.

    Raises:
        InputError: A manifest cannot be read, or names nothing.
    """
    folders: list[Path] = []
    problems: list[InputError] = []
    for path in (*paths, *(line for manifest in manifests for line in _lines(manifest))):
        if not glob.has_magic(str(path)) or path.exists():
            folders.append(path)
            continue
        matched = [found for found in map(Path, sorted(glob.glob(str(path), recursive=True))) if found.is_dir()]  # noqa: PTH207  # Path.glob takes no pattern from the root
        folders += matched
        if not matched:
            problems.append(InputError(path, "no folder matches it", "check the pattern"))
    return folders, problems


def _lines(manifest: Path) -> Iterator[Path]:
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(manifest, f"cannot be read ({error.strerror})", "name a file of one path per line") from error
    except UnicodeDecodeError as error:
        raise InputError(manifest, "is no text in UTF-8", "write one path per line") from error
    found = False
    for number, line in enumerate(text.splitlines(), start=1):
        path = line.strip()
        if "\0" in path:
            raise InputError(f"{manifest}: line {number}", "holds a zero byte", "write one path per line")
        if path and not path.startswith("#"):
            found = True
            yield Path(path)
    if not found:
        raise InputError(manifest, "names no drives", "write one path per line")
