"""What the scene features cost: frames per second from the file to the map, and how near the CNN comes to the peak."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.resnet import BackboneName, SceneBackbone
from pipeline.child import Used, run_stage_alone
from pipeline.config import SceneConfig
from pipeline.drives.drive import FRAME_COLUMNS, Camera
from pipeline.files import write_json
from pipeline.ingest.clean import CLEAN_COLUMNS, CleanDrive
from pipeline.ingest.store import write_clean, write_index
from pipeline.scene.backbone import make_backbone
from pipeline.scene.extract import extract_features, map_shape, multiplies_bf16

WIDTH_PX: Final = 640
HEIGHT_PX: Final = 360
_PRODUCT: Final = 2048  # side of the matrices whose product is the peak


@dataclass(frozen=True, kw_only=True, slots=True)
class FeaturesCost:
    """Of one backbone.

    Attributes:
        backbone: Its name.
        input_px: Width and height that frames are resized to.
        precision: That took effect.
        frames_per_s: Of files to maps: reading, decoding, resizing and the CNN, each repeat.
        cnn_per_s: Of the CNN alone.
        gflops_per_frame: Of the CNN, a multiplication and an addition being two.
        peak_share: Of the floating-point rate of a matrix product in the same precision, by the CNN alone.
        bytes_per_frame: Of its map, as stored.
    """

    backbone: BackboneName
    input_px: tuple[int, int]
    precision: str
    frames_per_s: tuple[float, ...]
    cnn_per_s: tuple[float, ...]
    gflops_per_frame: float
    peak_share: float
    bytes_per_frame: int


def features_costs(
    config: SceneConfig, *, backbones: Sequence[BackboneName], num_frames: int, repeats: int
) -> Iterator[FeaturesCost]:
    """Measure backbones on the CPU with random weights, on made-up JPEG frames of 640 x 360 that no cache knows.

    Args:
        config: The section ``scene_features``; its backbone and weights are not asked.
        backbones: Which to measure.
        num_frames: In each repeat.
        repeats: How often; a first one is not counted.
    """
    with TemporaryDirectory(prefix="headway-") as name:
        clean = _filmed(Path(name), num_frames=num_frames)
        for backbone in backbones:
            own = config.model_copy(update={"backbone": backbone, "weights": None})
            yield _measure(make_backbone(own), clean, config=own, repeats=repeats)


def stage_used(config: SceneConfig, *, num_drives: int, num_frames: int) -> Used:
    """What the stage ``scene_features`` uses over so many drives, as ``dvc repro`` starts it.

    Args:
        config: The section ``scene_features``; its weights are not asked.
        num_drives: Made-up ones.
        num_frames: Of each, no two alike, so that the stage's cache knows none.
    """
    with TemporaryDirectory(prefix="headway-") as name:
        folder = Path(name)
        (folder / "ingest").mkdir()
        names = [f"drive-{number:03}" for number in range(num_drives)]
        for number, drive in enumerate(names):
            (folder / drive).mkdir()
            clean = _filmed(folder / drive, num_frames=num_frames, num_pictures=num_frames, seed=number)
            write_clean(folder / "ingest", replace(clean, name=drive))
        write_index(folder / "ingest", drives=names, rejected={})
        section = config.model_copy(update={"weights": None}).model_dump(mode="json")
        write_json(folder / "params.yaml", {"scene_features": section})  # YAML reads JSON
        arguments = ["--ingest", "ingest", "--out", "features"]
        return run_stage_alone("scene_features", arguments, folder=folder)


def cost_lines(costs: Sequence[FeaturesCost]) -> Iterator[str]:
    """A table for people: medians over the repeats."""
    head = f"{'backbone':10}{'input':>10}{'precision':>11}{'frames/s':>10}{'CNN alone':>11}{'GFLOP':>8}"
    yield f"{head}{'of peak':>13}{'bytes/frame':>13}"
    for cost in costs:
        size = f"{cost.input_px[0]}x{cost.input_px[1]}"
        yield (
            f"{cost.backbone:10}{size:>10}{cost.precision:>11}{median(cost.frames_per_s):10.0f}"
            f"{median(cost.cnn_per_s):11.0f}{cost.gflops_per_frame:8.2f}{cost.peak_share:13.0%}{cost.bytes_per_frame:13,}"
        )


def _measure(backbone: SceneBackbone, clean: CleanDrive, *, config: SceneConfig, repeats: int) -> FeaturesCost:
    half = config.precision == "bf16" and multiplies_bf16("cpu")
    dtype = torch.bfloat16 if half else torch.float32
    backbone = backbone.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    batch = torch.zeros(config.batch_size, 3, config.height_px, config.width_px, dtype=torch.uint8)
    batch = batch.contiguous(memory_format=torch.channels_last)
    product = torch.ones(_PRODUCT, _PRODUCT, dtype=dtype)

    def run() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            backbone(batch)

    with FlopCounterMode(display=False) as counter:
        run()
    gflops = counter.get_total_flops() / len(batch) / 1e9
    whole: list[float] = []
    alone: list[float] = []
    peak: list[float] = []
    for _ in range(1 + repeats):  # in turn, so that a busy machine slows all of them
        whole.append(
            len(clean.frames)
            / _seconds(lambda: extract_features(clean, backbone=backbone, config=config, cache=None, device="cpu"))
        )
        alone.append(len(batch) / _seconds(run))
        peak.append(2.0 * _PRODUCT**3 / 1e9 / _seconds(lambda: torch.mm(product, product)))
    shares = [own * gflops / most for own, most in zip(alone[1:], peak[1:], strict=True)]
    return FeaturesCost(
        backbone=config.backbone,
        input_px=(config.width_px, config.height_px),
        precision="bf16" if half else "fp32",
        frames_per_s=tuple(whole[1:]),
        cnn_per_s=tuple(alone[1:]),
        gflops_per_frame=gflops,
        peak_share=median(shares),
        bytes_per_frame=2 * math.prod(map_shape(backbone, config)),
    )


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _filmed(folder: Path, *, num_frames: int, num_pictures: int = 16, seed: int = 0) -> CleanDrive:
    """A drive of hardly more than frames: smooth colours with hard-edged boxes, which decode about as fast as roads."""
    rng = np.random.default_rng(seed)
    for number in range(num_pictures):
        coarse = rng.integers(0, 256, (9, 16, 3), np.uint8)
        image = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
        for x, y, width, height in rng.integers(10, 200, (60, 4)) * [3, 2, 1, 1]:
            colour = rng.integers(0, 256, 3).tolist()
            cv2.rectangle(image, (int(x), int(y)), (int(x + width), int(y + height)), colour, thickness=-1)
        noise = rng.normal(0.0, 3.0, image.shape)
        cv2.imwrite(str(folder / f"{number}.jpg"), np.clip(image + noise, 0, 255).astype(np.uint8))
    rows = [(n, "front", f"{n % num_pictures}.jpg", 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0) for n in range(num_frames)]
    camera = Camera(width_px=WIDTH_PX, height_px=HEIGHT_PX, fx_px=400.0, fy_px=400.0, cx_px=320.0, cy_px=180.0)
    return CleanDrive(
        name="made-up",
        source_path=str(folder),
        rate_hz=10.0,
        step_times_ns=np.arange(num_frames),
        tracks=pd.DataFrame([dict.fromkeys(CLEAN_COLUMNS, 0)]).astype(CLEAN_COLUMNS),  # somebody, at the first step
        cameras={"front": camera},
        frames=pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype(FRAME_COLUMNS),
    )
