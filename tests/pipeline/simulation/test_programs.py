import importlib.util
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.simulation.programs import require_sumo, run_program


def test_without_sumo_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        require_sumo()
    assert str(caught.value) == "simulation: SUMO is not installed; pip install 'headway[simulation]'"


def test_what_a_program_says_as_it_fails_is_in_the_message(tmp_path: Path) -> None:
    pytest.importorskip("sumo", reason="SUMO is not installed: pip install 'headway[simulation]'")
    with pytest.raises(InputError, match=r"netconvert: failed with status 1: .*nothing\.nod\.xml"):
        run_program("netconvert", ["--node-files", "nothing.nod.xml"], folder=tmp_path)
