"""Residual networks with torchvision's parameter names, so that its published weights load."""

from __future__ import annotations

from typing import Final, Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from models.lamps import NUM_LAMPS

BackboneName = Literal["compact", "resnet18", "resnet34"]
NUM_STAGES: Final = 4
BLOCKS: Final[dict[BackboneName, tuple[int, int, int, int]]] = {  # per stage
    "compact": (1, 1, 1, 1),
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
}
WIDTHS: Final[dict[BackboneName, tuple[int, int, int, int]]] = {  # channels per stage
    "compact": (16, 32, 64, 128),  # a quarter: a sixteenth of the work, which a CPU does while it decodes a frame
    "resnet18": (64, 128, 256, 512),
    "resnet34": (64, 128, 256, 512),
}
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)  # of RGB in 0..1, which the published weights expect
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
LAMP_EXCESS: Final = 0.3  # so far above the other primaries a light must be, of 0..1
AMBER_EXCESS: Final = 0.5  # sand, wood and lit windows are yellowish too
LAMP_HALF: Final = 0.05  # and with so much more it counts half of what it can
LAMP_PARTS: Final = 8.0  # what covers more than one in so many parts of its surroundings is paint, not a light
LAMP_AROUND_PX: Final = 17  # which are at least so wide
SIGNAL_BLUE: Final = 0.3  # signals' green is made bluish, so blue counts so much less there


