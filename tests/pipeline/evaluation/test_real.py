"""Leave one data set out, on small drives that go by the sets' names: who trains, who judges, and what is told."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import EvaluateConfig, IngestConfig, WindowsConfig
from pipeline.drives.neutral import NeutralReader
from pipeline.drives.registry import DriveRef
from pipeline.errors import InputError
from pipeline.evaluation.real import DATASETS, SIMULATED, RealDrives, dataset_of, fold, read_real
from pipeline.evaluation.real_study import COMPARED, PLAIN, SOCIAL, WITH_SIMULATED, run, table
from pipeline.ingest.ingest import ingest_drive
from pipeline.params import load_benchmark, load_section
from pipeline.windows.windows import SPLITS, Windows
from tests.shapes import unchecked
from tests.small_drives import write_small_drive

PARAMS = Path(__file__).parents[3] / "params.yaml"
NUM_DRIVES = {"kitti": 6, "nuscenes": 6, "argoverse2": 2, "pandaset": 1, SIMULATED: 6}
WINDOWS = load_section("windows", WindowsConfig, path=PARAMS)
INGEST = load_section("ingest", IngestConfig, path=PARAMS)


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> RealDrives:
    folder = tmp_path_factory.mktemp("raw")
    reader = NeutralReader()
    cleans = []
    for seed in range(2):
        write_small_drive(folder / str(seed), seed=seed, seconds=8.0, with_frames=False)
        cleans.append(ingest_drive(reader.read(reader.find(folder / str(seed))[0]), config=INGEST))
    named = {
        name: [replace(cleans[k % 2], name=f"{name}-{k}") for k in range(count)] for name, count in NUM_DRIVES.items()
    }
    return RealDrives(cleans=named, left_out=("of none of the sets: a",))


def parts(windows: Windows) -> Mapping[str, set[str]]:
    """Names of the drives of each part."""
    names = np.array(windows.index.drive_names)[windows.index.drive]
    return {split: set(names[windows.index.split == number]) for number, split in enumerate(SPLITS)}


def test_the_set_that_is_left_out_judges_alone(drives: RealDrives) -> None:
    found = parts(fold(drives, without="kitti", simulated=True, config=WINDOWS))
    assert found["test"] == {f"kitti-{k}" for k in range(6)}
    assert found["validation"] == {"nuscenes-5", "simulated-5"}
    shared = {f"{name}-{k}" for name in ("nuscenes", SIMULATED) for k in range(5)}
    assert found["train"] == shared | {"argoverse2-0", "argoverse2-1", "pandaset-0"}
    real = parts(fold(drives, without="kitti", simulated=False, config=WINDOWS))
    assert not any(name.startswith(SIMULATED) for each in real.values() for name in each)


def test_every_set_is_judged_by_all_forecasters(drives: RealDrives) -> None:
    small = {"width": 8, "max_epochs": 1, "basis_rank": 4, "num_modes": 3, "pooled_width": 4, "device": "cpu"}
    with unchecked():
        results = run(
            drives,
            config=load_benchmark("real", path=PARAMS).model_copy(
                update={**small, "device": "cpu", "precision": "fp32"}
            ),
            windows=WINDOWS.model_copy(update={"every_s": 1.0}),
            evaluate=load_section("evaluate", EvaluateConfig, path=PARAMS).model_copy(update={"bootstrap": 20}),
            seeds=[0],
            num_processes=1,
        )
    json.dumps(results, allow_nan=False)
    assert set(results["datasets"]) == set(DATASETS)
    names = {SOCIAL, PLAIN, WITH_SIMULATED, "constant_velocity", "constant_turn", "kalman"}
    for name, found in results["datasets"].items():
        assert set(found["by_seed"]) == names
        assert found["num_drives"] == NUM_DRIVES[name]
        assert {f"{SOCIAL}_minus_{other}" for other in COMPARED} <= set(found["difference"])
    share = [
        found["kalman"]["movers"]["fde_m"] / found["constant_velocity"]["movers"]["fde_m"]
        for found in results["datasets"].values()
    ]
    assert results["average"]["kalman"]["fde_m_over_constant_velocity"] == pytest.approx(np.mean(share))
    lines = list(table(results))
    assert sum(line.endswith("drives") and "left out" in line for line in lines) == len(DATASETS)
    assert lines[-1] == "left out: of none of the sets: a"


@pytest.mark.parametrize(
    ("name", "format_name", "expected"),
    [
        ("kitti-forecasting-2011_09_26_drive_0001", "kitti_forecasting", "kitti"),
        ("kitti-0000", "kitti_tracking", None),  # one of the same drives
        ("nuscenes-0061", "neutral", "nuscenes"),
        ("nuscenes-scene-0523", "nuscenes", "nuscenes"),
        ("argoverse2-7fab2350", "argoverse2_sensor", "argoverse2"),
        ("pandaset-002", "neutral", "pandaset"),
        ("eth_ucy-biwi_eth", "eth_ucy", None),
    ],
)
def test_a_drive_belongs_to_the_set_that_its_name_begins_with(
    name: str, format_name: str, expected: str | None
) -> None:
    assert dataset_of(DriveRef(name=name, format=format_name, path=Path("raw"))) == expected


def test_a_set_without_drives_is_named(tmp_path: Path) -> None:
    write_small_drive(tmp_path / "nuscenes-1", with_frames=False, seconds=4.0)
    with pytest.raises(InputError, match="has no drive of KITTI forecasting"):
        read_real(tmp_path, simulated=None, config=INGEST)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_small_drive(tmp_path / "raw" / "nuscenes-1", with_frames=False, seconds=4.0)
    with pytest.raises(InputError, match="nowhere: does not exist"):
        read_real(tmp_path / "raw", simulated=tmp_path / "nowhere", config=INGEST)
