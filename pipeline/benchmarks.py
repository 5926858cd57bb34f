"""``headway benchmark``: figures that can be compared. Each command imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.command import Ingest, Params, maps_of, may_replace
from pipeline.costs import costs

benchmark = typer.Typer(help="Figures that can be compared, over several seeds.", no_args_is_help=True)
benchmark.add_typer(costs)


@benchmark.command("held-out", epilog="Example: headway benchmark held-out --seeds 3 --out reports/held_out")
def held_out(
    *,
    out: Annotated[Path, typer.Option(help="Folder for results.json; replaced whole.", metavar="DIR")],
    windows: Annotated[Path, typer.Option(help="Folder of windows.", metavar="DIR")] = Path("artifacts/windows"),
    ingest: Ingest = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each network.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Train the social and the plain LSTM several times, and judge them on the test split beside the baselines."""
    from pipeline.config import EvaluateConfig  # noqa: PLC0415
    from pipeline.evaluation.seeds import evaluate_seeds  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.training.recipe import load_recipe  # noqa: PLC0415

    may_replace(out, mark="results.json")
    config = load_section("evaluate", EvaluateConfig, path=params)
    maps = maps_of(ingest, windows=windows, params=params)
    results = evaluate_seeds(windows, recipe=load_recipe(params), seeds=range(seeds), config=config, maps=maps)
    heading = f"test split, {seeds} seeds together"
    _give(results.to_json(), out=out, lines=chain([heading], results.lines()))


