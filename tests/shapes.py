"""Array shapes and element types are checked at every call while the tests run (``conftest.py`` arranges it)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray, config


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Beartype for those annotations that hold an array's shape.

    All others pyright has checked before anything runs; some of them beartype cannot (``Self``, protocols, generics of
    pydantic). jaxtyping calls this with a stub that has a function's annotations, evaluated.
    """
    hints = {name: hint for name, hint in function.__annotations__.items() if _holds_shape(hint)}
    function.__annotations__ = hints
    return beartype(function) if hints else function


def _holds_shape(hint: object) -> bool:
    is_array = inspect.isclass(hint) and issubclass(hint, AbstractArray)
    return is_array or any(_holds_shape(part) for part in get_args(hint))


@contextmanager
def unchecked() -> Generator[None]:
    """Without the checks, for a training of a thousand steps: they take as long as its arithmetic."""
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", False)
