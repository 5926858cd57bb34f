"""The ``headway`` command. Each sub-command imports what it needs when it runs, so that ``--help`` is instant."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.benchmarks import benchmark
from pipeline.command import Format, Ingest, Model, Params, bundle_folder, maps_of, may_replace, say
from pipeline.errors import InputError
from pipeline.exports import export
from pipeline.terminated import terminable

app = typer.Typer(
    help="Forecasts of every road user in recorded drives.\n\nExample: headway score --model artifacts/model"
    " --drives my-drives --out forecasts",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(benchmark, name="benchmark")
app.command(epilog="Example: headway export --model artifacts/model --out exported")(export)


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
    from pipeline.config import SimulateConfig  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.stages.simulate import MARK  # noqa: PLC0415
    from pipeline.stages.simulate import simulate as run  # noqa: PLC0415

    config = load_section("simulate", SimulateConfig, path=params)
    given: dict[str, object] = {"num_drives": drives, "seed": seed}
    given |= {} if frames else {"cameras": []}
    config = config.model_copy(update={key: value for key, value in given.items() if value is not None})
    may_replace(out, mark=MARK)
    truth = truth or out.with_name(f"{out.name}-truth")
    may_replace(truth, mark=MARK)
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
    from pipeline.config import IngestConfig  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415

    try:
        account = run(drives, config=load_section("ingest", IngestConfig, path=params), source_format=source_format)
    except InputError as error:
        say(str(error))
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(account.to_json(), indent=1, allow_nan=False))
    elif account.drives:
        for line in lines(account):
            typer.echo(line)
    else:
        for problem in account.problems:
            say(problem.line())
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
    from pipeline.config import IngestConfig  # noqa: PLC0415
    from pipeline.drives.found import find_all  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.stages.ingest import ingest as run  # noqa: PLC0415

    config = load_section("ingest", IngestConfig, path=params)
    may_replace(out, mark="drives.json")
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
    may_replace(out, mark="bundle.json")
    history = history or out.with_name(f"{out.name}-history")
    may_replace(history, mark="run.json")
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
    from pipeline.config import EvaluateConfig  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.stages.evaluate import evaluate as run  # noqa: PLC0415

    models = {"model": model} | ({"against": against} if against else {})
    config = load_section("evaluate", EvaluateConfig, path=params)
    may_replace(plots, mark="baselines.json")
    maps = maps_of(ingest, windows=windows, params=params)
    run(windows, models=models, config=config, metrics=metrics, plots=plots, maps=maps)


@app.command(epilog="Example: headway ablate --vary cell=lstm,peephole --vary interaction=none,social --out ablation")
def ablate(
    *,
    vary: Annotated[
        list[str],
        typer.Option(help="A key of the section train with its values; may be repeated.", metavar="KEY=V1,V2,..."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.json and table.md; replaced whole.", metavar="DIR")],
    seeds: Annotated[int, typer.Option(help="Trainings of each combination.", min=1)] = 3,
    one_by_one: Annotated[
        bool, typer.Option("--one-by-one", help="Only the default and what differs from it in one key.")
    ] = False,
    overlaps: Annotated[bool, typer.Option(help="With the overlap rates, which cost most of the judging.")] = True,
    windows: Annotated[Path, typer.Option(help="Folder of windows.", metavar="DIR")] = Path("artifacts/windows"),
    ingest: Ingest = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Train a grid of parameters, judge each on the test split, and compare all with the first one.

    That one is what the parameters' file says, where the grid holds it. MLflow gets one run with the table, and below
    it a run for each training. After a kill the same command trains only what was not done.
    """
    from pipeline.config import EvaluateConfig  # noqa: PLC0415
    from pipeline.evaluation.ablation.child import Plan  # noqa: PLC0415
    from pipeline.evaluation.ablation.grid import combinations  # noqa: PLC0415
    from pipeline.evaluation.ablation.table import plain_lines  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.tracking.ablation import ablate as run  # noqa: PLC0415
    from pipeline.training.recipe import load_recipe  # noqa: PLC0415

    recipe = load_recipe(params)
    grid = combinations(vary, base=recipe.train, one_by_one=one_by_one)
    may_replace(out, mark="results.json")
    maps = maps_of(ingest, windows=windows, params=params)
    config = load_section("evaluate", EvaluateConfig, path=params)
    plan = Plan(windows=windows, recipe=recipe, evaluate=config, overlaps=overlaps, maps=maps)
    for line in plain_lines(run(plan, combinations=grid, seeds=range(seeds), out=out)):
        typer.echo(line)