@benchmark.command("eth-ucy", epilog="Example: headway benchmark eth-ucy --raw ../shared/data/eth_ucy --out eth_ucy")
def eth_ucy(
    *,
    raw: Annotated[Path, typer.Option(help="Folder with train, val and all_data.", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="Folder for results.json; replaced whole.", metavar="DIR")],
    seeds: Annotated[int, typer.Option(help="Trainings of each scene.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Leave one scene of ETH/UCY out, train on the others, and judge beside the published figures."""
    from pipeline.evaluation.eth_ucy import run, table  # noqa: PLC0415
    from pipeline.params import load_benchmark  # noqa: PLC0415

    may_replace(out, mark="results.json")
    results = run(raw, config=load_benchmark("eth_ucy", path=params), seeds=range(seeds))
    _give(results, out=out, lines=table(results))


@benchmark.command(
    "kitti-forecasting",
    epilog="Example: headway benchmark kitti-forecasting --raw ../shared/data/kitti_forecasting --seeds 3",
)
def kitti_forecasting(
    *,
    raw: Annotated[Path, typer.Option(help="Folder with kitti_dataset.json.", metavar="DIR")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, replaced whole; none by default.", metavar="DIR")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each model.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Train and test on KITTI by the protocol of DESIRE and MANTRA, and judge beside the published figures."""
    from pipeline.evaluation.kitti_study import run, table  # noqa: PLC0415
    from pipeline.params import load_benchmark  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    results = run(raw, config=load_benchmark("kitti_forecasting", path=params), seeds=range(seeds))
    _give(results, out=out, lines=table(results))


@benchmark.command("real", epilog="Example: headway benchmark real --raw ../shared/data --simulated fleet --out real")
def real(
    *,
    raw: Annotated[
        Path,
        typer.Option(
            help="Folder with drives of KITTI forecasting, nuScenes, Argoverse 2 and PandaSet.", metavar="DIR"
        ),
    ],
    simulated: Annotated[
        Path | None, typer.Option(help="Folder of simulated drives to train on too; none by default.", metavar="DIR")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, replaced whole; none by default.", metavar="DIR")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each network for each data set.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Leave one data set of real drives out, train on the others, and judge on it beside the baselines."""
    from pipeline.config import EvaluateConfig, IngestConfig, WindowsConfig  # noqa: PLC0415
    from pipeline.evaluation.real import read_real  # noqa: PLC0415
    from pipeline.evaluation.real_study import run, table  # noqa: PLC0415
    from pipeline.params import load_benchmark, load_section  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    drives = read_real(raw, simulated=simulated, config=load_section("ingest", IngestConfig, path=params))
    results = run(
        drives,
        config=load_benchmark("real", path=params),
        windows=load_section("windows", WindowsConfig, path=params),
        evaluate=load_section("evaluate", EvaluateConfig, path=params),
        seeds=range(seeds),
    )
    _give(results, out=out, lines=table(results))


@benchmark.command("scene", epilog="Example: headway benchmark scene --truth artifacts/seen-truth --out scene")
def scene(
    *,
    truth: Annotated[Path, typer.Option(help="What headway simulate --truth wrote beside the drives.", metavar="DIR")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, replaced whole; none by default.", metavar="DIR")
    ] = None,
    windows: Annotated[
        Path, typer.Option(help="Folder of windows of simulated drives with frames.", metavar="DIR")
    ] = Path("artifacts/windows"),
    seeds: Annotated[int, typer.Option(help="Trainings of each variant.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Train without scene features, with them, with the true signals, and with frames of other drives; compare."""
    from pipeline.config import EvaluateConfig, WindowsConfig  # noqa: PLC0415
    from pipeline.evaluation.scene_study import run, table  # noqa: PLC0415
    from pipeline.params import load_benchmark, load_section  # noqa: PLC0415
    from pipeline.windows.store import read_windows  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    results = run(
        read_windows(windows),
        truth=truth,
        config=load_benchmark("scene", path=params),
        cut=load_section("windows", WindowsConfig, path=params),
        evaluate=load_section("evaluate", EvaluateConfig, path=params),
        seeds=range(seeds),
    )
    _give(results, out=out, lines=table(results))


@benchmark.command("robustness", epilog="Example: headway benchmark robustness --model artifacts/model")
def disturbed(
    *,
    model: Annotated[Path, typer.Option(help="A folder that training wrote.", metavar="DIR")] = Path("artifacts/model"),
    windows: Annotated[Path, typer.Option(help="Folder of windows.", metavar="DIR")] = Path("artifacts/windows"),
    drives: Annotated[
        list[Path] | None,
        typer.Option(help="Drives in the place of the windows' test split; may be given again.", metavar="PATH"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, replaced whole; none by default.", metavar="DIR")
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Disturb what is observed of the test split (dropped, noisy, mixed up, late), and tell what each costs."""
    from pipeline.config import EvaluateConfig  # noqa: PLC0415
    from pipeline.drives.found import find_all  # noqa: PLC0415
    from pipeline.evaluation.robustness import robustness, table, to_json  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.scoring.forecast import scenes_of_drives  # noqa: PLC0415
    from pipeline.training.bundle import check_frames, load_bundle  # noqa: PLC0415
    from pipeline.windows.select import scenes_of, select_scenes  # noqa: PLC0415
    from pipeline.windows.store import read_extra, read_windows  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    config = load_section("evaluate", EvaluateConfig, path=params)
    bundle = load_bundle(model)
    if drives:
        found = find_all(drives)
        test, problems = scenes_of_drives(bundle, found.refs)
        for problem in (*found.problems, *problems):
            typer.echo(f"left out: {problem}")
    else:
        made_by = read_extra(windows).get("backbone", "")
        check_frames(bundle, made_by=made_by, where=windows, name=str(model), todo="give the windows of its own run")
        split = read_windows(windows)
        test = select_scenes(split, scenes_of(split, "test"))
    where = drives[0] if drives else windows
    costs = robustness(test, model=bundle.model, fitted=bundle.constant_velocity, config=config, where=where)
    _give(to_json(costs), out=out, lines=table(costs))


@benchmark.command("interaction", epilog="Example: headway benchmark interaction --seeds 3 --out reports/interaction")
def interaction(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, replaced whole; none by default.", metavar="DIR")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each kind of interaction.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Compare the kinds of interaction where interaction must matter: in constructed scenes of four cases.

    A leader brakes, a merge, a crossing with priority, a pedestrian steps out. The errors and the overlap rates are
    those of the agents that have to react, or that need not because the other is not there or does something else.
    """
    from pipeline.evaluation.cases.study import study_cases  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    parameters, results = study_cases(params, seeds=range(seeds))
    heading = f"reacting agents of the test scenes, {seeds} seeds together; differences with 95 % intervals"
    content = {"parameters": parameters, **results.to_json()}
    _give(content, out=out, lines=chain([heading], results.lines()))


def _give(results: Mapping[str, Any], *, out: Path | None, lines: Iterable[str]) -> None:
    """Write ``results.json`` into a folder, where one was named, and tell the table."""
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415

    if out is not None:
        with whole_folder(out) as folder:
            write_json(folder / "results.json", results)
    for line in lines:
        typer.echo(line)
