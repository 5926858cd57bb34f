"""What the parameters are: one frozen, strict model per section of ``params.yaml``, which alone holds the defaults."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """One section of ``params.yaml``: every key must be there, none may be extra, no type is coerced."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Source(Section):
    """Where raw drives lie and how to read them.

    Attributes:
        format: A registry name, or ``auto``.
        path: A folder that holds one drive or several; relative to the repository.
    """

    format: str
    path: str


class SimulateConfig(Section):
    """The simulated drives.

    Attributes:
        num_drives: How many; the kinds of world take turns.
        seed: Of everything; drive k of a seed is the same however many are made.
        duration_s: Of each drive.
        rate_hz: Of the tracks.
        frame_rate_hz: Of each camera's frames; must divide ``rate_hz``.
        cameras: Any of front, front_left and front_right; none: tracks alone.
        width_px: Of the frames.
        height_px: Likewise.
        range_m: The ego senses no farther than this.
    """

    num_drives: Count
    seed: Annotated[int, Field(ge=0)]
    duration_s: Positive
    rate_hz: Positive
    frame_rate_hz: Positive
    cameras: list[Literal["front", "front_left", "front_right"]]
    width_px: Count
    height_px: Count
    range_m: Positive

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        every = self.rate_hz / self.frame_rate_hz
        if not (every.is_integer() and every >= 1.0):
            message = f"frame_rate_hz must divide rate_hz ({self.rate_hz:g})"
            raise ValueError(message)
        if not (1000 / self.rate_hz).is_integer():
            message = f"rate_hz ({self.rate_hz:g}) must divide 1000: SUMO counts milliseconds"
            raise ValueError(message)
        if not (1.0 <= self.duration_s * self.rate_hz < math.inf):
            message = f"duration_s ({self.duration_s:g}) must hold a step of {1.0 / self.rate_hz:g} s, and end"
            raise ValueError(message)
        if len(set(self.cameras)) < len(self.cameras):
            message = "cameras names one twice"
            raise ValueError(message)
        return self


class IngestConfig(Section):
    """From raw measurements to one rate.

    Attributes:
        rate_hz: Rate of the clean table.
        snap_s: A step takes the exact time of a raw frame at most this far from it; less than half a step.
        max_gap_s: Nothing is interpolated between measurements further apart than this.
        max_speed_mps: A displacement that needs more than this is a jump: the track is split there.
        min_motion_m: A heading is taken from motion only over at least this displacement.
    """

    rate_hz: Positive
    snap_s: Annotated[float, Field(ge=0)]
    max_gap_s: Positive
    max_speed_mps: Positive
    min_motion_m: Positive

    @model_validator(mode="after")
    def _one_step_per_frame(self) -> Self:
        if self.snap_s * self.rate_hz >= 0.5:
            message = f"snap_s must be less than half a step ({0.5 / self.rate_hz:g} s)"
            raise ValueError(message)
        return self


class SplitConfig(Section):
    """Which drives train, choose and judge.

    Attributes:
        seed: Of the shuffle.
        validation: Share of the drives (or of the time, for time blocks).
        test: Likewise; the two together leave something to train on.
        min_drives: With fewer drives than this, each drive is cut into time blocks instead.
        gap_s: Time left out between blocks; at least a whole window.
    """

    seed: int
    validation: Fraction
    test: Fraction
    min_drives: Count
    gap_s: Positive

    @model_validator(mode="after")
    def _something_to_train_on(self) -> Self:
        if self.validation + self.test >= 1.0:
            message = "validation and test together must be less than 1"
            raise ValueError(message)
        return self


class PretrainConfig(Section):
    """How the CNN of the scene features learns to see, where ``scene_features.weights`` is what this stage makes.

    Attributes:
        epochs: Passes over the training split's frames; zero leaves the random weights.
        every_s: Between the forecast times whose latest frames are learned from.
        batch_size: Frames per step.
        learning_rate: Peak, decayed by a cosine.
        weight_decay: Of AdamW.
        seed: Of order and augmentation; the start is ``scene_features.seed``'s.
    """

    epochs: Annotated[int, Field(ge=0)]
    every_s: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    seed: int


