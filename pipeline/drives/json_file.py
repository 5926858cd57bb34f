"""JSON as users write it: small enough, readable, and an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import InputError


def read_json(path: Path, *, most_mb: int, smaller: str, example: str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Args:
        path: UTF-8, with or without a byte order mark.
        most_mb: A larger file is refused, in millions of bytes.
        smaller: What to do about a larger one.
        example: What such a file can look like, or where that is told.

    Raises:
        InputError: It is missing, too large, or no JSON object.
    """
    try:
        with path.open("rb") as file:
            encoded = file.read(most_mb * 1_000_000 + 1)
    except FileNotFoundError as error:
        raise InputError(path, "is missing", f"write one like {example}") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    if len(encoded) > most_mb * 1_000_000:
        raise InputError(path, f"is over {most_mb} MB", smaller)
    try:
        content: Any = json.loads(encoded.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}", f"is not JSON ({error.msg})", "mend it") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of thousands of digits, nested without end
        raise InputError(path, f"is not JSON ({error.__class__.__name__})", "mend it") from error
    if not isinstance(content, dict):
        raise InputError(path, "is not a JSON object", f"write one like {example}")
    return content
