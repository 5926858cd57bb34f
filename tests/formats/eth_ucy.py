"""The made-up scene as the ETH and UCY recordings are written: everybody is a pedestrian, nobody records."""

from pathlib import Path
from typing import Final

from tests.formats.scene import MadeUpScene

HOLDS: Final = frozenset()
RATE_HZ: Final = 2.5


def write_eth_ucy(folder: Path, scene: MadeUpScene) -> None:
    tracks = scene.tracks[scene.tracks["timestamp_ns"].isin(scene.times_ns[::4]) & ~scene.tracks["is_ego"]]
    number = {name: float(id_) for id_, name in enumerate(sorted(tracks["track_id"].unique()), start=1)}
    frame = 780.0 + 10.0 * ((tracks["timestamp_ns"] - scene.times_ns[0]) // 400_000_000)
    table = tracks.assign(frame=frame, id=tracks["track_id"].map(number))
    table[["frame", "id", "x_m", "y_m"]].to_csv(folder / "made_up.txt", sep="\t", header=False, index=False)