class SceneConfig(Section):
    """Camera frames to features.

    Attributes:
        backbone: The CNN: ``compact`` for the CPU, or torchvision's ``resnet18`` or ``resnet34``.
        weights: A ``.safetensors`` or ``.pth`` file with torchvision's parameter names: what the stage
            ``pretrain_scene`` makes, or another; null for seeded random ones.
        seed: Of the random weights and of the projection.
        stage: Which residual stage's map is used, 1 to 4.
        channels: The stage's channels are projected to this many, by a seeded orthogonal matrix, or by what
            ``pretrain_scene`` learned; three more tell lamps. Few leave no room to learn places by heart.
        width_px: Frames are resized to this.
        height_px: Likewise.
        batch_size: Frames per forward pass.
        precision: ``bf16`` takes effect on a GPU, and on a CPU with instructions for it.
    """

    backbone: Literal["compact", "resnet18", "resnet34"]
    weights: str | None
    seed: int
    stage: Annotated[int, Field(ge=1, le=4)]
    channels: Count
    width_px: Count
    height_px: Count
    batch_size: Count
    precision: Literal["fp32", "bf16"]


class WindowsConfig(Section):
    """Scenes around forecast times.

    Attributes:
        observed_s: History up to the forecast time.
        future_s: The horizon.
        rate_hz: Of the steps; must divide the rate of the clean table.
        every_s: Between forecast times.
        max_age_s: An agent last known longer ago than this at the forecast time is not in the scene.
        num_frames: Frame slots per scene, oldest first, the last at the forecast time.
        frame_spacing_s: Between slots; a slot holds the latest frame up to its time, at most this old.
    """

    observed_s: Positive
    future_s: Positive
    rate_hz: Positive
    every_s: Positive
    max_age_s: Positive
    num_frames: Count
    frame_spacing_s: Positive

    @property
    def num_observed(self) -> int:
        """Observed steps, the one at the forecast time included."""
        return round(self.observed_s * self.rate_hz) + 1

    @property
    def num_future(self) -> int:
        """Future steps."""
        return round(self.future_s * self.rate_hz)


