"""JSON as users write it: small enough, readable, and an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.drives.plain_file import read_plain
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
    encoded = read_plain(path, most_mb=most_mb, missing=f"write one like {example}", smaller=smaller)
    try:
        content: Any = json.loads(encoded.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}", f"is not JSON ({error.msg})", "mend it") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of thousands of digits, nested without end
        raise InputError(path, f"is not JSON ({error.__class__.__name__})", "mend it") from error
    if not isinstance(content, dict):
        raise InputError(path, "is not a JSON object", f"write one like {example}")
    return content
