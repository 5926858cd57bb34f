"""Stage ``simulate``: traffic by SUMO, what an ego in it senses and its camera frames, as raw drives.

What really happened lies beside, in a folder that no other stage reads.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from pipeline.config import SimulateConfig
from pipeline.errors import InputError, one_line
from pipeline.files import whole_folder, write_json
from pipeline.params import load_section
from pipeline.progress import track
from pipeline.simulation.programs import require_sumo
from pipeline.simulation.simulate import drive_name, simulate_all
from pipeline.stages import run_stage

MARK = "simulated.json"


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the drives")
    parser.add_argument("--truth", type=Path, required=True, help="folder for what really happened in them")
    arguments = parser.parse_args()
    simulate(load_section("simulate", SimulateConfig), out=arguments.out, truth=arguments.truth)


def simulate(config: SimulateConfig, *, out: Path, truth: Path) -> None:
    """Simulate drives into ``out`` and their truth into ``truth``, replacing both whole.

    A drive that fails is named on standard error, and the others are made and kept.

    Raises:
        InputError: SUMO is not installed, one of the folders lies in the other, or a drive failed.
    """
    here, there = out.resolve(), truth.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise InputError(truth, f"lies in the drives' folder {out}, or that in it", "give the truth a folder beside")
    require_sumo()
    with whole_folder(out) as drives, whole_folder(truth) as beside:
        failed: list[str] = []
        with closing(simulate_all(config, folder=drives, truth=beside)) as done:
            for name, problem in track(done, total=config.num_drives, description="simulate"):
                if problem is not None:
                    failed.append(name)
                    print(f"headway: {one_line(problem)}", file=sys.stderr)  # noqa: T201
        names = [drive_name(index, seed=config.seed) for index in range(config.num_drives)]
        made = [name for name in names if name not in failed]
        if not made:
            raise _failure(failed, config)
        for folder in (drives, beside):
            write_json(folder / MARK, {"drives": made, "config": config.model_dump()})
    if failed:
        raise _failure(failed, config)


def _failure(failed: list[str], config: SimulateConfig) -> InputError:
    return InputError("simulate", f"{len(failed)} of {config.num_drives} drives failed", "see the lines above")


if __name__ == "__main__":
    run_stage(main)