@app.command(epilog="Example: headway promote --metric movers/ade_m --dry-run")
def promote(
    *,
    version: Annotated[
        int | None, typer.Argument(help="The version in question; the newest by default.", metavar="VERSION", min=1)
    ] = None,
    name: Annotated[str, typer.Option(help="The registered model.")] = "headway",
    metric: Annotated[
        str, typer.Option(help="Slice and metric that decide: all, movers, followers or yielders, a slash, a metric.")
    ] = "movers/ade_m",
    windows: Annotated[Path, typer.Option(help="Folder of windows.", metavar="DIR")] = Path("artifacts/windows"),
    ingest: Ingest = None,
    params: Params = Path("params.yaml"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be decided.")] = False,
) -> None:
    """Make a registered version the champion if it beats the one that is, or say why not.

    Both forecast the test split of the windows. The version must be better by the whole 95 % interval of the paired
    difference (bootstrap over tracks). Where there is no champion, it becomes it without a comparison.

    Exit code: 0 it is the champion (of a dry run: would be), 1 it is not better, 2 that could not be found out.
    """
    from pipeline.config import EvaluateConfig  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.tracking.promote import promote as run  # noqa: PLC0415

    try:
        config = load_section("evaluate", EvaluateConfig, path=params)
        maps = maps_of(ingest, windows=windows, params=params) if "offroad" in metric else {}
        done = run(windows, config=config, version=version, name=name, metric=metric, maps=maps, dry_run=dry_run)
    except InputError as error:
        say(str(error))
        raise typer.Exit(2) from error
    for note in done.notes:
        say(note)
    typer.echo(done.line)
    raise typer.Exit(0 if done.is_champion else 1)


@app.command(epilog="Example: headway score --model artifacts/model --drives monday tuesday --out forecasts")
def score(
    *,
    out: Annotated[str, typer.Option(help="Folder for the forecasts; nothing is written elsewhere.", metavar="DIR")],
    more: Annotated[list[str] | None, typer.Argument(help="More folders of drives.", metavar="DIR...")] = None,
    drives: Annotated[
        list[str] | None,
        typer.Option(
            help="Folders of raw drives, or of several, with or without frames; or quoted patterns ('raw/2026-*').",
            metavar="DIR...",
        ),
    ] = None,
    manifest: Annotated[
        list[str] | None,
        typer.Option(help="Text file of such folders, one a line; may be repeated.", metavar="FILE"),
    ] = None,
    model: Model = "artifacts/model",
    every: Annotated[
        float | None,
        typer.Option(help="Seconds between forecast times; as in training by default.", metavar="SECONDS"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(help="Drives at once; as many as processors by default, at most 4 on a GPU.", min=1),
    ] = None,
    engine: Annotated[str, typer.Option(help="local: processes; ray: tasks on a Ray cluster.")] = "local",
    batch_size: Annotated[
        int | None,
        typer.Option(help="Agents at once in the network; by default fixed on a CPU, by the memory on a GPU.", min=1),
    ] = None,
    source_format: Format = "auto",
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Keep the features of camera frames, and the model as ONNX, here between runs; not kept by default.",
            metavar="DIR",
        ),
    ] = None,
    runtime: Annotated[
        str, typer.Option(help="What runs the network: torch, or onnx (on the CPU; needs the extra export).")
    ] = "torch",
) -> None:
    """Forecast every road user of new raw drives: two Parquet tables per drive, and summary.json.

    Every DIR, FILE and MODEL may be an address such as s3://bucket/folder, of what fsspec and its packages reach.

    A drive that cannot be used is named on standard error and the others go on; the exit code is 1 if anything
    was rejected or left out. After a kill the same command goes on where it was; what is done is not done again.
    """
    if not drives and not more and not manifest:
        raise InputError("headway score", "was given no drives", "name their folders after --drives")
    from pipeline.remote import place_of  # noqa: PLC0415
    from pipeline.scoring.score import score as score_drives  # noqa: PLC0415

    with bundle_folder(model) as (folder, origin):
        summary = score_drives(
            folder,
            [place_of(text) for text in (*(drives or []), *(more or []))],
            out=place_of(out),
            manifests=[place_of(text) for text in manifest or []],
            device=device,
            every_s=every,
            source_format=source_format,
            cache=cache,
            workers=workers,
            batch_size=batch_size,
            engine=engine,
            runtime=runtime,
            origin=origin,
        )
    raise typer.Exit(summary.exit_code)


def main() -> None:
    """Run the command; a user's mistake ends it with one line and exit code 1, without a traceback."""
    try:
        with terminable():
            app(prog_name="headway")
    except InputError as error:
        say(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
