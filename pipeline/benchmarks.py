"""``headway benchmark``: figures that can be compared. Each command imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.command import Format, Ingest, Params, maps_of, may_replace, say

benchmark = typer.Typer(help="Figures that can be compared, over several seeds.", no_args_is_help=True)


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
    from pipeline.config import EvaluateConfig, TrainConfig, WindowsConfig  # noqa: PLC0415
    from pipeline.evaluation.scene_study import run, table  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.windows.store import read_windows  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    results = run(
        read_windows(windows),
        truth=truth,
        config=load_section("train", TrainConfig, path=params),
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
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, replaced whole; none by default.", metavar="DIR")
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Disturb what is observed of the test split (dropped, noisy, mixed up, late), and tell what each costs."""
    from pipeline.config import EvaluateConfig  # noqa: PLC0415
    from pipeline.evaluation.robustness import robustness, table, to_json  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.training.bundle import check_frames, load_bundle  # noqa: PLC0415
    from pipeline.windows.store import read_extra, read_windows  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    config = load_section("evaluate", EvaluateConfig, path=params)
    bundle, made_by = load_bundle(model), read_extra(windows).get("backbone", "")
    check_frames(bundle, made_by=made_by, where=windows, name=str(model), todo="give the windows of its own run")
    costs = robustness(read_windows(windows), model=bundle.model, config=config, where=windows)
    _give(to_json(costs), out=out, lines=table(costs))


@benchmark.command("ingest", epilog="Example: headway benchmark ingest ../shared/data")
def ingest_cost(
    *,
    drives: Annotated[list[Path], typer.Argument(help="Folders of raw drives, or of several.", metavar="DRIVES...")],
    repeats: Annotated[int, typer.Option(help="Measure so often; the median counts.", min=1)] = 3,
    source_format: Format = "auto",
    params: Params = Path("params.yaml"),
) -> None:
    """Measure what reading and cleaning raw drives costs: processor seconds per minute of driving, by format."""
    from pipeline.config import IngestConfig  # noqa: PLC0415
    from pipeline.drives.found import find_all  # noqa: PLC0415
    from pipeline.ingest.cost import cost_lines, ingest_costs  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415

    config = load_section("ingest", IngestConfig, path=params)
    found = find_all(drives, format=source_format)
    for line in (*found.notes, *map(str, found.problems)):
        say(line)
    for line in cost_lines(ingest_costs(found.refs, config=config, repeats=repeats)):
        typer.echo(line)
    raise typer.Exit(int(bool(found.problems)))


@benchmark.command("frames", epilog="Example: headway benchmark frames --drives 4")
def frame_cost(
    *,
    drives: Annotated[int, typer.Option(help="How many; four are one of each kind of world.", min=1)] = 4,
    seed: Annotated[
        int | None, typer.Option(help="Of all that is random; as in the parameters by default.", min=0)
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Measure what rendering a camera frame costs on one core: processor milliseconds, by kind of world."""
    from pipeline.config import SimulateConfig  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.simulation.frame_cost import cost_lines, frame_costs  # noqa: PLC0415

    config = load_section("simulate", SimulateConfig, path=params)
    given = {"num_drives": drives} | ({} if seed is None else {"seed": seed})
    for line in cost_lines(frame_costs(config.model_copy(update=given))):
        typer.echo(line)


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


@benchmark.command("features", epilog="Example: headway benchmark features --backbones compact,resnet18")
def features(
    *,
    backbones: Annotated[str, typer.Option(help="Which, with commas between them.")] = "compact,resnet18",
    frames: Annotated[int, typer.Option(help="In each repeat.", min=16)] = 320,
    repeats: Annotated[int, typer.Option(help="Measure so often; the median counts.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Measure frames per second of the scene features on the CPU, from files to maps, beside a matrix product."""
    from typing import get_args  # noqa: PLC0415

    from models.resnet import BackboneName  # noqa: PLC0415
    from pipeline.config import SceneConfig  # noqa: PLC0415
    from pipeline.errors import InputError  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.scene.features_cost import cost_lines, features_costs  # noqa: PLC0415

    config = load_section("scene_features", SceneConfig, path=params)
    named = backbones.split(",")
    chosen = [name for name in get_args(BackboneName) if name in named]
    if len(chosen) != len(named):
        raise InputError("--backbones", f"'{backbones}' names others", f"choose of {', '.join(get_args(BackboneName))}")
    for line in cost_lines([*features_costs(config, backbones=chosen, num_frames=frames, repeats=repeats)]):
        typer.echo(line)


@benchmark.command("cell", epilog="Example: headway benchmark cell --width 128 --threads 1")
def cell(
    *,
    width: Annotated[int, typer.Option(help="Of inputs and states.", min=1)] = 128,
    steps: Annotated[int, typer.Option(help="Of every sequence.", min=1)] = 8,
    sequences: Annotated[int, typer.Option(help="In a batch.", min=1)] = 1024,
    threads: Annotated[int, typer.Option(help="That torch may use.", min=1)] = 1,
    repeats: Annotated[int, typer.Option(help="Measure so often; the median counts.", min=1)] = 30,
) -> None:
    """Measure what the peephole LSTM costs on the CPU beside the fused LSTM, forward and backward."""
    from pipeline.training.cell_cost import CellSize, cell_costs, cost_lines  # noqa: PLC0415

    size = CellSize(width=width, steps=steps, sequences=sequences, threads=threads)
    for line in cost_lines(cell_costs(size, repeats=repeats)):
        typer.echo(line)


@benchmark.command("score", epilog="Example: headway benchmark score --drives 200 --workers 2")
def score_cost(
    *,
    drives: Annotated[int, typer.Option(help="How many are made and scored; 20 MB of disk for each.", min=1)] = 200,
    agents: Annotated[int, typer.Option(help="In each drive.", min=1)] = 40,
    seconds: Annotated[float, typer.Option(help="How long each drive lasts.", min=5.0)] = 60.0,
    every: Annotated[float, typer.Option(help="Seconds between forecast times.", metavar="SECONDS")] = 0.5,
    workers: Annotated[int | None, typer.Option(help="Processes; as many as processors by default.", min=1)] = None,
    model: Annotated[Path, typer.Option(help="A folder that training wrote.", metavar="DIR")] = Path("artifacts/model"),
) -> None:
    """Measure what scoring a made-up fleet costs on the CPU: times real time, memory, and the share of each step."""
    from pipeline.scoring.fleet_cost import fleet_cost  # noqa: PLC0415
    from pipeline.scoring.share import pick_workers  # noqa: PLC0415

    workers = workers or pick_workers("cpu")
    cost = fleet_cost(model, num_drives=drives, num_agents=agents, seconds=seconds, workers=workers, every_s=every)
    for line in cost.lines():
        typer.echo(line)


def _give(results: Mapping[str, Any], *, out: Path | None, lines: Iterable[str]) -> None:
    """Write ``results.json`` into a folder, where one was named, and tell the table."""
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415

    if out is not None:
        with whole_folder(out) as folder:
            write_json(folder / "results.json", results)
    for line in lines:
        typer.echo(line)
