"""nuScenes' scenes and their keyframes, which every other table refers to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from pipeline.drives.json_rows import ABSENT, Rows, texts
from pipeline.drives.nuscenes_version import Version, numbers, times_ns


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """The keyframes of all scenes.

    Attributes:
        scene_of_name: The number of each scene.
        number_of_token: Of each keyframe.
        scene: The scene of each keyframe, -1 of one that cannot be used; one more at the end, which -1 refers to.
        timestamp_ns: Likewise.
    """

    scene_of_name: dict[str, int]
    number_of_token: dict[str, int]
    scene: Int[np.ndarray, " s"]
    timestamp_ns: Int[np.ndarray, " s"]

    def scene_of(
        self, rows: Rows, *, table: str, source_row: Int[np.ndarray, " n"], version: Version
    ) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """The scenes of another table's rows, -1 for one that is left out, and the times of their keyframes."""
        sample = numbers(texts(rows, "sample_token"), self.number_of_token)
        scene = self.scene[sample]
        version.leave_out(table, "refers to no usable row of sample.json", source_row[scene < 0])
        return scene, self.timestamp_ns[sample]


def read_samples(version: Version) -> Samples:
    """Read the scenes and the keyframes.

    Raises:
        InputError: One of the two tables is missing or cannot be read as a whole.
    """
    scene_of_token, scene_of_name = _read_scenes(version)
    number_of_token: dict[str, int] = {}
    scenes, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for source_row, rows in version.keyed("sample", number_of_token):
        scene, time_ns = numbers(texts(rows, "scene_token"), scene_of_token), times_ns(rows)
        version.leave_out("sample", "refers to no row of scene.json", source_row[scene < 0])
        version.leave_out("sample", "unreadable timestamp", source_row[(scene >= 0) & (time_ns == ABSENT)])
        scenes.append(np.where(time_ns == ABSENT, -1, scene))
        times.append(time_ns)
    return Samples(
        scene_of_name=scene_of_name,
        number_of_token=number_of_token,
        scene=np.concatenate([*scenes, [-1]]),
        timestamp_ns=np.concatenate([*times, [ABSENT]]),
    )


def _read_scenes(version: Version) -> tuple[dict[str, int], dict[str, int]]:
    """The numbers of the scenes by token and by name."""
    number_of_token: dict[str, int] = {}
    number_of_name: dict[str, int] = {}
    for source_row, rows in version.keyed("scene", number_of_token):
        for index, (token, name) in enumerate(zip(texts(rows, "token"), texts(rows, "name"), strict=True)):
            if not name or name in number_of_name:
                reason = "the name of an earlier row" if name else "no name"
                version.leave_out("scene", reason, source_row[[index]])
            else:
                number_of_name[name] = number_of_token[token]
    return number_of_token, number_of_name
