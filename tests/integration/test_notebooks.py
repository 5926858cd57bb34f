import importlib.util
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

from pipeline.config import SimulateConfig
from pipeline.params import load_section
from pipeline.simulation.simulate import record_drive
from pipeline.training.bundle import write_bundle
from tests.pipeline.simulation.made_up_recording import made_up_recording
from tests.small_drives import write_small_drive
from tests.tiny_bundle import make_bundle

ROOT = Path(__file__).parents[2]
EXPLORE, TRAFFIC = NOTEBOOKS = [ROOT / "notebooks" / name for name in ("explore_drive.py", "simulated_traffic.py")]
NUM_TRAFFIC_FIGURES = 11


def test_every_notebook_is_run_here():
    assert sorted((ROOT / "notebooks").glob("*.py")) == NOTEBOOKS


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


def test_explore_runs_beside_itself_over_a_drive_and_a_model_of_ones_own(working_copy, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADWAY_DRIVE", str(write_small_drive(tmp_path / "mine", with_frames=False)))
    write_bundle(working_copy / "artifacts" / "model", make_bundle())
    text, num_figures = run(EXPLORE, folder=working_copy / "notebooks")
    assert "mine" in text
    assert "no frames" in text
    assert "NOT A TRAINED MODEL" not in text
    assert num_figures == 2


def test_explore_runs_from_the_root_with_nothing_there(working_copy):
    text, num_figures = run(EXPLORE, folder=working_copy)
    assert "made-up drive" in text
    assert "NOT A TRAINED MODEL" in text
    assert num_figures == 3


@pytest.mark.skipif(importlib.util.find_spec("sumo") is None, reason="SUMO is not installed (headway[simulation])")
def test_traffic_simulates_drives_of_its_own_with_nothing_there(working_copy):
    text, num_figures = run(TRAFFIC, folder=working_copy / "notebooks")
    assert "simulated now" in text
    assert "the simulated ones alone" in text
    assert "real: " not in text
    for world in ("grid", "crossing", "roundabout", "motorway"):
        assert f"{world}: 1 drives, 15 s" in text
        assert f"{world}, over 1 s" in text
    assert num_figures == NUM_TRAFFIC_FIGURES


def test_traffic_takes_the_drives_that_are_there_and_real_ones_beside(working_copy, tmp_path, shared_data):
    config = load_section("simulate", SimulateConfig, path=ROOT / "params.yaml")
    config = config.model_copy(update={"width_px": 160, "height_px": 90})
    folders = {"folder": working_copy / "artifacts" / "simulated", "truth": working_copy / "artifacts/simulated-truth"}
    record_drive(made_up_recording(num_steps=40), index=1, config=config, **folders)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").symlink_to(shared_data)
    text, num_figures = run(TRAFFIC, folder=working_copy)
    assert "The simulated drives in artifacts/simulated" in text
    for line in ("crossing: 1 drives, 4 s", "real: kitti: 1 drives", "real: nuscenes: 8 drives"):
        assert line in text
    assert num_figures == NUM_TRAFFIC_FIGURES
