"""The ``headway`` command. Each sub-command imports what it needs when it runs, so that ``--help`` is instant."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import InputError, one_line
from pipeline.terminated import terminable

if TYPE_CHECKING:
    from pipeline.drives.map import DriveMap

app = typer.Typer(
    help="Forecasts of every road user in recorded drives.\n\nExample: headway score --model artifacts/model"
    " --drives my-drives --out forecasts",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Params = Annotated[Path, typer.Option(help="The file of parameters.", metavar="FILE")]
Ingest = Annotated[
    Path | None,
    typer.Option(
        help="Folder of clean drives by source, whose maps the off-road rates need; by default the folder ingest beside"
        " the windows, where there is one.",
        metavar="DIR",
    ),
]
Format = Annotated[str, typer.Option("--format", help="Raw format of the drives: auto, or a format's name.")]


def _version(asked: bool) -> None:  # noqa: FBT001  # typer calls it so
    if asked:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"headway {version('headway')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None: ...


@app.command(epilog="Example: headway simulate --out my-drives --drives 100 --seed 1")
def simulate(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the drives; replaced whole.", metavar="DIR")],
    drives: Annotated[int | None, typer.Option(help="How many; as in the parameters by default.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Of all that is random; likewise by default.", min=0)] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Folder for what really happened; OUT-truth by default.", metavar="DIR")
    ] = None,
    frames: Annotated[bool, typer.Option(help="With the cameras' frames, or tracks and maps alone.")] = True,
    params: Params = Path("params.yaml"),
) -> None:
    """Simulate raw drives: traffic, what an ego in it senses, and its camera frames."""
    from pipeline.config import SimulateConfig, load_section  # noqa: PLC0415
    from pipeline.stages.simulate import MARK  # noqa: PLC0415
    from pipeline.stages.simulate import simulate as run  # noqa: PLC0415

    config = load_section("simulate", SimulateConfig, path=params)
    given: dict[str, object] = {"num_drives": drives, "seed": seed}
    given |= {} if frames else {"cameras": []}
    config = config.model_copy(update={key: value for key, value in given.items() if value is not None})
    _may_replace(out, mark=MARK)
    truth = truth or out.with_name(f"{out.name}-truth")
    _may_replace(truth, mark=MARK)
    run(config, out=out, truth=truth)


@app.command(epilog="Example: headway check my-drives")
def check(
    *,
    drives: Annotated[list[Path], typer.Argument(help="Folders of raw drives, or of several.", metavar="DRIVES...")],
    source_format: Format = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    params: Params = Path("params.yaml"),
) -> None:
    """Say what raw drives hold and what is wrong with them; nothing is written.

    It reads and cleans them as ingest does, and decodes every frame. Each problem has a place and a severity: error
    (cannot be used), warning (something was left out, or is hardly as it was meant), note (a decision that was taken).

    Exit code: 0 nothing above a note, 1 warnings, 2 errors.
    """
    from pipeline.checking.check import check as run  # noqa: PLC0415
    from pipeline.checking.lines import lines  # noqa: PLC0415
    from pipeline.config import IngestConfig, load_section  # noqa: PLC0415

    try:
        account = run(drives, config=load_section("ingest", IngestConfig, path=params), source_format=source_format)
    except InputError as error:
        _say(str(error))
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(account.to_json(), indent=1, allow_nan=False))
    elif account.drives:
        for line in lines(account):
            typer.echo(line)
    else:
        for problem in account.problems:
            _say(problem.line())
    raise typer.Exit(account.exit_code)


@app.command(epilog="Example: headway ingest raw/monday raw/tuesday --out clean")
def ingest(
    *,
    drives: Annotated[list[Path], typer.Argument(help="Folders of raw drives, or of several.", metavar="DRIVES...")],
    out: Annotated[Path, typer.Option(help="Folder for the clean drives; replaced whole.", metavar="DIR")],
    source_format: Format = "auto",
    params: Params = Path("params.yaml"),
) -> None:
    """Clean raw drives: one table per drive at one rate, and a report of what was dropped and why.

    A drive that cannot be used is named on standard error and the others go on; the exit code is then 1.
    """
    from pipeline.config import IngestConfig, load_section  # noqa: PLC0415
    from pipeline.drives.found import find_all  # noqa: PLC0415
    from pipeline.stages.ingest import ingest as run  # noqa: PLC0415

    config = load_section("ingest", IngestConfig, path=params)
    _may_replace(out, mark="drives.json")
    found = find_all(drives, format=source_format)
    raise typer.Exit(int(bool(run(found, config=config, out=out, description="ingest"))))


@app.command(epilog="Example: headway train --windows artifacts/windows --out my-model")
def train(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the model; replaced whole.", metavar="DIR")],
    windows: Annotated[Path, typer.Option(help="Folder of windows.", metavar="DIR")] = Path("artifacts/windows"),
    history: Annotated[
        Path | None, typer.Option(help="Folder for the training's history; OUT-history by default.", metavar="DIR")
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Train the forecaster on windows, as a run in MLflow; after a kill, the same command goes on."""
    from pipeline.stages.train import train as run  # noqa: PLC0415
    from pipeline.training.recipe import load_recipe  # noqa: PLC0415

    recipe = load_recipe(params)
    _may_replace(out, mark="bundle.json")
    history = history or out.with_name(f"{out.name}-history")
    _may_replace(history, mark="run.json")
    run(windows, recipe=recipe, out=out, history=history)


