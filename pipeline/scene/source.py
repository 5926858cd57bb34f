"""The scene features of one source's drives, in parallel processes, one drive's failure leaving the others alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from models.resnet import SceneBackbone
from pipeline.config import SceneConfig
from pipeline.errors import InputError
from pipeline.ingest.store import read_clean
from pipeline.parallel import in_processes
from pipeline.scene.backbone import make_backbone
from pipeline.scene.extract import extract_features, pick_device
from pipeline.scene.store import write_features
from pipeline.threads import one_thread

_ALONE_S: Final = 10.0  # each process takes about five seconds of a processor to import what a CNN needs


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """What became of a drive.

    Attributes:
        problem: Why it has no features; None where they were stored.
        masked: Of frames that cannot be used, a line for each reason.
        num_computed: Frames that went through the CNN.
        num_cached: Frames whose maps came from the cache.
    """

    problem: str | None = None
    masked: tuple[str, ...] = ()
    num_computed: int = 0
    num_cached: int = 0


def extract_one(name: str, *, ingest: Path, config: SceneConfig, folder: Path) -> Extracted:
    """Make and store one drive's features, on one thread beside those that read its frames."""
    try:
        with one_thread():
            clean = read_clean(ingest, name)
            features = extract_features(clean, backbone=_backbone(config.model_dump_json()), config=config)
    except InputError as error:
        return Extracted(problem=str(error))
    write_features(folder, features)
    first = {dropped.reason: dropped.where for dropped in reversed(features.dropped)}
    masked = Counter(dropped.reason for dropped in features.dropped)
    return Extracted(
        masked=tuple(
            f"{first[reason]}: {reason}; {frames} such frames of {name} are masked" for reason, frames in masked.items()
        ),
        num_computed=features.num_computed,
        num_cached=features.num_cached,
    )


def extract_all(
    names: Sequence[str],
    *,
    ingest: Path,
    config: SceneConfig,
    folder: Path,
    alone_s: float = _ALONE_S,
    num_processes: int | None = None,
) -> Generator[tuple[str, Extracted]]:
    """Make the features of drives and yield each with what became of it, in their order.

    Args:
        names: Of clean drives.
        ingest: Their folder.
        config: The section ``scene_features``.
        folder: Where the features go.
        alone_s: As in ``in_processes``.
        num_processes: Likewise; a GPU has one.

    Raises:
        InputError: There is no such CNN.
    """
    _backbone.cache_clear()  # the weights' file may be another by now
    _backbone(config.model_dump_json())  # what is wrong with it is no drive's fault
    work = partial(extract_one, ingest=ingest, config=config, folder=folder)
    num_processes = 1 if pick_device("auto") == "cuda" else num_processes
    yield from in_processes(work, names, alone_s=alone_s, num_processes=num_processes, in_order=True)


@lru_cache(maxsize=1)
def _backbone(config: str) -> SceneBackbone:
    """The CNN of a section ``scene_features`` as JSON, made once by each process."""
    return make_backbone(SceneConfig.model_validate_json(config))
