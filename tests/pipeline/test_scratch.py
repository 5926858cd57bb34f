"""Temporary folders end with their processes, or with the next one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.scratch import own_folder, scratch_folder
from tests.architecture.closure import ROOT

KILLED = """
import os, signal
from pipeline.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "file").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_leaves_is_removed_and_what_is_in_use_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as used:
        done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env={"TMPDIR": str(tmp_path)}, check=False)
        assert done.returncode < 0
        (left,) = (folder for folder in own_folder().glob("*.d") if folder != used)
        assert (left / "file").exists()
        with scratch_folder() as again:
            assert [folder.exists() for folder in (left, used, again)] == [False, True, True]
    assert list(own_folder().iterdir()) == []