@app.command(epilog="Example: headway evaluate --model my-model --metrics metrics.json --plots plots")
def evaluate(
    *,
    metrics: Annotated[Path, typer.Option(help="JSON file for the metrics.", metavar="FILE")],
    plots: Annotated[Path, typer.Option(help="Folder for figures and tables.", metavar="DIR")],
    model: Annotated[Path, typer.Option(help="The model to judge.", metavar="DIR")] = Path("artifacts/model"),
    against: Annotated[
        Path | None, typer.Option(help="Another model to compare it with, beside the baselines.", metavar="DIR")
    ] = None,
    windows: Annotated[Path, typer.Option(help="Folder of windows.", metavar="DIR")] = Path("artifacts/windows"),
    ingest: Ingest = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Judge a model on the windows' test split, beside constant velocity and a Kalman filter."""
    from pipeline.config import EvaluateConfig, load_section  # noqa: PLC0415
    from pipeline.stages.evaluate import evaluate as run  # noqa: PLC0415

    models = {"model": model} | ({"against": against} if against else {})
    config = load_section("evaluate", EvaluateConfig, path=params)
    _may_replace(plots, mark="baselines.json")
    maps = _maps(ingest, windows=windows, params=params)
    run(windows, models=models, config=config, metrics=metrics, plots=plots, maps=maps)


benchmark = typer.Typer(help="Figures that can be compared, over several seeds.", no_args_is_help=True)
app.add_typer(benchmark, name="benchmark")


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
    from pipeline.config import EvaluateConfig, load_section  # noqa: PLC0415
    from pipeline.evaluation.seeds import evaluate_seeds  # noqa: PLC0415
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415
    from pipeline.training.recipe import load_recipe  # noqa: PLC0415

    _may_replace(out, mark="results.json")
    config = load_section("evaluate", EvaluateConfig, path=params)
    maps = _maps(ingest, windows=windows, params=params)
    results = evaluate_seeds(windows, recipe=load_recipe(params), seeds=range(seeds), config=config, maps=maps)
    with whole_folder(out) as folder:
        write_json(folder / "results.json", results.to_json())
    typer.echo(f"test split, {seeds} seeds together")
    for line in results.lines():
        typer.echo(line)


@benchmark.command("eth-ucy", epilog="Example: headway benchmark eth-ucy --raw ../shared/data/eth_ucy --out eth_ucy")
def eth_ucy(
    *,
    raw: Annotated[Path, typer.Option(help="Folder with train, val and all_data.", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="Folder for results.json; replaced whole.", metavar="DIR")],
    seeds: Annotated[int, typer.Option(help="Trainings of each scene.", min=1)] = 3,
    params: Params = Path("params.yaml"),
) -> None:
    """Leave one scene of ETH/UCY out, train on the others, and judge beside the published figures."""
    from pipeline.config import load_benchmark  # noqa: PLC0415
    from pipeline.evaluation.eth_ucy import run, table  # noqa: PLC0415
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415

    _may_replace(out, mark="results.json")
    results = run(raw, config=load_benchmark("eth_ucy", path=params), seeds=range(seeds))
    with whole_folder(out) as folder:
        write_json(folder / "results.json", results)
    for line in table(results):
        typer.echo(line)


@benchmark.command("ingest", epilog="Example: headway benchmark ingest ../shared/data")
def ingest_cost(
    *,
    drives: Annotated[list[Path], typer.Argument(help="Folders of raw drives, or of several.", metavar="DRIVES...")],
    repeats: Annotated[int, typer.Option(help="Measure so often; the median counts.", min=1)] = 3,
    source_format: Format = "auto",
    params: Params = Path("params.yaml"),
) -> None:
    """Measure what reading and cleaning raw drives costs: processor seconds per minute of driving, by format."""
    from pipeline.config import IngestConfig, load_section  # noqa: PLC0415
    from pipeline.drives.found import find_all  # noqa: PLC0415
    from pipeline.ingest.cost import cost_lines, ingest_costs  # noqa: PLC0415

    config = load_section("ingest", IngestConfig, path=params)
    found = find_all(drives, format=source_format)
    for line in (*found.notes, *map(str, found.problems)):
        _say(line)
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
    from pipeline.config import SimulateConfig, load_section  # noqa: PLC0415
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
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415

    if out is not None:
        _may_replace(out, mark="results.json")
    parameters, results = study_cases(params, seeds=range(seeds))
    if out is not None:
        with whole_folder(out) as folder:
            write_json(folder / "results.json", {"parameters": parameters, **results.to_json()})
    typer.echo(f"reacting agents of the test scenes, {seeds} seeds together; differences with 95 % intervals")
    for line in results.lines():
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


@app.command(epilog="Example: headway score --model artifacts/model --drives monday tuesday --out forecasts")
def score(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the forecasts; nothing is written elsewhere.", metavar="DIR")],
    more: Annotated[list[Path] | None, typer.Argument(help="More folders of drives.", metavar="DIR...")] = None,
    drives: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of raw drives, or of several, with or without frames.", metavar="DIR..."),
    ] = None,
    model: Annotated[Path, typer.Option(help="A folder that training wrote.", metavar="DIR")] = Path("artifacts/model"),
    every: Annotated[
        float | None,
        typer.Option(help="Seconds between forecast times; as in training by default.", metavar="SECONDS"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    source_format: Format = "auto",
    cache: Annotated[
        Path | None,
        typer.Option(help="Keep the features of camera frames here between runs; not kept by default.", metavar="DIR"),
    ] = None,
) -> None:
    """Forecast every road user of new raw drives: two Parquet tables per drive, and summary.json.

    A drive that cannot be used is named on standard error and the others go on; the exit code is 1 if anything
    was rejected or left out.
    """
    folders = [*(drives or []), *(more or [])]
    if not folders:
        raise InputError("headway score", "was given no drives", "name their folders after --drives")
    from pipeline.scoring.score import score as score_drives  # noqa: PLC0415

    summary = score_drives(
        model, folders, out=out, device=device, every_s=every, source_format=source_format, cache=cache
    )
    raise typer.Exit(summary.exit_code)


def _maps(ingest: Path | None, *, windows: Path, params: Path) -> Mapping[str, DriveMap]:
    """The maps of the drives that windows were made from; none where nobody says where they are."""
    from pipeline.config import load_sources  # noqa: PLC0415
    from pipeline.ingest.store import find_maps  # noqa: PLC0415

    beside = windows.resolve().parent / "ingest"
    if ingest is None and not beside.is_dir():
        return {}
    return find_maps(ingest or beside, sources=list(load_sources(path=params)))


def _may_replace(folder: Path, *, mark: str) -> None:
    """Refuse to replace a folder that holds something else than an earlier result.

    Raises:
        InputError: It is a file, a folder with content but without the file ``mark``, or where the user is.
    """
    if Path.cwd().is_relative_to(folder.resolve()):
        raise InputError(folder, "is the current folder or holds it, and would be replaced", "give a new folder")
    if folder.is_dir() and ((folder / mark).is_file() or next(folder.iterdir(), None) is None):
        return
    if folder.exists():
        what = f"is there already and is no earlier result (it has no {mark})"
        raise InputError(folder, what, "give a new folder, nothing of yours is deleted")


def main() -> None:
    """Run the command; a user's mistake ends it with one line and exit code 1, without a traceback."""
    try:
        with terminable():
            app(prog_name="headway")
    except InputError as error:
        _say(str(error))
        sys.exit(1)


def _say(line: str) -> None:
    sys.stderr.write(f"headway: {one_line(line)}\n")


if __name__ == "__main__":
    main()
