"""``headway benchmark``: what each part costs. Each command imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline.command import Format, Params, may_replace, say

costs = typer.Typer()
_FRAMES_PER_DRIVE: Final = 48


@costs.command("speed", epilog="Example: headway benchmark speed train forward --device cpu --out reports/speed")
def speed(
    *,
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of windows, train, forward, operations, features and score; by default the first three.",
            metavar="PARTS...",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network runs: cpu or cuda.")] = "cpu",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for results.json and scaling.png, replaced whole; by default none, and no scaling measured.",
            metavar="DIR",
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Measure so often; the median counts.", min=1)] = 15,
    model: Annotated[Path, typer.Option(help="A folder that training wrote, for score.", metavar="DIR")] = Path(
        "artifacts/model"
    ),
    params: Params = Path("params.yaml"),
) -> None:
    """Measure how fast the network trains and forecasts, beside references that are run in turn with it.

    The references: torch's fused LSTM without any coupling, a matrix product of as many FLOPs, and the social LSTM as
    the literature's public code computes it. The part operations tells where the time goes. The parts features and
    score are the benchmarks of these names, smaller; those take sizes of their own.
    """
    from pipeline.config import SceneConfig  # noqa: PLC0415
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415
    from pipeline.params import load_benchmark, load_section  # noqa: PLC0415
    from pipeline.speed.curve import plot  # noqa: PLC0415
    from pipeline.speed.speed import chosen, measure_speed  # noqa: PLC0415

    if out is not None:
        may_replace(out, mark="results.json")
    results = measure_speed(
        chosen(parts),
        config=load_benchmark("speed", path=params),
        scene=load_section("scene_features", SceneConfig, path=params),
        model=model,
        device=device,
        repeats=repeats,
        scaling=out is not None,
    )
    if out is not None:
        with whole_folder(out) as folder:
            write_json(folder / "results.json", results.to_json())
            plot(folder / "scaling.png", results.points)
    for line in results.lines():
        typer.echo(line)


@costs.command("ingest", epilog="Example: headway benchmark ingest ../shared/data")
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


@costs.command("frames", epilog="Example: headway benchmark frames --drives 4")
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


@costs.command("features", epilog="Example: headway benchmark features --backbones compact,resnet18")
def features(
    *,
    backbones: Annotated[str, typer.Option(help="Which, with commas between them.")] = "compact,resnet18",
    frames: Annotated[int, typer.Option(help="In each repeat.", min=16)] = 320,
    repeats: Annotated[int, typer.Option(help="Measure so often; the median counts.", min=1)] = 3,
    drives: Annotated[str, typer.Option(help="Also the stage's time and memory over so many, commas between.")] = "",
    params: Params = Path("params.yaml"),
) -> None:
    """Measure frames per second of the scene features on the CPU, from files to maps, beside a matrix product.

    With --drives also what the stage takes: each process no more memory over 40 drives than over 4.
    """
    from typing import get_args  # noqa: PLC0415

    from models.resnet import BackboneName  # noqa: PLC0415
    from pipeline.config import SceneConfig  # noqa: PLC0415
    from pipeline.errors import InputError  # noqa: PLC0415
    from pipeline.params import load_section  # noqa: PLC0415
    from pipeline.scene.features_cost import cost_lines, features_costs, stage_used  # noqa: PLC0415

    config = load_section("scene_features", SceneConfig, path=params)
    named = backbones.split(",")
    chosen = [name for name in get_args(BackboneName) if name in named]
    if len(chosen) != len(named):
        raise InputError("--backbones", f"'{backbones}' names others", f"choose of {', '.join(get_args(BackboneName))}")
    numbers = _numbers(drives) if drives else []
    for line in cost_lines([*features_costs(config, backbones=chosen, num_frames=frames, repeats=repeats)]):
        typer.echo(line)
    for number in numbers:
        used = stage_used(config, num_drives=number, num_frames=_FRAMES_PER_DRIVE)
        cost = f"{used.wall_s:.1f} s, {used.cpu_s:.1f} of processors, its largest process {used.peak_mb:.0f} MB"
        typer.echo(f"stage scene_features, {number} drives of {_FRAMES_PER_DRIVE} frames: {cost}")


@costs.command("cell", epilog="Example: headway benchmark cell --width 128 --threads 1")
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


@costs.command("score", epilog="Example: headway benchmark score --drives 200 --workers 2")
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


@costs.command("stages", epilog="Example: headway benchmark stages --drives 10,100,1000 --out reports/stages")
def stages(
    *,
    drives: Annotated[str, typer.Option(help="How many, commas between; each more than one.")] = "10,100",
    agents: Annotated[int, typer.Option(help="In each drive.", min=1)] = 20,
    seconds: Annotated[float, typer.Option(help="How long each drive lasts.", min=10.0)] = 20.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json and stages.png, replaced whole.", metavar="DIR")
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Measure the stages ingest, split, scene_features and windows over made-up drives without frames.

    Processor and wall-clock seconds for each minute of driving, and the memory of the largest process.
    """
    from pipeline.errors import InputError  # noqa: PLC0415
    from pipeline.files import whole_folder, write_json  # noqa: PLC0415
    from pipeline.speed.stages import cost_lines, plot, stage_costs  # noqa: PLC0415

    numbers = _numbers(drives)
    if min(numbers) < 2:
        raise InputError("--drives", "names fewer than two drives", "one drive alone is what the start is taken from")
    if out is not None:
        may_replace(out, mark="results.json")
    measured = [*stage_costs(numbers, params=params, num_agents=agents, seconds=seconds)]
    if out is not None:
        with whole_folder(out) as folder:
            write_json(folder / "results.json", [cost.to_json() for cost in measured])
            plot(folder / "stages.png", measured)
    for line in cost_lines(measured):
        typer.echo(line)


def _numbers(words: str) -> list[int]:
    """Of ``--drives``: numbers with commas between."""
    from pipeline.errors import InputError  # noqa: PLC0415

    if not all(word.isdecimal() for word in words.split(",")):
        raise InputError("--drives", f"'{words}' is no list of numbers", "write 4,40")
    return [int(word) for word in words.split(",")]
