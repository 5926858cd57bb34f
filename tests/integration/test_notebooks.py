from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

from pipeline.training.bundle import write_bundle
from tests.small_drives import write_small_drive
from tests.tiny_bundle import make_bundle

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.fixture
def working_copy(tmp_path, monkeypatch):
    """The code without artifacts, and without the real recordings beside it; notebooks run nowhere else."""
    copy = tmp_path / "clone"
    (copy / "notebooks").mkdir(parents=True)
    for name in ("models", "pipeline", "tests", "params.yaml"):
        (copy / name).symlink_to(ROOT / name)
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("HEADWAY_DRIVE", raising=False)
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel draws inline
    return copy


def run(notebook: Path, *, folder: Path) -> tuple[str, int]:
    """What a notebook printed, and how many figures it showed. Raises where a cell fails."""
    cells = jupytext.read(notebook)
    NotebookClient(cells, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in cells.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    text = "".join(output["text"] for output in outputs if output.output_type == "stream")
    return text, sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_beside_itself_over_a_drive_and_a_model_of_ones_own(notebook, working_copy, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADWAY_DRIVE", str(write_small_drive(tmp_path / "mine", with_frames=False)))
    write_bundle(working_copy / "artifacts" / "model", make_bundle())
    text, num_figures = run(notebook, folder=working_copy / "notebooks")
    assert "mine" in text
    assert "no frames" in text
    assert "NOT A TRAINED MODEL" not in text
    assert num_figures == 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_the_root_with_nothing_there(notebook, working_copy):
    text, num_figures = run(notebook, folder=working_copy)
    assert "made-up drive" in text
    assert "NOT A TRAINED MODEL" in text
    assert num_figures == 3