class TrainConfig(Section):
    """The forecaster and how it is trained.

    Attributes:
        cell: The recurrent cell: the ``lstm``, or one with full ``peephole`` matrices.
        interaction: How agents see one another: not at all, by an ``occupancy`` grid of where they are, by a ``social``
            grid of their states, or by ``attention``.
        decoder: ``low_rank`` paths around anchors, the same with vehicles steered as a ``unicycle`` within bounds, or
            the ``autoregressive`` Gaussian of 2016.
        base: The path that residuals are added to: ``motion`` that goes on, its turn fading; ``following``: the same
            with the acceleration fading too, and vehicles taking on their leaders' speeds (not without interaction); or
            a ``linear`` map of the past, fitted on the training split; the single path then has layers of its own, over
            the past alone.
        scene: Use the scene features.
        width: Of the recurrent state.
        num_modes: Alternative futures.
        basis_rank: Of the low-rank basis of futures.
        residual_power: Residuals to the base path have the size of the speed to this power: one makes those of a bus
            and a pedestrian alike, zero leaves them in metres.
        anchors: Modes start at k-means centres of the training split's futures; otherwise all at the base path.
        turn_to_heading: Every agent's frame has its heading as x axis; otherwise all have the scene's axes.
        grid_cells: A grid has this many cells along each side; attention reaches as far.
        cell_m: Side of one cell.
        pooled_width: A neighbour's state is projected to this before it is pooled or attended to.
        num_heads: Of the attention.
        dropout: Probability.
        seed: Of starts, order and augmentation.
        precision: ``auto`` is ``bf16`` on a GPU and ``fp32`` elsewhere; ``fp16`` (with loss scaling) needs a GPU.
        device: ``auto``, ``cpu`` or ``cuda``.
        agents_per_batch: Whole scenes are taken into a step until they hold so many agents.
        accumulate: In so many parts they go through the network, one after the other, in each process.
        max_epochs: At most.
        patience: Epochs without a better validation error before stopping.
        keep: The weights after the ``best`` epoch by the validation split, or after the ``last``; then there is no
            stopping before, and the validation split may be empty.
        learning_rate: Peak, decayed by a cosine over ``max_epochs``.
        weight_decay: Of AdamW.
        max_norm: Gradients are clipped to this norm, those of the scene branch and of all the rest apart.
        cuda_graphs: On one GPU a whole step becomes a CUDA graph, and is launched at once; without, and on anything
            else, its operations are launched one by one. So are they with ``accumulate``, with the autoregressive
            decoder, and where scenes are so large that all pairs of a batch would be more than half a million.
        compile: These steps are compiled first, which takes a minute or more and pays in a long training.
        max_skipped: Training ends when so many steps in a row had a loss or gradient that is not finite.
        ema: Decay of the moving average of the weights; zero: none.
        relaxation: Of the weight that the modes that did not win share (relaxed winner-takes-all); it fades to zero
            over the training.
        final_weight: Of the last step's displacement in the loss, beside the mean one.
        mirror_augmentation: Half of the scenes are mirrored.
        scale_augmentation: Scenes are scaled by up to this share either way.
        noise_augmentation_m: Of half of the scenes the histories get noise of a deviation of up to this.
        drop_augmentation: Of half of the scenes up to this share of the observations are dropped, one by one.
        truncation: Share of the agents that lose a part of their history, so that short ones are learned too.
        manoeuvre_weight: Of the manoeuvre head in the loss; zero: no head, the modes tell the manoeuvres.
        scene_weight: Of a second one in the loss, which sees the frames and the present motion but no history and no
            neighbour, so that the scene branch learns what frames tell; zero, or without a manoeuvre head or frames:
            none. Frames are not mirrored with their scene: mirrored ones do not count here.
        appearance_dropout: Share of the CNN's channels, lamps apart, that an agent does without, drawn for each aim.
        class_balance: Agents count by their class's frequency to the power of minus this; zero: all alike.
    """

    cell: Literal["lstm", "peephole"]
    interaction: Literal["none", "occupancy", "social", "attention"]
    decoder: Literal["low_rank", "unicycle", "autoregressive"]
    base: Literal["motion", "following", "linear"]
    scene: bool
    width: Count
    num_modes: Count
    basis_rank: Count
    residual_power: Fraction
    anchors: bool
    turn_to_heading: bool
    grid_cells: Count
    cell_m: Positive
    pooled_width: Count
    num_heads: Count
    dropout: Fraction
    seed: int
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    device: Literal["auto", "cpu", "cuda"]
    agents_per_batch: Count
    accumulate: Count
    max_epochs: Count
    patience: Count
    keep: Literal["best", "last"]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    max_norm: Positive
    cuda_graphs: bool
    compile: bool
    max_skipped: Count
    ema: Fraction
    relaxation: Fraction
    final_weight: Annotated[float, Field(ge=0)]
    mirror_augmentation: bool
    scale_augmentation: Fraction
    noise_augmentation_m: Annotated[float, Field(ge=0)]
    drop_augmentation: Fraction
    truncation: Fraction
    class_balance: Fraction
    manoeuvre_weight: Annotated[float, Field(ge=0)]
    scene_weight: Annotated[float, Field(ge=0)]
    appearance_dropout: Fraction

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.interaction == "attention" and self.pooled_width % self.num_heads:
            message = f"pooled_width ({self.pooled_width}) must be a multiple of num_heads ({self.num_heads})"
            raise ValueError(message)
        return self


class EvaluateConfig(Section):
    """How held-out drives are judged.

    Attributes:
        miss_m: A forecast whose final error exceeds this is a miss.
        mover_m: An agent that moves at least this far within the recorded future is a mover.
        bootstrap: Resamples of the agents for 95 % intervals.
        seed: Of the bootstrap.
    """

    miss_m: Positive
    mover_m: Positive
    bootstrap: Count
    seed: int
