"""What the repository may hold: text, small pictures of our own, and no recording."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT

MAX_BYTES = 1_000_000
PICTURES = {".jpg", ".png", ".svg"}
# Folders of one machine, and hosts of package registries: neither means anything elsewhere.
FOREIGN = re.compile(r"(?<![\w.])/(?:home|root|opt|work|Users)/\w|\bpypi\.\w|\bregistry\.npmjs\.|\bdownload\.pytorch\.")


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a clone of the repository")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_tracked_files_are_small_and_their_text_is_at_home_anywhere() -> None:
    tracked = _tracked()
    assert [path for path in tracked if path.stat().st_size > MAX_BYTES] == []
    texts = [path for path in tracked if path.suffix not in PICTURES]
    # Anything else than UTF-8 raises here: weights, tables and databases are made, not kept.
    found = [path for path in texts if path != Path(__file__) and FOREIGN.search(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.real
def test_no_recording_is_tracked(shared_data: Path) -> None:
    by_size: dict[int, list[Path]] = {}
    for path in _tracked():
        by_size.setdefault(path.stat().st_size, []).append(path)
    by_size.pop(0, None)
    recordings = [path for path in shared_data.rglob("*") if path.is_file() and path.stat().st_size in by_size]
    copies = [
        copy
        for recording in recordings
        for copy in by_size[recording.stat().st_size]
        if copy.read_bytes() == recording.read_bytes()
    ]
    assert copies == []
