"""Of what kind a drive's scene features are, and what all drives of a data set have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureKind:
    """Of one drive.

    Attributes:
        name: The drive's name.
        num_frames: With a map each.
        channels: Of the maps.
        digest: Of the CNN that made the maps; empty where there was none.
    """

    name: str
    num_frames: int
    channels: int
    digest: str


def common_channels(kinds: Sequence[FeatureKind]) -> int:
    """Channels of the drives with frames, else of any.

    Raises:
        InputError: Drives with frames differ in them.
    """
    with_frames = {one.channels for one in kinds if one.num_frames}
    if len(with_frames) > 1:
        what = f"differ in channels ({', '.join(map(str, sorted(with_frames)))})"
        raise InputError("scene features", what, "run the scene_features stage again for all drives")
    return max(with_frames or {one.channels for one in kinds}, default=0)


def common_digest(kinds: Sequence[FeatureKind]) -> str:
    """Digest of the CNN that all maps come from; empty where no drive has any.

    Raises:
        InputError: They come from different CNNs.
    """
    digests = {one.digest: one.name for one in kinds if one.digest}
    if len(digests) > 1:
        what = f"come from different CNNs ({', '.join(sorted(digests.values()))})"
        raise InputError("scene features", what, "run the scene_features stage again for all sources")
    return next(iter(digests), "")
