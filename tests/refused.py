"""A drive that is found, and whose reading says what is wrong with it."""

from pathlib import Path

import pytest

from pipeline.drives.registry import find_drives, read_drive
from pipeline.errors import InputError


def assert_refused(root: Path, message: str) -> None:
    """The one drive in ``root`` is refused in one line that names a file of it and matches ``message``."""
    (ref,) = find_drives(root)
    with pytest.raises(InputError, match=message) as caught:
        read_drive(ref)
    assert "\n" not in str(caught.value)
    assert str(root) in str(caught.value)
