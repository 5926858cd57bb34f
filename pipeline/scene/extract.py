"""Every camera frame of a drive through the CNN, once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8

from models.resnet import SceneBackbone
from pipeline.config import SceneConfig
from pipeline.drives.drive import Camera
from pipeline.drives.image_header import ImageError
from pipeline.errors import Dropped, InputError
from pipeline.files import digest, whole_file
from pipeline.ingest.clean import CleanDrive
from pipeline.parallel import in_threads
from pipeline.scene.backbone import backbone_digest
from pipeline.scene.images import UNKNOWN_CAMERA, decode, frame_bytes
from pipeline.scene.store import FEATURE_FRAME_COLUMNS, SceneFeatures

CACHE: Final = Path(".headway/scene_features")  # ignored by git; safe to delete at any time
DIGEST_CHARS: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    """A frame that has been looked at: its map from the cache, or its pixels, or why there is neither."""

    row: int
    key: str = ""
    map: Float[np.ndarray, "c v u"] | None = None
    image: UInt8[np.ndarray, "y x 3"] | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    """Looks at one drive's frames; called from several threads.

    Attributes:
        folder: That paths are relative to.
        paths: Of every frame.
        cameras: Of every frame; None where the drive has no such camera.
        config: Of the CNN.
        key: Of the CNN, its settings and its precision.
        cache: Folder of the maps made so far, or None.
        shape: Of a map.
    """

    folder: Path
    paths: list[str]
    cameras: list[Camera | None]
    config: SceneConfig
    key: str
    cache: Path | None
    shape: tuple[int, int, int]

    def __call__(self, row: int) -> _Frame:
        """Look at one frame."""
        camera = self.cameras[row]
        if camera is None:
            return _Frame(row=row, error=UNKNOWN_CAMERA)
        try:
            content = frame_bytes(self.folder, self.paths[row])
            # A camera's size decides whether a frame is accepted; its other values only where it is sampled.
            key = digest(content, f"{camera.width_px}x{camera.height_px}", self.key)
            known = None if self.cache is None else read_map(_cache_file(self.cache, key), shape=self.shape)
            if known is not None:
                return _Frame(row=row, key=key, map=known)
            size = {"width_px": self.config.width_px, "height_px": self.config.height_px}
            return _Frame(row=row, key=key, image=decode(content, camera=camera, **size))
        except ImageError as error:
            return _Frame(row=row, error=str(error))


def extract_features(
    clean: CleanDrive,
    *,
    backbone: SceneBackbone,
    config: SceneConfig,
    cache: Path | None = CACHE,
    device: str = "auto",
) -> SceneFeatures:
    """Send every frame of a drive through the CNN that did not go through this very CNN before.

    A map is looked up by the content of the frame's file, its camera's size, the CNN's weights and settings, this
    code's version and the precision in effect: nothing stale can be found, and a drive that is new computes only
    itself. A damaged cache file counts as none. The CNN runs in ``config.precision`` where the device has instructions
    for it, elsewhere in fp32; frames are read and decoded in threads meanwhile.

    Args:
        clean: The drive; its frames' paths are relative to ``clean.source_path``.
        backbone: From ``make_backbone``; moved to the device.
        config: The settings that ``backbone`` was made with.
        cache: Folder of the maps made so far; None looks nothing up and keeps nothing.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.

    Returns:
        One float16 map per row of ``clean.frames``. A frame that cannot be used is masked and listed in ``dropped``.

    Raises:
        InputError: There is no such device, or the weights give maps beyond float16.
    """
    where = pick_device(device)
    backbone = backbone.to(where, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    half = config.precision == "bf16" and multiplies_bf16(where)
    own_digest = backbone_digest(backbone, config)
    reader = _Reader(
        folder=Path(clean.source_path),
        paths=clean.frames["path"].tolist(),
        cameras=[clean.cameras.get(name) for name in clean.frames["camera"].tolist()],
        config=config,
        key=digest(own_digest, "bf16" if half else "fp32"),
        cache=cache,
        shape=map_shape(backbone, config),
    )
    maps = np.zeros((len(clean.frames), *reader.shape), np.float16)
    ok = np.zeros(len(maps), bool)
    dropped: list[Dropped] = []
    waiting: list[_Frame] = []
    num_cached = 0

    def compute() -> None:
        images = np.stack([frame.image for frame in waiting if frame.image is not None])
        made = _infer(backbone, images, device=where, half=half)
        if not np.isfinite(made).all():
            weights = config.weights or "scene_features.seed"
            raise InputError(weights, "the CNN's maps are not finite in half precision", "use other weights")
        for frame, one in zip(waiting, made, strict=True):
            maps[frame.row] = one
            if cache is not None:
                write_map(_cache_file(cache, frame.key), one)
        waiting.clear()

    for frame in in_threads(reader, range(len(maps)), ahead=2 * config.batch_size):
        ok[frame.row] = not frame.error
        if frame.error:
            dropped.append(Dropped(where=str(reader.folder / reader.paths[frame.row]), reason=frame.error))
        elif frame.map is not None:
            maps[frame.row] = frame.map
            num_cached += 1
        else:
            waiting.append(frame)
        if len(waiting) == config.batch_size:
            compute()
    if waiting:
        compute()
    return SceneFeatures(
        name=clean.name,
        frames=clean.frames.assign(ok=ok).reset_index(drop=True)[list(FEATURE_FRAME_COLUMNS)],
        cameras=dict(clean.cameras),
        maps=maps,
        digest=own_digest,
        input_px=(config.width_px, config.height_px),
        stride_px=backbone.stride_px,
        dropped=tuple(dropped),
        num_computed=int(ok.sum()) - num_cached,
        num_cached=num_cached,
    )


def pick_device(device: str) -> str:
    """The device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: There is no such device here.
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise InputError("device", f"'{device}' is not known", "choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device", "there is no CUDA device here", "choose auto or cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def read_map(path: Path, *, shape: tuple[int, int, int]) -> Float[np.ndarray, "c v u"] | None:
    """Read a map from the cache; None where there is none, or none that is whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body, seal = content[:-DIGEST_CHARS], content[-DIGEST_CHARS:]
    if digest(body).encode() != seal:
        return None
    value = np.load(io.BytesIO(body), allow_pickle=False)
    return value if value.shape == shape and value.dtype == np.float16 else None


def write_map(path: Path, value: Float[np.ndarray, "c v u"]) -> None:
    """Write a map to the cache: an ``.npy`` file with the digest of its bytes behind them."""
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=False)
    body = stream.getvalue()
    with whole_file(path) as temporary:
        temporary.write_bytes(body + digest(body).encode())


def _cache_file(cache: Path, key: str) -> Path:
    return cache / key[:2] / f"{key}.npy"


def map_shape(backbone: SceneBackbone, config: SceneConfig) -> tuple[int, int, int]:
    """Channels, height and width: every stride rounds up."""
    height, width = (-(-side // backbone.stride_px) for side in (config.height_px, config.width_px))
    return backbone.channels, height, width


def multiplies_bf16(device: str) -> bool:
    """Whether a device multiplies bf16 itself; a CPU that must emulate it takes longer than in fp32."""
    known = torch.cpu.get_capabilities()
    return device == "cuda" or any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _infer(
    backbone: SceneBackbone, images: UInt8[np.ndarray, "f y x 3"], *, device: str, half: bool
) -> Float[np.ndarray, "f c v u"]:
    """One batch through the CNN. Bytes travel to the device, and stay in the channels-last order they come in."""
    frames = rearrange(torch.from_numpy(images).to(device, non_blocking=True), "f y x c -> f c y x")
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
        return backbone(frames).half().contiguous().cpu().numpy()
