"""``python -m tests.formats kitti_raw DIR``: the made-up scene as a publisher of that format would write it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.formats.kit import formats
from tests.formats.scene import made_up_scene


def main() -> None:
    """Write the scene."""
    known = formats()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=sorted(known))
    parser.add_argument("folder", type=Path, help="made where it is missing")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    known[arguments.format].write(arguments.folder, made_up_scene())


if __name__ == "__main__":
    main()
