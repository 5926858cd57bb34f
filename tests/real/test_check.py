"""One command over every real recording: it holds what the folder's README says, and what is wrong with it is true."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def document(shared_data: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "pipeline.cli", "check", str(shared_data), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert "Traceback" not in done.stderr, done.stderr
    assert all(line.startswith("check: ") for line in done.stderr.splitlines()), done.stderr
    assert done.returncode == 1
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def contents(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {drive["name"]: drive["content"] for drive in document["drives"]}


def test_every_set_is_found_and_usable(document: dict[str, Any]) -> None:
    assert Counter(drive["format"] for drive in document["drives"]) == {
        "kitti_tracking": 1,
        "nuscenes": 1,
        "argoverse2_sensor": 2,
        "argoverse2_forecasting": 1,
        "neutral": 9,
        "kitti_forecasting": 24,
        "eth_ucy": 24,
    }
    assert (document["exit_code"], document["num_usable"], document["problems"]) == (1, 62, [])


def test_the_drives_hold_what_their_readme_says(contents: dict[str, dict[str, Any]]) -> None:
    def held(name: str) -> tuple[float, float, int, list[int]]:
        content = contents[name]
        frames = [camera["num_frames"] for camera in content["cameras"].values()]
        return round(content["duration_s"], 1), content["rate_hz"], content["num_agents"], frames

    assert held("kitti-0000") == (15.3, 10.0, 16, [154])
    assert held("nuscenes-scene-0523") == (19.5, 2.0, 156, [40] * 6)
    assert held("pandaset-002") == (7.9, 10.0, 97 + 4, [80] * 3)  # four of them cones
    assert contents["pandaset-002"]["agents"]["static"] == {"static": 4}
    # 116 with the ego as a track; 114 without it.
    assert held("argoverse2-3bffdcff-c3a7-38b6-a0f2-64196d130958") == (15.5, 10.0, 116, [])
    assert held("argoverse2-7fab2350-7eaf-3b7e-a39d-6937a4c1bede") == (15.5, 10.0, 114 + 1, [])
    assert held("argoverse2-0a1e6f0a-1817-4a98-b02e-db8c9327d151") == (10.9, 10.0, 58, [])
    forecasting = [content for name, content in contents.items() if name.startswith("kitti-forecasting")]
    assert sum(content["num_agents"] for content in forecasting) == 640
    assert all(content["map"]["drivable_area_m2"] > 300.0 for content in forecasting)
    assert all(content["has_ego"] for name, content in contents.items() if not name.startswith("eth_ucy"))


def test_every_warning_is_true(document: dict[str, Any]) -> None:
    warnings = {
        (drive["name"], problem["kind"], problem["what"])
        for drive in document["drives"]
        for problem in drive["problems"]
        if problem["severity"] != "note"
    }
    # The neutral extracts of nuScenes give the ego (a Renault Zoe) as 1.73 m long and 4.08 m wide.
    swapped = {(name, kind) for name, kind, what in warnings if what.startswith("it is 1.73 m long and 4.08 m wide")}
    assert len(swapped) == 8
    assert {kind for _, kind in swapped} == {"sizes swapped"}
    # The literature's time base of the ETH recording is 25/15 too fast, and its reader says so too.
    fast = {(name, kind) for name, kind, what in warnings if "pedestrians that move do so at 2." in what}
    assert fast == {(f"eth_ucy-biwi_eth{part}", "speed") for part in ("", "_train", "_val")}
    assert len(warnings) == 11
