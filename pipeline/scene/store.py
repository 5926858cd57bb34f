"""The scene features of a drive: one CNN map per camera frame, stored so that reading is one memory map."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Float

from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.errors import Dropped, InputError
from pipeline.files import whole_file, write_json
from pipeline.ingest.clean import CleanDrive
from pipeline.scene.kind import FeatureKind

FEATURE_FRAME_COLUMNS: Final[dict[str, str]] = {
    **FRAME_COLUMNS,
    "ok": "bool",  # the frame could be read; where not, its map is zero and means nothing
}
INDEX: Final = "drives.json"
REDO: Final = "run the scene_features stage again"


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneFeatures:
    """What the CNN makes of one drive's camera frames.

    Attributes:
        name: The drive's name.
        frames: Columns of ``FEATURE_FRAME_COLUMNS``, sorted by (timestamp_ns, camera); row i belongs to ``maps[i]``.
        cameras: By camera name, as the drive states them (of the frames before they are resized).
        maps: float16; a memory map where it was read from a file.
        digest: ``backbone_digest`` of the CNN that made the maps; empty where there was none.
        input_px: Width and height that frames are resized to before the CNN.
        stride_px: Resized pixels from one cell of a map to the next; cell 0 is centred on pixel 0.
        dropped: The frames that could not be used, and why.
        num_computed: Frames that this extraction sent through the CNN; not stored.
        num_cached: Frames whose maps this extraction took from the cache; not stored.
    """

    name: str
    frames: pd.DataFrame
    cameras: Mapping[str, Camera]
    maps: Float[np.ndarray, "f c y x"]
    digest: str
    input_px: tuple[int, int]
    stride_px: int
    dropped: tuple[Dropped, ...] = ()
    num_computed: int = field(default=0, compare=False)
    num_cached: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        assert list(self.frames.columns) == list(FEATURE_FRAME_COLUMNS), list(self.frames.columns)
        assert len(self.frames) == len(self.maps), (len(self.frames), self.maps.shape)
        assert self.maps.dtype == np.float16, self.maps.dtype

    @property
    def kind(self) -> FeatureKind:
        """What must agree over the drives of a data set."""
        return FeatureKind(name=self.name, num_frames=len(self.maps), channels=self.maps.shape[1], digest=self.digest)

    @classmethod
    def empty(cls, clean: CleanDrive, channels: int) -> SceneFeatures:
        """The features of a drive without cameras, or of one whose frames are not looked at."""
        frames = clean.frames.iloc[:0].assign(ok=pd.Series(dtype="bool"))
        maps = np.zeros((0, channels, 1, 1), np.float16)
        return cls(name=clean.name, frames=frames, cameras={}, maps=maps, digest="", input_px=(1, 1), stride_px=1)


def write_features(folder: Path, features: SceneFeatures) -> None:
    """Write ``<name>.npy``, ``<name>.frames.parquet`` and ``<name>.json``; ``write_index`` then names the drive."""
    assert Path(features.name).name == features.name, features.name
    with whole_file(folder / f"{features.name}.npy") as temporary, temporary.open("wb") as stream:
        np.save(stream, features.maps, allow_pickle=False)
    with whole_file(folder / f"{features.name}.frames.parquet") as temporary:
        features.frames.to_parquet(temporary, index=False)
    content = {
        "name": features.name,
        "digest": features.digest,
        "input_px": list(features.input_px),
        "stride_px": features.stride_px,
        "cameras": {name: asdict(camera) for name, camera in features.cameras.items()},
        "dropped": [asdict(dropped) for dropped in features.dropped],
    }
    write_json(folder / f"{features.name}.json", content)


def write_index(folder: Path, *, drives: Iterable[str]) -> None:
    """Write the list of the drives that ``folder`` holds."""
    write_json(folder / INDEX, {"drives": sorted(drives)})


def feature_names(folder: Path) -> list[str]:
    """The drives that ``folder`` holds, from its own index: a listing would count what DVC leaves there.

    Raises:
        InputError: There is no index, or it is not a list of names.
    """
    content = _read_json(folder / INDEX)
    names = content.get("drives") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(folder / INDEX, "is not a list of drives", REDO)
    return names


def read_features(folder: Path, name: str) -> SceneFeatures:
    """Read one drive's features; the maps stay on disk until they are looked at.

    Raises:
        InputError: A file is missing or damaged, or the files do not belong together.
    """
    content, maps = _read_json(folder / f"{name}.json"), _read_maps(folder, name)
    frames_file = folder / f"{name}.frames.parquet"
    try:
        frames = pd.read_parquet(frames_file)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(frames_file, f"cannot be read ({error.__class__.__name__})", REDO) from error
    if list(frames.columns) != list(FEATURE_FRAME_COLUMNS):
        raise InputError(frames_file, f"has not the columns {', '.join(FEATURE_FRAME_COLUMNS)}", REDO)
    if len(maps) != len(frames):
        what = f"holds {maps.dtype} {maps.shape}, not {len(frames)} float16 maps"
        raise InputError(folder / f"{name}.npy", what, REDO)
    try:
        width, height = content["input_px"]
        return SceneFeatures(
            name=content["name"],
            frames=frames,
            cameras={camera: Camera(**values) for camera, values in content["cameras"].items()},
            maps=maps,
            digest=content["digest"],
            input_px=(width, height),
            stride_px=content["stride_px"],
            dropped=tuple(Dropped(**values) for values in content["dropped"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(folder / f"{name}.json", f"is not what this version writes ({error})", REDO) from error


def read_kind(folder: Path, name: str) -> FeatureKind:
    """Read of what kind one drive's features are, without them.

    Raises:
        InputError: A file is missing or damaged.
    """
    content, maps = _read_json(folder / f"{name}.json"), _read_maps(folder, name)
    digest = content.get("digest") if isinstance(content, dict) else None
    if not isinstance(digest, str):
        raise InputError(folder / f"{name}.json", "is not what this version writes (no digest)", REDO)
    return FeatureKind(name=name, num_frames=len(maps), channels=maps.shape[1], digest=digest)


def _read_maps(folder: Path, name: str) -> np.ndarray:
    path = folder / f"{name}.npy"
    try:
        maps = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", REDO) from error
    if maps.dtype != np.float16 or maps.ndim != 4:
        raise InputError(path, f"holds {maps.dtype} {maps.shape}, not float16 maps", REDO)
    return maps


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", REDO) from error