def stride_px(stage: int) -> int:
    """Pixels from one cell of a stage's map to the next."""
    return 2 ** (stage + 1)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2015, figure 5 left; projection shortcut B).

    Args:
        width_in: Channels that come in.
        width: Channels that go out.
        stride: Of the first convolution.
    """

    def __init__(self, width_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or width_in != width:
            shortcut = nn.Conv2d(width_in, width, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))

    def forward(self, x: Float[Tensor, "f i y x"]) -> Float[Tensor, "f c v u"]:
        """One residual step."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet(nn.Module):
    """A ResNet of basic blocks up to one stage; later stages are not built.

    Args:
        name: Of the layout; the two large ones are torchvision's.
        stage: The last stage, 1 to 4.
        num_classes: Adds the classifier ``fc`` (after stage 4 alone); None gives maps.
        generator: Draws the convolutions' weights as torchvision does (Kaiming normal, fan out).
    """

    def __init__(
        self,
        name: BackboneName,
        *,
        stage: int = NUM_STAGES,
        num_classes: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        assert 1 <= stage <= NUM_STAGES, stage
        assert num_classes is None or stage == NUM_STAGES, "the classifier reads the last stage"
        widths = WIDTHS[name]
        self.stage = stage
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        width_in = widths[0]
        for number, (num_blocks, width) in enumerate(zip(BLOCKS[name], widths, strict=True), start=1):
            if number > stage:
                break
            first = BasicBlock(width_in, width, stride=1 if number == 1 else 2)
            rest = [BasicBlock(width, width, stride=1) for _ in range(num_blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
            width_in = width
        self.fc = nn.Linear(widths[-1], num_classes) if num_classes is not None else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)

    def forward(self, x: Float[Tensor, "f 3 y x"]) -> Float[Tensor, "f c *m"]:
        """The stage's map, or the logits where there is a classifier."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.max_pool2d(x, 3, stride=2, padding=1)
        for number in range(1, self.stage + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x if self.fc is None else self.fc(x.mean((-2, -1)))


class Lamps(nn.Module):
    """The strongest red, green and amber light in each cell of a map: signals, brake lights, indicators.

    A strided network loses what is two pixels wide; a maximum over the cell does not. Light is told from paint by being
    as saturated as it is bright, by how far one primary lies above the others, and small: red and yellow buses are as
    bright, and large. What is told lies between zero and one, and soon is near one: a signal far away, two pixels of
    haze and light, is as red as one nearby.

    Args:
        stride_px: Pixels from one cell to the next, as of the map beside it.
    """

    def __init__(self, *, stride_px: int) -> None:
        super().__init__()
        self.stride_px = stride_px

    def forward(self, frames: Float[Tensor, "f 3 y x"]) -> Float[Tensor, "f 3 v u"]:
        """Of RGB frames in 0..1; a cell reaches half a stride, rounded down, to each side of its centre."""
        red, green, blue = frames.unbind(1)
        light = torch.stack(
            (
                red - torch.maximum(green, blue) - LAMP_EXCESS,
                green - torch.maximum(red, blue - SIGNAL_BLUE) - LAMP_EXCESS,
                torch.minimum(red, green) - blue - AMBER_EXCESS,
            ),
            dim=1,
        )
        half = self.stride_px // 2
        light, around = torch.relu(light), max(2 * half + 1, LAMP_AROUND_PX)
        strongest = torch.max_pool2d(light, 2 * half + 1, stride=self.stride_px, padding=half)
        mean = functional.avg_pool2d(light, around, self.stride_px, around // 2, count_include_pad=False)
        lamp = torch.relu(strongest - LAMP_PARTS * mean)
        return lamp / (lamp + LAMP_HALF)


class SceneBackbone(nn.Module):
    """Frames to maps: ImageNet normalisation, a frozen ResNet, and a projection to fewer channels.

    The last ``NUM_LAMPS`` channels are those of ``Lamps``.

    The seeded orthogonal projection keeps distances between the cells' vectors as well as any fixed linear map without
    data can; ``pretrain_scene`` learns a better one. With random weights the maps have values of order one at every
    stage, of order ten in the late ones of ``resnet34`` (measured; two thirds of the root mean square being an offset
    per channel that no frame changes), so nothing is rescaled here.

    Args:
        name: Of the layout.
        stage: Which residual stage's map is given, 1 to 4.
        channels: Of the network's part of the map; at most the stage's width. No projection where they are equal.
        seed: Of the random weights and of the projection.

    Raises:
        ValueError: ``channels`` exceeds the stage's width.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: BackboneName, *, stage: int, channels: int, seed: int) -> None:
        super().__init__()
        width = WIDTHS[name][stage - 1]
        if not 1 <= channels <= width:
            message = f"channels: {channels} is not between 1 and {width}, the width of stage {stage}"
            raise ValueError(message)
        self.stride_px = stride_px(stage)
        self.channels = channels + NUM_LAMPS
        self.lamps = Lamps(stride_px=self.stride_px)
        generator = torch.Generator().manual_seed(seed)
        self.network = ResNet(name, stage=stage, generator=generator)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1), persistent=False)
        # Dilation means nothing to a filter of one cell; but without it torch takes other code for fewer than 16 frames
        # on one thread, and the maps' last bits would depend on threads and on how many frames are at hand.
        self.projection = nn.Conv2d(width, channels, 1, bias=False, dilation=2) if channels < width else nn.Identity()
        if channels < width:
            # Its own seed stream, so that it does not depend on the network before it; QR in double precision, so
            # that machines that round differently still agree on the single-precision values.
            generator = torch.Generator().manual_seed(seed)
            normal = torch.randn(width, channels, dtype=torch.float64, generator=generator)
            rows = torch.linalg.qr(normal).Q.T.reshape(channels, width, 1, 1)
            self.projection.weight = nn.Parameter(rows.float())
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> SceneBackbone:  # noqa: FBT001, FBT002  (torch's signature)
        """Stay in evaluation mode whatever contains this: the backbone is frozen."""
        del mode
        return super().train(False)

    def forward(self, frames: UInt8[Tensor, "f 3 y x"] | Float[Tensor, "f 3 y x"]) -> Float[Tensor, "f c v u"]:
        """The maps of RGB frames: bytes in 0..255, or numbers in 0..1."""
        if frames.dtype == torch.uint8:
            frames = frames.float() / 255.0
        maps = self.projection(self.network((frames - self.mean) / self.std))
        return torch.cat((maps, self.lamps(frames)), dim=1)
