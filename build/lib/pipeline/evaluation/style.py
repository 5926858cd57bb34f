"""How every figure looks, and how it is written so that the same numbers give the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe & Ito's palette, which the colour-blind can tell apart.
COLOURS: Final = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#d55e00")
INK: Final = "#222222"
FAINT: Final = "#9a9a9a"


def label(name: str) -> str:
    """A forecaster's name for people: ``social_lstm`` is "Social LSTM"."""
    words = [word.upper() if word == "lstm" else word for word in name.split("_")]
    text = " ".join(words)
    return text[0].upper() + text[1:]


def figure(*, width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure without any global state, and its axes in reading order (inches)."""
    made = Figure(figsize=(width, height), dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(made)
    axes: list[Any] = made.subplots(rows, columns, squeeze=False).ravel().tolist()
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(visible=True, color="#e6e6e6", linewidth=0.8)
        each.set_axisbelow(True)
        each.tick_params(colors=INK, labelsize=9)
    return made, axes


def save(made: Figure, path: Path) -> None:
    """Write a PNG without the time and the version of the library."""
    made.savefig(path, format="png", metadata={"Software": None})
