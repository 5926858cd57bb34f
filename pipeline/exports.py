"""``headway export``: the model for other programs. It imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import Model, bundle_folder, may_replace


def export(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the files; replaced whole.", metavar="DIR")],
    model: Model = "artifacts/model",
) -> None:
    """Write the model's forecaster as ONNX, as a program of torch.export, and a JSON file that describes both.

    Any number of agents and scenes goes through at once. Before the folder appears, onnxruntime and the program must
    forecast made-up scenes as the model does, within 1e-4 m. It needs the extra export: onnx,
    onnxscript, onnxruntime.
    """
    from pipeline.export.graph import require_packages  # noqa: PLC0415

    require_packages("headway export")  # before anything that imports them
    from pipeline.export.export import DESCRIPTION  # noqa: PLC0415
    from pipeline.export.export import export as run  # noqa: PLC0415

    may_replace(out, mark=DESCRIPTION)
    with bundle_folder(model) as (folder, origin):
        exported = run(folder, out=out, origin=origin)
    for line in exported.lines():
        typer.echo(line)
